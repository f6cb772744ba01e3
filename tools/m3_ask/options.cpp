#include "tools/m3_ask/options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <iomanip>
#include <set>
#include <sstream>

#include "tools/common/command_line.h"

namespace m3::ask {
namespace {

constexpr char kTool[] = "m3-ask";
constexpr double kLongestSeconds = 1e8;  // three years; keeps nanoseconds far inside 64 bits

constexpr char kChat[] = "chat";  // name of the conversation

constexpr char kAbout[] =
    "Asks a vision language model about a video, pictures or nothing but text.\n"
    "Answers go to stdout as `[MM:SS.s] answer`, or as JSON Lines with --json; everything else "
    "goes to stderr.\n"
    "Exit codes: 0 done, 1 failed, 2 wrong use.";

constexpr char kExamples[] =
    "Examples:\n"
    "  m3-ask --video street.mp4 --question 'What do you see?' --every 5\n"
    "  m3-ask --video street.mp4 --question 'Is there a car?' --at 2 --at 10.5 --frames --json\n"
    "  m3-ask --video rtsp://camera/stream --question 'Who is there?' --every 10\n"
    "  m3-ask --video street.mp4 --question 'Is there a car?' --every 2 --plot street.png\n"
    "  m3-ask --video street.mp4 --interactive --chat\n"
    "  m3-ask --image door.jpg --image yard.jpg --question 'What changed?'\n"
    "  m3-ask --questions questions.jsonl --video-root clips --json\n"
    "  m3-ask --windows windows.jsonl --image-root pictures --json\n"
    "\n"
    "A line of --questions: {\"video\": \"a.mp4\", \"question\": \"...\", \"t0\": null, \"t1\": "
    "4.0}, asked when the stream\n"
    "reaches t1 (null: at its end), or {\"file\": \"a.jpg\", \"question\": \"...\", \"scale\": "
    "36}.\n"
    "A line of --windows: {\"frames\": [{\"file\": \"a.jpg\", \"second\": 3, \"scale\": 9}], "
    "\"question\": \"...\"}; second null:\n"
    "a still picture.";

// A finite number of low..high; above_low: low itself is refused too.
CLI::Validator number(double low, double high, bool above_low = false) {
  return CLI::Validator(
      [=](std::string& text) -> std::string {
        double value = 0;
        if (!CLI::detail::lexical_cast(text, value) || !std::isfinite(value)) {
          return "'" + text + "' is not a number";
        }
        if (value < low || value > high || (above_low && value == low)) {
          std::ostringstream message;
          message << std::setprecision(12) << text << " is not in " << (above_low ? "above " : "")
                  << low << ".." << high;
          return message.str();
        }
        return {};
      },
      "");
}

CLI::Validator whole_number(int64_t low, int64_t high) {
  return CLI::Validator(
      [=](std::string& text) -> std::string {
        int64_t value = 0;
        if (!CLI::detail::lexical_cast(text, value)) return "'" + text + "' is not a whole number";
        if (value < low || value > high) {
          return text + " is not in " + std::to_string(low) + ".." + std::to_string(high);
        }
        return {};
      },
      "");
}

CLI::Validator scale_text() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        int value = 0;
        if (text == "auto" || (CLI::detail::lexical_cast(text, value) && value > 0)) return {};
        return "'" + text + "' is neither auto nor a number of visual tokens such as 36";
      },
      "");
}

// Adds options that are properties of m3qa too, and remembers which the user gave.
class PropertyOptions {
 public:
  explicit PropertyOptions(CLI::App& app) : app_(app) {}

  template <typename Value>
  CLI::Option* add(const std::string& name, Value& value, const std::string& help) {
    CLI::Option* option = app_.add_option("--" + name, value, help);
    options_.emplace_back(name, option);
    return option;
  }

  std::vector<std::pair<std::string, std::string>> given() const {
    std::vector<std::pair<std::string, std::string>> properties;
    for (const auto& [name, option] : options_) {
      for (const std::string& text : option->results()) properties.emplace_back(name, text);
    }
    return properties;
  }

 private:
  CLI::App& app_;
  std::vector<std::pair<std::string, CLI::Option*>> options_;
};

// What the options mean together; empty: nothing to object.
std::string objection(const Options& options) {
  const int sources = int{options.plays_video()} + int{!options.images.empty()} +
                      int{!options.questions_file.empty()} + int{!options.windows_file.empty()};
  if (sources > 1) return "only one of --video, --image, --questions and --windows may be given";
  const bool from_file = !options.questions_file.empty() || !options.windows_file.empty();
  if (from_file && !options.questions.empty()) {
    return "--question does not go with --questions or --windows: the file holds the questions";
  }
  const bool only_frames = options.plays_video() && (options.frames || !options.plot.empty());
  if (options.interactive && !options.plays_video()) return "--interactive needs --video";
  if (options.chat && from_file) return "--chat does not go with --questions or --windows";
  if (!from_file && options.questions.empty() && !only_frames && !options.interactive) {
    return "--question is missing";
  }
  for (const std::string& question : options.questions) {
    if (question.empty()) return "--question is empty";
  }
  if (!options.plays_video() && (!options.at_seconds.empty() || options.every_seconds)) {
    return "--at and --every need --video";
  }
  if (!options.plot.empty() && !options.plays_video()) return "--plot needs --video";
  if (options.frames && !options.plays_video() && options.questions_file.empty()) {
    return "--frames needs a video";
  }
  return {};
}

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
  Options options;
  std::string scale = "auto";
  CLI::App app(kAbout, kTool);
  app.footer(kExamples);
  app.get_formatter()->column_width(32);

  const std::string source = "What to look at";
  app.add_option("--video", options.video,
                 "A video file or a URI; a live URI is played in real time")
      ->group(source)
      ->type_name("FILE_OR_URI");
  app.add_option("--image", options.images,
                 "A picture file; repeatable, all go into one window in order")
      ->group(source)
      ->type_name("FILE")
      ->expected(1)
      ->take_all();
  app.add_option(
         "--questions", options.questions_file,
         "Many clips or pictures with their questions, one JSON object a line; one pass a clip")
      ->group(source)
      ->type_name("FILE.jsonl");
  app.add_option("--windows", options.windows_file,
                 "Windows given frame by frame, one JSON object a line")
      ->group(source)
      ->type_name("FILE.jsonl");
  app.add_option("--video-root", options.video_root, "Folder of the clips in --questions")
      ->group(source)
      ->type_name("DIR");
  app.add_option("--image-root", options.image_root,
                 "Folder of the pictures in --questions and --windows")
      ->group(source)
      ->type_name("DIR");

  const std::string asking = "What to ask, and when";
  app.add_option("--question", options.questions, "The question; repeatable")
      ->group(asking)
      ->type_name("TEXT")
      ->expected(1)
      ->take_all();
  app.add_option(
         "--at", options.at_seconds,
         "Ask at this second of the stream; repeatable. Without --at and --every: once at the end")
      ->group(asking)
      ->type_name("SECONDS")
      ->expected(1)
      ->take_all()
      ->check(number(0, kLongestSeconds));
  app.add_option("--every", options.every_seconds,
                 "Ask again after each so many seconds of the stream")
      ->group(asking)
      ->type_name("SECONDS")
      ->check(number(0, kLongestSeconds, true));

  app.add_flag("--interactive", options.interactive,
               "Play the video at its own speed and ask every line of stdin when it comes")
      ->group(asking);
  app.add_flag("--chat", options.chat,
               "All questions are one conversation: later ones follow the earlier ones and their "
               "answers, and see what the first one saw")
      ->group(asking);

  const std::string output = "What to print";
  app.add_flag("--frames", options.frames, "One more line for every frame: its scale and why")
      ->group(output);
  app.add_option("--plot", options.plot,
                 "Draw the timeline of a video: activity, scales, tokens, budget and answers")
      ->group(output)
      ->type_name("FILE.png");
  app.add_flag("--json", options.json, "JSON Lines: objects of type frame, answer and end")
      ->group(output);

  const std::string model = "The model";
  PropertyOptions properties(app);
  properties
      .add("model", options.engine.model,
           "default, fake:, random:CONFIG.json[,SEED] or a folder; default: default")
      ->group(model)
      ->type_name("MODEL");
  properties.add("device", options.engine.device, "auto, cpu, cuda or cuda:N; default: auto")
      ->group(model)
      ->type_name("DEVICE");
  properties
      .add("dtype", options.engine.dtype,
           "auto, float32, bfloat16 or, on CUDA, float16; default: auto, what the device computes "
           "fastest")
      ->group(model)
      ->type_name("DTYPE")
      ->check(CLI::IsMember(std::set<std::string>{"auto", "float32", "bfloat16", "float16"})
                  .description(""));
  properties.add("threads", options.engine.threads, "Compute threads, 0: all cores; default: 0")
      ->group(model)
      ->type_name("N")
      ->check(whole_number(0, 1024));

  const std::string tokens = "Visual tokens";
  double fps = 0;
  double budget = 0;
  double burst = 0;
  std::string budget_group;
  std::string roi;
  std::string mask;
  bool crops = false;
  int keep_scale = 0;
  std::string when_busy;
  properties.add("fps", fps, "Frames looked at a second, 0: every frame; default: 2")
      ->group(tokens)
      ->type_name("N")
      ->check(number(0, 1000));
  properties
      .add("scale", scale,
           "Visual tokens a frame: a number of the model's ladder, or auto; default: auto")
      ->group(tokens)
      ->type_name("auto|N")
      ->check(scale_text());
  properties
      .add("budget", budget, "Visual tokens a second of the stream, 0: no limit; default: 64")
      ->group(tokens)
      ->type_name("N")
      ->check(number(0, 1e6));
  properties
      .add("burst", burst,
           "Visual tokens saved up at most; default: ten seconds of budget or one finest frame, "
           "the larger")
      ->group(tokens)
      ->type_name("N")
      ->check(number(0, 1e9));
  properties
      .add("budget-group", budget_group,
           "Name of the budget that several streams share; default: none")
      ->group(tokens)
      ->type_name("NAME");
  properties
      .add("roi", roi,
           "Regions of interest: left,top,width,height in parts of the picture, more behind "
           "semicolons; motion elsewhere counts a quarter; default: none")
      ->group(tokens)
      ->type_name("REGIONS");
  properties
      .add("mask", mask, "Regions in which nothing counts, written like --roi; default: none")
      ->group(tokens)
      ->type_name("REGIONS");
  properties
      .add("crops", crops,
           "A closer look at small things that move, where the budget allows: true or false; "
           "default: false")
      ->group(tokens)
      ->type_name("BOOL");
  properties
      .add("keep-scale", keep_scale,
           "Finest scale kept of a frame; default: 144, or the scale where that is more")
      ->group(tokens)
      ->type_name("N")
      ->check(whole_number(1, 1 << 20));
  properties
      .add("window-tokens", options.session.window_tokens,
           "Visual tokens in the window, 0: what the model was trained for; default: 0")
      ->group(tokens)
      ->type_name("N")
      ->check(whole_number(0, 1 << 24));
  properties
      .add("when-busy", when_busy,
           "wait: no frame is lost; drop: keep up with the clock; default: auto, drop on live "
           "streams only")
      ->group(tokens)
      ->type_name("auto|wait|drop")
      ->check(CLI::IsMember(std::set<std::string>{"auto", "wait", "drop"}).description(""));

  const std::string answer = "The answer";
  properties
      .add("system-prompt", options.session.system_prompt,
           "Text before everything else; default: the model's")
      ->group(answer)
      ->type_name("TEXT");
  properties
      .add("max-new-tokens", options.question.max_new_tokens,
           "Longest answer, in tokens; default: 64")
      ->group(answer)
      ->type_name("N")
      ->check(whole_number(1, 1 << 20));
  properties
      .add("temperature", options.question.temperature,
           "0: the likeliest answer; up to 2: more varied; default: 0")
      ->group(answer)
      ->type_name("X")
      ->check(number(0, 2));
  properties
      .add(
          "top-p", options.question.top_p,
          "With a temperature: draw from the likeliest tokens of this much probability; default: 1")
      ->group(answer)
      ->type_name("X")
      ->check(number(0, 1, true));
  properties
      .add("seed", options.question.seed,
           "With a temperature: where the drawing starts; default: 0")
      ->group(answer)
      ->type_name("N")
      ->check(whole_number(0, INT64_MAX));
  properties
      .add("stop", options.question.stop,
           "Text that ends the answer and is cut from it; default: none")
      ->group(answer)
      ->type_name("TEXT")
      ->expected(1)
      ->take_all();
  double deadline = 0;
  properties
      .add("deadline", deadline,
           "Seconds after which the answer ends with what there is, 0: never; default: 0")
      ->group(answer)
      ->type_name("SECONDS")
      ->check(number(0, 86400));

  if (const auto code = tools::parse_command_line(app, argc, argv)) return *code;
  if (const std::string text = objection(options); !text.empty())
    return tools::wrong_use(kTool, text);
  if (scale != "auto") options.scale = std::stoi(scale);
  options.question.deadline_ms = static_cast<int64_t>(std::ceil(deadline * 1000));
  options.element_properties = properties.given();
  if (options.chat) {
    options.question.conversation = kChat;
    options.element_properties.emplace_back("conversation", kChat);
  }
  // A scale that is asked for is kept.
  if (keep_scale == 0 && options.scale > EncodeRequest().keep_scale)
    options.element_properties.emplace_back("keep-scale", scale);
  return options;
}

}  // namespace m3::ask
