#include "tools/m3_inspect/options.h"

#include <CLI/CLI.hpp>

#include "tools/common/command_line.h"

namespace m3::inspect {
namespace {

constexpr char kTool[] = "m3-inspect";

constexpr char kAbout[] =
    "Shows what a model is, what of it is missing and how much memory it needs; or runs it once "
    "and\n"
    "writes every stage down. Exit codes: 0 done, 1 failed or something is missing, 2 wrong use.";

constexpr char kExamples[] =
    "Examples:\n"
    "  m3-inspect default\n"
    "  m3-inspect --json models/default\n"
    "  m3-inspect --tokenize 'What do you see?' default\n"
    "  m3-inspect --image cat.jpg --scale 36 --prompt 'What is this?' --trace stages.safetensors "
    "default\n"
    "\n"
    "The traced file holds, as far as they apply: pixel_values [T,3,H,W], tower [T,P,Dv], "
    "projected [T,N,D],\n"
    "pooled [n,D] and logits [S,V] as float32, input_ids [S] (-200 at visual tokens) and "
    "generated_ids [G] as int64.";

std::string objection(const Options& options) {
  const bool run_options =
      !options.image.empty() || !options.pixels.empty() || !options.prompt.empty();
  if (options.tokenize && (run_options || !options.trace.empty()))
    return "--tokenize goes with no other work";
  if (run_options && options.trace.empty())
    return "--image, --pixels and --prompt need --trace FILE";
  if (!options.trace.empty() && options.prompt.empty())
    return "--trace needs --prompt or --raw-prompt";
  if (!options.image.empty() && !options.pixels.empty())
    return "only one of --image and --pixels may be given";
  return {};
}

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
  Options options;
  CLI::App app(kAbout, kTool);
  app.footer(kExamples);
  app.get_formatter()->column_width(32);
  app.add_option("MODEL", options.engine.model,
                 "default, fake:, random:CONFIG.json[,SEED] or a folder; default: default");
  app.add_flag("--json", options.json, "One JSON object a line");
  app.add_option(
         "--tokenize", options.tokenize,
         "Print this text's token ids as a JSON array; bytes that are not UTF-8 become U+FFFD")
      ->type_name("TEXT");

  const std::string run = "One run, written down";
  app.add_option("--trace", options.trace, "Write every stage of one greedy run to this file")
      ->group(run)
      ->type_name("OUT.safetensors");
  app.add_option("--image", options.image, "The picture")->group(run)->type_name("FILE");
  app.add_option("--pixels", options.pixels,
                 "Take pixel_values from this file in place of a picture")
      ->group(run)
      ->type_name("FILE.safetensors");
  app.add_option("--scale", options.scale,
                 "Visual tokens of the picture, a number of the ladder; default: the finest")
      ->group(run)
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 20).description(""));
  std::string raw_prompt;
  auto* prompt = app.add_option("--prompt", options.prompt,
                                "The user's question; the model's template is applied")
                     ->group(run)
                     ->type_name("TEXT");
  app.add_option("--raw-prompt", raw_prompt,
                 "The whole text as it is; <image> marks the picture's place")
      ->group(run)
      ->type_name("TEXT")
      ->excludes(prompt);
  app.add_option("--max-new-tokens", options.max_new_tokens,
                 "Longest answer, in tokens; default: 32")
      ->group(run)
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 20).description(""));

  const std::string engine = "Where it runs";
  app.add_option("--device", options.engine.device, "auto, cpu, cuda or cuda:N; default: auto")
      ->group(engine)
      ->type_name("DEVICE");
  app.add_option("--dtype", options.engine.dtype,
                 "auto, float32, bfloat16 or, on CUDA, float16; default: auto")
      ->group(engine)
      ->type_name("DTYPE");
  app.add_option("--threads", options.engine.threads, "Compute threads, 0: all cores; default: 0")
      ->group(engine)
      ->type_name("N")
      ->check(CLI::Range(0, 1024).description(""));

  if (const auto code = tools::parse_command_line(app, argc, argv)) return *code;
  if (!raw_prompt.empty()) {
    options.prompt = raw_prompt;
    options.raw_prompt = true;
  }
  if (const std::string text = objection(options); !text.empty())
    return tools::wrong_use(kTool, text);
  return options;
}

}  // namespace m3::inspect
