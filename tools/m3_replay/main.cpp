// m3-replay: decides a stream's scales again from a log of its activity (m3scale's property
// activity-log), with other settings and without its video. Several logs are streams that share one
// budget.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/activity_log.h"
#include "core/error.h"
#include "core/json_lines.h"
#include "core/scale_policy.h"
#include "tools/common/command_line.h"

namespace {

using namespace m3;

constexpr char kTool[] = "m3-replay";
constexpr double kBurstSeconds = 10;  // of budget, where no burst is given

constexpr char kAbout[] =
    "Decides the scales of one or more streams again from logs of their activity (the property "
    "activity-log of m3scale), without video or model. Several streams share one budget.\n"
    "Exit codes: 0 done, 1 failed, 2 wrong use.";

struct Options {
  std::vector<std::string> logs;
  ScalePolicyOptions policy;
  double budget = 64;
  double burst = 0;
  bool json = false;
};

// A log that is read as it is needed.
class Stream {
 public:
  Stream(const std::string& path, ScalePolicyOptions options, std::shared_ptr<TokenBudget> budget)
      : path_(path), file_(path), policy_(std::move(options), std::move(budget)) {
    if (!file_) throw Error(ErrorCode::kNotFound, path + ": cannot be read");
    next();
  }

  const std::string& path() const { return path_; }
  bool ended() const { return ended_; }
  int64_t pts_ns() const { return logged_.pts_ns; }

  // Decides the frame at hand and goes on to the next; none: fps does not ask for it.
  std::optional<std::pair<FrameLine, Decision>> decide() {
    FrameLine line;
    line.pts_ns = logged_.pts_ns;
    line.motion = logged_.activity.motion;
    line.complexity = logged_.activity.complexity;
    const bool looked = policy_.samples(logged_.pts_ns);
    Decision decision;
    if (looked) decision = policy_.decide(logged_.activity, logged_.pts_ns);
    line.scale = decision.scale;
    line.crop_scale = decision.crop_scale;
    line.reason = decision.reason;
    next();
    if (!looked) return std::nullopt;
    return std::pair{line, decision};
  }

 private:
  void next() {
    std::string text;
    while (std::getline(file_, text)) {
      ++number_;
      if (text.empty()) continue;
      try {
        logged_ = read_log_line(text);
      } catch (const Error& error) {
        throw Error(error.code(),
                    path_ + ": line " + std::to_string(number_) + ": " + error.what());
      }
      return;
    }
    ended_ = true;
  }

  const std::string path_;
  std::ifstream file_;
  ScalePolicy policy_;
  LoggedActivity logged_;
  int number_ = 0;
  bool ended_ = false;
};

// The one that is furthest behind; nullptr: all have ended.
Stream* next_of(const std::vector<std::unique_ptr<Stream>>& streams) {
  Stream* first = nullptr;
  for (const auto& stream : streams) {
    if (!stream->ended() && (!first || stream->pts_ns() < first->pts_ns())) first = stream.get();
  }
  return first;
}

int replay(const Options& options) {
  const double burst = options.burst > 0
                           ? options.burst
                           : std::max(kBurstSeconds * options.budget,
                                      static_cast<double>(options.policy.ladder.back()));
  const auto budget = std::make_shared<TokenBudget>(options.budget, burst);
  std::vector<std::unique_ptr<Stream>> streams;
  for (const std::string& log : options.logs)
    streams.push_back(std::make_unique<Stream>(log, options.policy, budget));
  uint64_t looked = 0;
  uint64_t encoded = 0;
  uint64_t lowered = 0;
  uint64_t tokens = 0;
  while (Stream* stream = next_of(streams)) {
    const std::string path = stream->path();
    auto decided = stream->decide();
    if (!decided) continue;
    auto& [line, decision] = *decided;
    ++looked;
    encoded += decision.action == Action::kEncode;
    lowered += decision.scale < decision.wanted;
    tokens += static_cast<uint64_t>(decision.tokens());
    if (!options.json) continue;
    line.stream = path;
    std::printf("%s\n", to_json_line(line).c_str());
  }
  if (!options.json) {
    std::printf("%llu frames looked at, %llu encoded, %llu of less than wanted, %llu tokens\n",
                static_cast<unsigned long long>(looked), static_cast<unsigned long long>(encoded),
                static_cast<unsigned long long>(lowered), static_cast<unsigned long long>(tokens));
  }
  return tools::kExitDone;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  options.policy.fps = 0;
  CLI::App app(kAbout, kTool);
  app.get_formatter()->column_width(32);
  app.add_option("LOG", options.logs, "Logs, one a stream")->required();
  app.add_option("--budget", options.budget, "Visual tokens a second, 0: no limit; default: 64")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--burst", options.burst,
                 "Visual tokens saved up at most; default: ten seconds of budget or one finest "
                 "frame, the larger")
      ->check(CLI::Range(0.0, 1e9));
  app.add_option("--fps", options.policy.fps,
                 "Frames of the log looked at a second, 0: all; default: 0")
      ->check(CLI::Range(0.0, 1000.0));
  app.add_option("--scale", options.policy.fixed_scale,
                 "Visual tokens of every frame, a scale of the ladder; default: 0, auto")
      ->check(CLI::Range(0, 1 << 20));
  app.add_option("--ladder", options.policy.ladder,
                 "The model's scales, ascending; default: 1 9 36 144");
  app.add_flag("--crops", options.policy.crops, "A closer look at small things that move");
  app.add_flag("--json", options.json, "One JSON object a frame that was looked at");
  if (const auto code = tools::parse_command_line(app, argc, argv)) return *code;
  return tools::run_guarded(kTool, [&] { return replay(options); });
}
