#include "tools/m3_eval/memory_study.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "tools/m3_eval/needles.h"
#include "tools/m3_eval/scoring.h"
#include "tools/m3_eval/stream_of_pictures.h"
#include "tools/pictures/question_batch.h"

namespace m3::eval {
namespace {

constexpr int kLead = 10;           // seconds of other video in front of a needle
constexpr double kNeedleStays = 2;  // seconds
constexpr double kFineAgo = 30;     // seconds, of the comparison of coarse with fine
constexpr int kAnswerTokens = 12;

// What is in view from second to second: other video, the needle, other video again. Every stream
// of a plan has its frames at the same times.
class NeedleStream {
 public:
  NeedleStream(const Haystack& haystack, const Needle& needle, double scene_seconds,
               PictureTokens& pictures, bool grey, StreamOfPictures::Take take)
      : stream_(std::move(take), pictures, grey),
        scene_seconds_(scene_seconds),
        scene_(haystack.video.begin()),
        end_(haystack.video.end()) {
    stream_.begin_scene((*scene_++)->file);
    stream_.go_on(kLead);
    stream_.begin_scene(needle.picture->file);
    stream_.go_on(kNeedleStays);
  }

  // Goes on until the needle has been gone for so long.
  void play_to(double seconds_ago, const std::stop_token& stop) {
    const double until = kLead + kNeedleStays + seconds_ago;
    while (stream_.now() < until - 1e-6 && !stop.stop_requested()) {
      if (left_ <= 1e-6) {
        if (scene_ != end_) stream_.begin_scene((*scene_++)->file);
        left_ = scene_seconds_;
      }
      const double part = std::min(left_, until - stream_.now());
      stream_.go_on(part);
      left_ -= part;
    }
  }

 private:
  StreamOfPictures stream_;
  const double scene_seconds_;
  std::vector<const dataset::AnnotatedPicture*>::const_iterator scene_;
  const std::vector<const dataset::AnnotatedPicture*>::const_iterator end_;
  double left_ = 0;  // seconds of the scene in view
};

// The last frames of a stream, as many as a window takes without touching any.
class LastFrames {
 public:
  LastFrames(const ModelInfo& model, int window_tokens) {
    const bool trained = window_tokens == 0 && model.trained_visual_tokens > 0;
    tokens_ = trained ? model.trained_visual_tokens : window_tokens > 0 ? window_tokens : 1024;
    if (trained) frames_ = static_cast<size_t>(model.trained_frames);
  }

  void add(FrameTokens frame) {
    held_ += frame.tokens.scale();
    last_.push_back(std::move(frame));
    while (last_.size() > 1 && (held_ > tokens_ || (frames_ > 0 && last_.size() > frames_))) {
      held_ -= last_.front().tokens.scale();
      last_.pop_front();
    }
  }
  const std::deque<FrameTokens>& frames() const noexcept { return last_; }
  // Nothing of the needle, nor of what was before it.
  bool hold_no_needle() const noexcept {
    return last_.front().pts_ns >= static_cast<int64_t>((kLead + kNeedleStays) * 1e9);
  }

 private:
  int tokens_ = 0;     // at most
  size_t frames_ = 0;  // at most, 0: any number
  int held_ = 0;
  std::deque<FrameTokens> last_;
};

class MemoryStudy {
 public:
  MemoryStudy(const std::shared_ptr<Engine>& engine, const std::string& folder,
              const MemoryPlan& plan, const Scoring& scoring, std::stop_token stop)
      : engine_(*engine),
        pictures_(engine, folder),
        plan_(plan),
        scoring_(scoring),
        stop_(std::move(stop)),
        moments_{kFineAgo} {
    for (const double minutes : plan.minutes) {
      moments_.insert(60 * minutes);
      late_.insert(60 * minutes);
    }
  }

  // All of it or, when interrupted, nothing. first: number of its first needle.
  std::vector<MemoryRecord> examine(const Haystack& haystack, size_t first) {
    std::vector<MemoryRecord> records;
    std::vector<NeedleStream> nested;
    std::vector<NeedleStream> fine;
    std::vector<NeedleStream> recent;
    std::vector<LastFrames> last(haystack.needles.size(),
                                 LastFrames(engine_.info(), plan_.window_tokens));
    for (size_t i = 0; i < haystack.needles.size(); ++i) {
      nested.push_back(into(session(nested_, i, plan_.window_tokens), haystack, i));
      fine.push_back(into(session(fine_, i, engine_.info().context_tokens), haystack, i));
      recent.push_back(
          stream(haystack, i, false, [&, i](FrameTokens frame) { last[i].add(std::move(frame)); }));
    }
    for (const double ago : moments_) {
      tools::QuestionBatch batch(stop_);
      asked_.clear();
      for (size_t i = 0; i < haystack.needles.size(); ++i) {
        nested[i].play_to(ago, stop_);
        ask(batch, *nested_[i], haystack.needles[i], {first + i, ago, {}, Arm::kNested});
        if (ago == kFineAgo) {
          fine[i].play_to(ago, stop_);
          ask(batch, *fine_[i], haystack.needles[i], {first + i, ago, {}, Arm::kFine});
        }
        if (late_.contains(ago)) {
          // Once nothing of the needles is left, all of a haystack see the same.
          const bool same = i > 0 && last[0].hold_no_needle();
          if (!same) {
            recent[i].play_to(ago, stop_);
            show(session(recent_, i, plan_.window_tokens), last[i].frames());
          }
          ask(batch, *recent_[same ? 0 : i], haystack.needles[i],
              {first + i, ago, {}, Arm::kRecent});
        }
      }
      ask_blind(batch, haystack, ago);
      const std::vector<Answer> answers = batch.answers();
      if (stop_.stop_requested()) return {};
      score(answers, records);
      score_blind(answers, haystack, first, ago, records);
    }
    return records;
  }

 private:
  using Sessions = std::vector<std::unique_ptr<Session>>;
  struct Asked {
    MemoryRecord record;
    const SetQuestion* question = nullptr;
    size_t answer = 0;
  };

  // An empty one.
  Session& session(Sessions& sessions, size_t number, int window_tokens) {
    if (number == sessions.size()) {
      SessionOptions options;
      options.window_tokens = window_tokens;
      sessions.push_back(engine_.create_session(options));
    }
    sessions[number]->flush();
    return *sessions[number];
  }

  NeedleStream stream(const Haystack& haystack, size_t needle, bool grey,
                      StreamOfPictures::Take take) {
    return {haystack, haystack.needles[needle], plan_.scene_seconds, pictures_,
            grey,     std::move(take)};
  }
  NeedleStream into(Session& session, const Haystack& haystack, size_t needle, bool grey = false) {
    return stream(haystack, needle, grey, [this, &session](FrameTokens frame) {
      if (session.wait_inbox(stop_)) session.append(std::move(frame));
    });
  }
  void show(Session& session, const std::deque<FrameTokens>& frames) {
    for (const FrameTokens& frame : frames) {
      if (session.wait_inbox(stop_)) session.append(frame);
    }
  }

  static Question question_of(const SetQuestion& asked) {
    Question question;
    question.text = asked.question;
    question.max_new_tokens = kAnswerTokens;
    return question;
  }
  void ask(tools::QuestionBatch& batch, Session& session, const Needle& needle,
           const MemoryRecord& about) {
    for (const SetQuestion& question : needle.questions) {
      asked_.push_back({about, &question, batch.ask(session, question_of(question))});
      asked_.back().record.kind = question.kind;
    }
  }
  void score(const std::vector<Answer>& answers, std::vector<MemoryRecord>& records) const {
    for (const Asked& asked : asked_) {
      records.push_back(asked.record);
      records.back().right = scoring_.is_right(*asked.question, answers[asked.answer].text);
    }
  }

  // Grey pictures are the same for all needles: what is said about them is asked for once.
  void ask_blind(tools::QuestionBatch& batch, const Haystack& haystack, double ago) {
    Session& session = blind_session(haystack, ago);
    blind_asked_.clear();
    for (const Needle& needle : haystack.needles) {
      for (const SetQuestion& question : needle.questions) {
        const std::pair key(ago, question.question);
        if (blind_said_.contains(key) || blind_asked_.contains(key)) continue;
        blind_asked_.emplace(key, batch.ask(session, question_of(question)));
      }
    }
  }
  Session& blind_session(const Haystack& haystack, double ago) {
    std::unique_ptr<Session>& session = blind_[ago];
    if (!session) {
      SessionOptions options;
      options.window_tokens = plan_.window_tokens;
      session = engine_.create_session(options);
      into(*session, haystack, 0, true).play_to(ago, stop_);
    }
    return *session;
  }
  void score_blind(const std::vector<Answer>& answers, const Haystack& haystack, size_t first,
                   double ago, std::vector<MemoryRecord>& records) {
    for (const auto& [key, answer] : blind_asked_) blind_said_.emplace(key, answers[answer].text);
    for (size_t i = 0; i < haystack.needles.size(); ++i) {
      for (const SetQuestion& question : haystack.needles[i].questions) {
        const std::string& said = blind_said_.at({ago, question.question});
        records.push_back(
            {first + i, ago, question.kind, Arm::kBlind, scoring_.is_right(question, said)});
      }
    }
  }

  Engine& engine_;
  PictureTokens pictures_;
  const MemoryPlan& plan_;
  const Scoring& scoring_;
  const std::stop_token stop_;
  std::set<double> moments_;  // seconds after a needle at which is asked
  std::set<double> late_;     // those of the plan
  Sessions nested_;           // of the haystack in hand, by needle
  Sessions fine_;
  Sessions recent_;
  std::map<double, std::unique_ptr<Session>> blind_;  // by moment
  std::map<std::pair<double, std::string>, std::string> blind_said_;
  // Of the moment in hand; answers by their place in the batch.
  std::vector<Asked> asked_;
  std::map<std::pair<double, std::string>, size_t> blind_asked_;
};

}  // namespace

const char* to_string(Arm arm) noexcept {
  switch (arm) {
    case Arm::kNested:
      return "nested";
    case Arm::kRecent:
      return "recent";
    case Arm::kBlind:
      return "blind";
    case Arm::kFine:
      return "fine";
  }
  return "";
}

std::vector<MemoryRecord> run_memory_study(
    const std::shared_ptr<Engine>& engine, const std::string& folder,
    const std::vector<dataset::AnnotatedPicture>& pictures, const MemoryPlan& plan,
    std::stop_token stop, const std::function<void(double, const std::string&)>& progress) {
  const double longest = std::max(60 * plan.minutes.back(), kFineAgo);
  const auto scenes = static_cast<size_t>(longest / plan.scene_seconds) + 2;
  const std::vector<Haystack> haystacks =
      hide_needles(pictures, plan.needles, kLead, scenes, plan.seed);
  std::vector<SetQuestion> all;
  for (const Haystack& haystack : haystacks) {
    for (const Needle& needle : haystack.needles)
      all.insert(all.end(), needle.questions.begin(), needle.questions.end());
  }
  const Scoring scoring(all);
  MemoryStudy study(engine, folder, plan, scoring, stop);
  std::vector<MemoryRecord> records;
  size_t done = 0;
  for (const Haystack& haystack : haystacks) {
    progress(static_cast<double>(done) / static_cast<double>(plan.needles),
             haystack.needles.front().picture->file);
    const std::vector<MemoryRecord> more = study.examine(haystack, done);
    if (stop.stop_requested()) break;
    records.insert(records.end(), more.begin(), more.end());
    done += haystack.needles.size();
  }
  return records;
}

}  // namespace m3::eval
