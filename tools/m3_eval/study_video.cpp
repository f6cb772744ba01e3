#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "tools/common/command_line.h"
#include "tools/common/progress.h"
#include "tools/m3_ask/bus_fields.h"
#include "tools/m3_ask/plugin_finder.h"
#include "tools/m3_ask/video_player.h"
#include "tools/m3_eval/question_set.h"
#include "tools/m3_eval/report.h"
#include "tools/m3_eval/scoring.h"
#include "tools/m3_eval/share.h"
#include "tools/m3_eval/studies.h"

namespace m3::eval {
namespace {

using Json = nlohmann::ordered_json;

struct Clip {
  std::string file;
  std::vector<size_t> questions;  // indices into the set
};

// In the order of first mention.
std::vector<Clip> clips_of(const std::vector<SetQuestion>& questions) {
  std::vector<Clip> clips;
  std::map<std::string, size_t> place;
  for (size_t i = 0; i < questions.size(); ++i) {
    const auto [found, is_new] = place.try_emplace(questions[i].file, clips.size());
    if (is_new) clips.push_back({questions[i].file, {}});
    clips[found->second].questions.push_back(i);
  }
  return clips;
}

// Takes the answers about one clip.
class Listener final : public ask::VideoListener {
 public:
  Listener(std::vector<std::optional<std::string>>& answers, tools::Progress& progress)
      : answers_(answers), progress_(progress) {}

  void on_frame(const GstStructure&) override {}
  void on_answer(size_t index, const GstStructure& message) override {
    const AnswerLine line = ask::answer_line(message);
    if (line.answer.finish != Finish::kError) answers_[index] = line.answer.text;
  }
  void on_progress(double fraction, const std::string& what) override {
    progress_.update(fraction, what);
  }
  void on_warning(const std::string& text) override {
    progress_.clear();
    tools::print_error(kTool, "warning: " + text);
  }

 private:
  std::vector<std::optional<std::string>>& answers_;
  tools::Progress& progress_;
};

struct Cost {
  EndLine sum;
  double stream_seconds = 0;

  void add(const EndLine& clip) {
    sum.frames += clip.frames;
    sum.frames_encoded += clip.frames_encoded;
    sum.visual_tokens += clip.visual_tokens;
    stream_seconds += clip.seconds;
  }
};

double rounded(double value) { return std::round(value * 100) / 100; }

std::string report(const std::vector<KindShare>& shares, const Cost& cost, bool json) {
  const double seconds = std::max(cost.stream_seconds, 1e-9);
  const double rate = static_cast<double>(cost.sum.visual_tokens) / seconds;
  const double calls = static_cast<double>(cost.sum.frames_encoded) / seconds;
  if (json) {
    return to_json_lines(shares, "video") +
           Json{{"type", "cost"},
                {"seconds", rounded(cost.stream_seconds)},
                {"frames", cost.sum.frames},
                {"tower_calls", cost.sum.frames_encoded},
                {"visual_tokens", cost.sum.visual_tokens},
                {"tower_calls_per_second", rounded(calls)},
                {"tokens_per_second", rounded(rate)}}
               .dump() +
           "\n";
  }
  char line[200];
  std::snprintf(line, sizeof line,
                "\n%.1f s of video, %llu frames: %llu tower calls (%.2f a second), %llu visual "
                "tokens (%.1f a second)\n",
                cost.stream_seconds, static_cast<unsigned long long>(cost.sum.frames),
                static_cast<unsigned long long>(cost.sum.frames_encoded), calls,
                static_cast<unsigned long long>(cost.sum.visual_tokens), rate);
  return to_text(shares) + line;
}

}  // namespace

int study_video(const VideoOptions& options, std::stop_token stop) {
  const std::filesystem::path root(options.data);
  const std::vector<SetQuestion> questions = read_clip_questions(
      options.questions.empty() ? (root / "questions.jsonl").string() : options.questions);
  ask::start_gstreamer();
  tools::Progress progress;
  // Held for the whole run, so that the pipelines of all clips share one set of weights.
  const auto engine = shared_engine(
      options.engine,
      [&](double fraction, std::string_view what) { progress.update(fraction, what); }, stop);
  std::vector<std::optional<std::string>> answers(questions.size());
  std::vector<size_t> clip_of(questions.size());
  Cost cost;
  bool failed = false;
  const std::vector<Clip> clips = clips_of(questions);
  for (size_t clip = 0; clip < clips.size(); ++clip) {
    ask::VideoRequest request{(root / clips[clip].file).string(), options.element_properties, {}};
    for (const size_t index : clips[clip].questions) {
      request.questions.push_back(
          {questions[index].question, questions[index].ask_at_seconds, std::nullopt, index});
      clip_of[index] = clip;
    }
    Listener listener(answers, progress);
    ask::VideoResult result;
    try {
      result = ask::play_video(request, listener, stop);
    } catch (const Error& error) {
      result.error = error.what();
    }
    progress.clear();
    if (result.stats) cost.add(ask::end_line(*result.stats));
    if (result.interrupted) {
      tools::print_error(kTool, "interrupted at " + clips[clip].file);
      return tools::kExitFailed;
    }
    if (!result.error.empty()) {
      tools::print_error(kTool, result.error);
      failed = true;
    }
  }
  const Scoring scoring(questions);
  std::map<std::string, std::vector<Outcome>> kinds;
  std::vector<Outcome> all;
  size_t missing = 0;
  for (size_t i = 0; i < questions.size(); ++i) {
    missing += answers[i] ? 0 : 1;
    const bool right = answers[i] && scoring.is_right(questions[i], *answers[i]);
    all.push_back({clip_of[i], right ? 1.0 : 0.0});
    kinds[questions[i].kind].push_back(all.back());
  }
  std::vector<KindShare> shares = {{"all", share_of(all)}};
  for (const auto& [kind, outcomes] : kinds) shares.push_back({kind, share_of(outcomes)});
  std::fputs(report(shares, cost, options.json).c_str(), stdout);
  if (missing > 0) {
    tools::print_error(kTool, std::to_string(missing) + " of " + std::to_string(questions.size()) +
                                  " questions have no answer; they count as wrong");
  }
  return failed || missing > 0 ? tools::kExitFailed : tools::kExitDone;
}

}  // namespace m3::eval
