#include "tools/m3_eval/options.h"

#include <CLI/CLI.hpp>

#include "tools/common/command_line.h"

namespace m3::eval {
namespace {

constexpr char kTool[] = "m3-eval";

constexpr char kAbout[] =
    "Measures how right a model's answers are. Exit codes: 0 done, 1 failed, 2 wrong use.";

constexpr char kExamples[] =
    "Examples:\n"
    "  m3-eval granularity --data PICTURES --limit 500\n"
    "  m3-eval granularity --data PICTURES --questions questions.jsonl\n"
    "  m3-eval granularity --data PICTURES --questions questions.jsonl --blind --json\n"
    "\n"
    "Each line of the questions: file (a picture, seen from the data folder), question, answer, "
    "type,\n"
    "and optionally accept (a list of texts that are right, too). Without --questions: the file\n"
    "annotations.jsonl of the data folder; each line: file, and optionally split (train, val), "
    "label,\n"
    "objects (a list of label, box [x, y, width, height], color), width, height, source, "
    "complete,\n"
    "crowd.";

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
  Options options;
  CLI::App app(kAbout, kTool);
  app.footer(kExamples);
  app.get_formatter()->column_width(32);
  app.require_subcommand(1);
  CLI::App* granularity = app.add_subcommand(
      "granularity",
      "Accuracy at each scale, by kind of question; and the oracle: the fewest tokens that answer "
      "right");
  granularity->get_formatter()->column_width(32);
  granularity->add_option("--data", options.data, "Folder of the pictures")
      ->required()
      ->type_name("DIR");
  granularity
      ->add_option("--questions", options.questions,
                   "What is asked, JSON Lines; without it questions are made from the data "
                   "folder's annotations")
      ->type_name("FILE.jsonl");
  granularity
      ->add_option("--split", options.split,
                   "Pictures that questions are made of: train or val; default: val")
      ->check(CLI::IsMember({"train", "val"}));
  granularity->add_option("--seed", options.seed, "Other questions are made; default: 1");
  granularity
      ->add_option("--limit", options.limit,
                   "Ask only N: the first of the file, or those of as many pictures as it takes; "
                   "0: all; default: 0")
      ->type_name("N");
  granularity->add_flag("--print-questions", options.print_questions,
                        "Print the questions, as --questions takes them, and ask nothing");
  granularity->add_flag("--blind", options.blind,
                        "Ask about grey pictures, too: what the model says without seeing");
  granularity->add_option(
      "--model", options.engine.model,
      "default, fake:, random:CONFIG.json[,SEED] or a folder; default: default");
  granularity->add_option("--device", options.engine.device,
                          "auto, cpu, cuda or cuda:N; default: auto");
  granularity->add_option("--dtype", options.engine.dtype,
                          "auto, float32, bfloat16 or, on CUDA, float16; default: auto");
  granularity
      ->add_option("--threads", options.engine.threads,
                   "Compute threads on the CPU, 0: all cores; default: 0")
      ->check(CLI::Range(0, 1024));
  granularity->add_flag("--json", options.json, "One JSON object a line");
  if (const auto code = tools::parse_command_line(app, argc, argv)) return *code;
  return options;
}

}  // namespace m3::eval
