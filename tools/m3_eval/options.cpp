#include "tools/m3_eval/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

#include "tools/common/command_line.h"

namespace m3::eval {
namespace {

constexpr char kTool[] = "m3-eval";

constexpr char kAbout[] =
    "Measures how right a model's answers are. Exit codes: 0 done, 1 failed, 2 wrong use.";

constexpr char kExamples[] =
    "Examples:\n"
    "  m3-eval granularity --data PICTURES --limit 500\n"
    "  m3-eval granularity --data PICTURES --questions questions.jsonl --plot curve.png\n"
    "  m3-eval granularity --data PICTURES --questions questions.jsonl --blind --json\n"
    "  m3-eval video --data CLIPS --budget 30\n"
    "  m3-eval control --data PICTURES --questions 2000 --plot control.png\n"
    "  m3-eval memory --data PICTURES --needles 100 --minutes 1 10 60\n"
    "\n"
    "Each line of the questions: file (a picture, seen from the data folder), question, answer, "
    "type,\n"
    "and optionally accept (a list of texts that are right, too). Without --questions: the file\n"
    "annotations.jsonl of the data folder; each line: file, and optionally split (train, val), "
    "label,\n"
    "label_color, captions, objects (a list of label, box [x, y, width, height], color), width, "
    "height,\n"
    "source, complete, crowd.\n"
    "For video the questions are about clips: video in place of file, and t1, the second of the "
    "stream\n"
    "at which to ask (null: at the end).";

void add_study(CLI::App& app, StudyOptions& options, const char* data) {
  app.get_formatter()->column_width(32);
  app.add_option("--data", options.data, data)->required()->type_name("DIR");
  app.add_option("--model", options.engine.model,
                 "default, fake:, random:CONFIG.json[,SEED] or a folder; default: default");
  app.add_option("--device", options.engine.device, "auto, cpu, cuda or cuda:N; default: auto");
  app.add_option("--dtype", options.engine.dtype,
                 "auto, float32, bfloat16 or, on CUDA, float16; default: auto");
  app.add_option("--threads", options.engine.threads,
                 "Compute threads on the CPU, 0: all cores; default: 0")
      ->check(CLI::Range(0, 1024));
  app.add_flag("--json", options.json, "One JSON object a line");
}

void add_plot(CLI::App& app, StudyOptions& options) {
  app.add_option("--plot", options.plot, "Also draw accuracy against tokens")
      ->type_name("FILE.png");
}

void add_split(CLI::App& app, std::string& split) {
  app.add_option("--split", split,
                 "Pictures that questions are made of: train or val; default: val")
      ->check(CLI::IsMember({"train", "val"}));
}

void add_granularity(CLI::App& app, GranularityOptions& options) {
  add_study(app, options, "Folder of the pictures");
  add_plot(app, options);
  app.add_option("--questions", options.questions,
                 "What is asked, JSON Lines; without it questions are made from the data "
                 "folder's annotations")
      ->type_name("FILE.jsonl");
  add_split(app, options.split);
  app.add_option("--seed", options.seed, "Other questions are made; default: 1");
  app.add_option("--limit", options.limit,
                 "Ask only N: the first of the file, or those of as many pictures as it takes; "
                 "0: all; default: 0")
      ->type_name("N");
  app.add_flag("--print-questions", options.print_questions,
               "Print the questions, as --questions takes them, and ask nothing");
  app.add_flag("--blind", options.blind,
               "Ask about grey pictures, too: what the model says without seeing");
}

// What m3qa is told, as text; the element checks it.
struct ElementTexts {
  std::optional<std::string> budget, burst, fps, window_tokens;
};

void add_video(CLI::App& app, VideoOptions& options, ElementTexts& texts) {
  add_study(app, options, "Folder of the clips");
  app.add_option("--questions", options.questions,
                 "What is asked, JSON Lines; default: questions.jsonl in the data folder")
      ->type_name("FILE.jsonl");
  app.add_option("--scale", options.scale,
                 "auto, or visual tokens of every frame: a number of the ladder; default: auto")
      ->type_name("auto|N");
  const CLI::Range at_least_zero(0.0, 1e6);
  app.add_option("--budget", texts.budget, "Visual tokens a second, 0: no limit; default: 64")
      ->check(at_least_zero);
  app.add_option("--burst", texts.burst, "Tokens saved up at most; default: 10 s of budget")
      ->check(at_least_zero);
  app.add_option("--fps", texts.fps, "Frames looked at a second, 0: all; default: 2")
      ->check(CLI::Range(0.0, 1000.0));
  app.add_option("--window-tokens", texts.window_tokens,
                 "Visual tokens in the window, 0: what the model was trained for; default: 0")
      ->check(CLI::Range(0, 1'000'000));
}

void add_control(CLI::App& app, ControlOptions& options) {
  add_study(app, options, "Folder of the pictures that sequences are made of");
  add_plot(app, options);
  add_split(app, options.split);
  app.add_option("--seed", options.seed, "Other sequences are made; default: 1");
  app.add_option("--questions", options.questions,
                 "Sequences are made until there are N questions; default: 2000")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  app.add_option("--budget", options.budgets,
                 "Visual tokens a second, more behind it; default: 1 4 16")
      ->check(CLI::Range(0.1, 1e6));
  app.add_option("--fps", options.fps, "Frames looked at a second; default: 2")
      ->check(CLI::Range(0.1, 30.0));
  app.add_option("--window-tokens", options.window_tokens,
                 "Visual tokens in the window, 0: what the model was trained for; default: 0")
      ->check(CLI::Range(0, 1'000'000));
}

void add_memory(CLI::App& app, MemoryOptions& options) {
  add_study(app, options, "Folder of the pictures, whose labels are asked for");
  add_split(app, options.split);
  app.add_option("--seed", options.plan.seed, "Other streams are made; default: 1");
  app.add_option("--needles", options.plan.needles,
                 "Pictures that are asked about, each three times; default: 100")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--minutes", options.plan.minutes,
                 "Of other video behind them, ascending; default: 1 10 60")
      ->check(CLI::Range(0.1, 100'000.0));
  app.add_option("--window-tokens", options.plan.window_tokens,
                 "Visual tokens in the window, 0: what the model was trained for; default: 0")
      ->check(CLI::Range(0, 1'000'000));
  app.add_option("--scene-seconds", options.plan.scene_seconds,
                 "How long one picture of the other video stays; default: 20")
      ->check(CLI::Range(1.0, 3600.0));
}

}  // namespace

AnyOptions parse_options(int argc, char** argv) {
  CLI::App app(kAbout, kTool);
  app.footer(kExamples);
  app.get_formatter()->column_width(32);
  app.require_subcommand(1);
  CLI::App* granularity = app.add_subcommand(
      "granularity",
      "Accuracy at each scale, by kind of question; and the oracle: the fewest tokens that answer "
      "right");
  CLI::App* video = app.add_subcommand(
      "video", "Accuracy on clips, in one pass each, by kind of question; and what it costs");
  CLI::App* control = app.add_subcommand(
      "control",
      "Accuracy against tokens on long sequences that are made on the spot: scales chosen frame by "
      "frame, and every fixed scale, at the same budgets");
  CLI::App* memory = app.add_subcommand(
      "memory",
      "What is still known of a picture that was in view for 2 seconds, after minutes of other "
      "video: nested memory beside a window of as many tokens that holds the last frames only, and "
      "beside grey pictures; and after 30 seconds what becoming coarser costs");
  GranularityOptions granularity_options;
  VideoOptions video_options;
  ElementTexts texts;
  ControlOptions control_options;
  add_granularity(*granularity, granularity_options);
  add_video(*video, video_options, texts);
  add_control(*control, control_options);
  MemoryOptions memory_options;
  add_memory(*memory, memory_options);
  if (const auto code = tools::parse_command_line(app, argc, argv)) return *code;
  if (granularity->parsed()) return granularity_options;
  if (control->parsed()) return control_options;
  if (memory->parsed()) {
    const std::vector<double>& minutes = memory_options.plan.minutes;
    if (!std::is_sorted(minutes.begin(), minutes.end()))
      return tools::wrong_use(kTool, "--minutes must ascend");
    return memory_options;
  }
  const EngineOptions& engine = video_options.engine;
  auto& properties = video_options.element_properties;
  properties = {{"model", engine.model},
                {"device", engine.device},
                {"dtype", engine.dtype},
                {"threads", std::to_string(engine.threads)},
                {"scale", video_options.scale}};
  const auto add = [&](const char* name, const std::optional<std::string>& text) {
    if (text) properties.emplace_back(name, *text);
  };
  add("budget", texts.budget);
  add("burst", texts.burst);
  add("fps", texts.fps);
  add("window-tokens", texts.window_tokens);
  return video_options;
}

}  // namespace m3::eval
