#include "tools/m3_train/options.h"

#include <CLI/CLI.hpp>

#include "tools/common/command_line.h"

namespace m3::train {
namespace {

constexpr char kTool[] = "m3-train";

constexpr char kAbout[] =
    "Teaches the default model on a folder of annotated pictures, with the same answers wanted at "
    "every scale. The same command goes on where it was ended. Exit codes: 0 done, 1 failed, 2 "
    "wrong use.";

constexpr char kExamples[] =
    "Examples:\n"
    "  m3-train --data PICTURES --out RUN --minutes 50\n"
    "  m3-train --data PICTURES --out RUN --steps 2000 --seed 3\n"
    "  m3-train --data MY_CAMERA --out RUN --init default --minutes 10\n"
    "  m3-train pack --data PICTURES --out RUN --to PACK       carry PACK to a machine with a "
    "GPU;\n"
    "  m3-train --data PACK --out RUN --minutes 50             there, go on\n"
    "  m3-ask --model RUN/model --image PICTURE --question 'What is this?'\n"
    "\n"
    "RUN holds curve.csv (step, loss, examples, seconds), checkpoint.safetensors, features.bin "
    "(what\n"
    "the vision tower saw; may be deleted when the run is over) and model/. The settings of "
    "--config\n"
    "and the annotations are described in docs/training.md.";

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
  Options options;
  std::string config;
  CLI::App app(kAbout, kTool);
  app.footer(kExamples);
  app.get_formatter()->column_width(30);
  app.add_option("--data", options.data, "Folder of pictures with annotations.jsonl, or of a pack")
      ->required()
      ->type_name("DIR");
  app.add_option("--out", options.out, "Folder that the run is kept in; made when it is not there")
      ->required()
      ->type_name("DIR");
  auto* minutes = app.add_option("--minutes", options.minutes,
                                 "Train this long, all starts of the run together; default: 60")
                      ->check(CLI::Range(0.01, 1e6))
                      ->type_name("M");
  app.add_option("--steps", options.steps,
                 "Train so many steps instead; then equal runs give equal losses, to the bit")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}))
      ->excludes(minutes)
      ->type_name("N");
  app.add_option("--seed", options.seed, "Other examples and another beginning; default: 1");
  app.add_option("--init", options.init,
                 "Train this model's projector and updates on; without it they begin anew, on the "
                 "default model's tower and language model")
      ->type_name("MODEL");
  app.add_option("--config", config, "JSON file with settings")->type_name("FILE");
  app.add_option("--features", options.features,
                 "File that keeps what the vision tower saw, to be shared by runs one after the "
                 "other; default: features.bin in --out")
      ->type_name("FILE");
  app.add_option("--device", options.device, "auto, cpu, cuda or cuda:N; default: auto");
  app.add_option("--dtype", options.dtype,
                 "Of the matrix products: auto, float32 or bfloat16; default: auto");
  app.add_option("--threads", options.threads,
                 "Compute threads on the CPU, 0: all cores; default: 0")
      ->check(CLI::Range(0, 1024));
  auto* pack = app.add_subcommand(
      "pack",
      "Draws examples, lets the vision tower see their pictures and writes the run in pieces of at "
      "most 50 MB, for a machine that has no pictures and perhaps no internet");
  pack->fallthrough();  // the options of a run stand behind it, too
  pack->add_option("--to", options.pack_to, "Folder that the pieces are written to")
      ->required()
      ->type_name("DIR");
  pack->add_option(
          "--examples", options.pack_examples,
          "Examples to draw; behind the last one comes the first one again; default: 20000")
      ->check(CLI::Range(uint64_t{1}, uint64_t{100'000'000}))
      ->type_name("N");
  if (const auto code = tools::parse_command_line(app, argc, argv)) return *code;
  if (!config.empty()) options.settings = read_settings(config);
  return options;
}

}  // namespace m3::train
