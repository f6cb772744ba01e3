#include "tools/m3_bench/options.h"

#include <CLI/CLI.hpp>
#include <vector>

#include "tools/common/command_line.h"

namespace m3::bench {
namespace {

constexpr char kTool[] = "m3-bench";

constexpr char kAbout[] =
    "Speeds of a model on this machine, as shares of what the machine can do and of what peers do, "
    "all measured in "
    "one run.\nOn a busy machine only the ratios say something. Exit codes: 0 done, 1 failed, 2 "
    "wrong use.";

constexpr char kExamples[] =
    "Examples:\n"
    "  m3-bench\n"
    "  m3-bench encode --json\n"
    "  m3-bench decode --model random:config.json --dtype bfloat16\n"
    "\n"
    "encode   a 720p frame to visual tokens; the tower alone beside ONNX Runtime on the same "
    "graph\n"
    "prefill  visual tokens into the window, as a share of the machine's matrix rate\n"
    "decode   tokens of answers, as a share of the machine's memory bandwidth; one answer, eight "
    "at once\n"
    "stream   frames to tokens to window with questions in between, without elements\n"
    "llava    a LLaVA model's tower, prefill and decode at 1, 36 and 576 visual tokens beside "
    "transformers; not part of all\n"
    "soak     a stream of --frames frames of random tokens through one session: fails when memory "
    "grows; not part of all\n"
    "streams  --streams sessions at once on one engine, without the tower; not part of all\n"
    "train    a step of training on four pictures, beside PyTorch; not part of all\n"
    "ttft     the first token of an answer early and late in a stream, and where the window has "
    "to be read first; not part of all";

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
  Options options;
  std::string what = "all";
  CLI::App app(kAbout, kTool);
  app.footer(kExamples);
  app.get_formatter()->column_width(32);
  app.add_option(
         "WHAT", what,
         "encode, prefill, decode, stream, llava, soak, streams, train, ttft or all; default: all")
      ->check(CLI::IsMember({"encode", "prefill", "decode", "stream", "llava", "soak", "streams",
                             "train", "ttft", "all"}));
  app.add_option("--frames", options.frames, "Frames of soak, 20 or more; default: 20000")
      ->check(CLI::Range(int64_t{20}, int64_t{1'000'000'000}));
  app.add_option("--model", options.engine.model,
                 "default, random:CONFIG.json[,SEED] or a folder; default: default");
  app.add_option("--device", options.engine.device, "auto, cpu, cuda or cuda:N; default: auto");
  app.add_option("--dtype", options.engine.dtype,
                 "auto, float32, bfloat16 or, on CUDA, float16; default: auto");
  app.add_option("--threads", options.engine.threads,
                 "Compute threads on the CPU, 0: all cores; default: 0")
      ->check(CLI::Range(0, 1024));
  app.add_option("--streams", options.streams, "Sessions of streams; default: 16")
      ->check(CLI::Range(1, 1024));
  app.add_option("--seconds", options.seconds, "How long streams measures; default: 10")
      ->check(CLI::Range(0.1, 86400.0));
  app.add_flag("--processes", options.processes,
               "streams: compare with as many processes of one stream each");
  app.add_flag("--wait", options.wait)->group("");  // between m3-bench and its own processes
  app.add_option("--peer-python", options.python,
                 "Python that runs the peers; default: " M3_PEER_PYTHON);
  app.add_flag("--json", options.json, "One JSON object a line");
  if (const auto code = tools::parse_command_line(app, argc, argv)) return *code;
  if (what == "all") {
    options.what = {"encode", "prefill", "decode", "stream"};
  } else {
    options.what = {what};
  }
  return options;
}

}  // namespace m3::bench
