#include "tools/m3_eval/memory_study.h"

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "tools/common/answer_box.h"
#include "tools/dataset/noun.h"
#include "tools/m3_eval/question_set.h"
#include "tools/m3_eval/scoring.h"
#include "tools/m3_eval/stream_of_pictures.h"

namespace m3::eval {
namespace {

constexpr double kLead = 10;        // seconds of other video in front of a needle
constexpr double kNeedleStays = 2;  // seconds
constexpr double kFineAgo = 30;     // seconds, of the comparison of coarse with fine
constexpr int kAnswerTokens = 12;

// One needle: its picture, the video around it, and what is asked about it.
struct Needle {
  const dataset::AnnotatedPicture* picture;
  std::vector<const dataset::AnnotatedPicture*> video;  // scene by scene, without needle and decoy
  std::vector<SetQuestion> questions;
};

SetQuestion asked(const std::string& kind, const std::string& text, const std::string& answer) {
  SetQuestion question;
  question.kind = kind;
  question.question = text;
  question.answer = answer;
  return question;
}

class NeedleMaker {
 public:
  NeedleMaker(const std::vector<dataset::AnnotatedPicture>& pictures, uint64_t seed)
      : random_(seed) {
    for (const dataset::AnnotatedPicture& picture : pictures) {
      if (picture.label.empty() || picture.complete == false) continue;
      labelled_.push_back(&picture);
      by_label_[picture.label].push_back(&picture);
    }
    for (const auto& [label, of_label] : by_label_) labels_.push_back(label);
  }

  // Every label is needle once before any is it again, and decoy for another one, so that neither
  // name gives the answer away.
  std::vector<Needle> make(const MemoryPlan& plan) {
    if (labels_.size() < 4) {
      throw Error(ErrorCode::kNotFound,
                  "the annotations name fewer than four different pictures: nothing can be hidden "
                  "among others");
    }
    std::shuffle(labels_.begin(), labels_.end(), random_);
    std::vector<Needle> needles;
    for (size_t i = 0; i < plan.needles; ++i) {
      const std::string& label = labels_[i % labels_.size()];
      const std::string& decoy = labels_[(i + 1) % labels_.size()];
      const std::string name = dataset::with_article(dataset::spoken_name(label));
      const std::string absent = dataset::with_article(dataset::spoken_name(decoy));
      const auto& of_label = by_label_[label];
      Needle needle;
      needle.picture = of_label[random_() % of_label.size()];
      needle.video = video(plan, label, decoy);
      const std::string second = std::to_string(static_cast<int>(kLead));
      needle.questions = {asked("ever", "Did you see " + name + "?", "yes"),
                          asked("ever", "Did you see " + absent + "?", "no"),
                          asked("at", "What was in view at " + second + " seconds?", name)};
      needles.push_back(std::move(needle));
    }
    return needles;
  }

 private:
  std::vector<const dataset::AnnotatedPicture*> video(const MemoryPlan& plan,
                                                      const std::string& label,
                                                      const std::string& decoy) {
    std::vector<const dataset::AnnotatedPicture*> others;
    for (const dataset::AnnotatedPicture* picture : labelled_) {
      const std::set<std::string> names = picture->names();
      if (!names.contains(label) && !names.contains(decoy)) others.push_back(picture);
    }
    if (others.empty())
      throw Error(ErrorCode::kNotFound, "every picture shows " + label + " or " + decoy);
    const auto scenes =
        static_cast<size_t>((60 * plan.minutes.back() + kLead) / plan.scene_seconds) + 2;
    std::vector<const dataset::AnnotatedPicture*> video;
    for (size_t scene = 0; scene < scenes; ++scene)
      video.push_back(others[random_() % others.size()]);
    return video;
  }

  std::mt19937_64 random_;
  std::vector<const dataset::AnnotatedPicture*> labelled_;
  std::map<std::string, std::vector<const dataset::AnnotatedPicture*>> by_label_;
  std::vector<std::string> labels_;
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
  void clear() {
    last_.clear();
    held_ = 0;
  }
  const std::deque<FrameTokens>& frames() const noexcept { return last_; }

 private:
  int tokens_ = 0;     // at most
  size_t frames_ = 0;  // at most, 0: any number
  int held_ = 0;
  std::deque<FrameTokens> last_;
};

// Plays a needle's stream to one session and asks on the way.
class Exam {
 public:
  Exam(Engine& engine, PictureTokens& pictures, const Scoring& scoring, const MemoryPlan& plan,
       Arm arm)
      : pictures_(pictures),
        scoring_(scoring),
        plan_(plan),
        arm_(arm),
        last_(engine.info(), plan.window_tokens) {
    SessionOptions options;
    options.window_tokens = arm == Arm::kFine ? engine.info().context_tokens : plan.window_tokens;
    session_ = engine.create_session(options);
  }

  void take(const Needle& needle, size_t number, const std::vector<double>& seconds_ago,
            std::stop_token stop, std::vector<MemoryRecord>& records) {
    session_->flush();
    last_.clear();
    StreamOfPictures stream(
        [this](FrameTokens frame) {
          if (arm_ == Arm::kRecent) {
            last_.add(std::move(frame));
          } else {
            session_->append(std::move(frame));
          }
        },
        pictures_, arm_ == Arm::kBlind);
    auto scene = needle.video.begin();
    stream.show((*scene++)->file, kLead);
    stream.show(needle.picture->file, kNeedleStays);
    const double gone = stream.now();
    for (const double ago : seconds_ago) {
      while (stream.now() < gone + ago) {
        stream.show((*scene)->file, std::min(plan_.scene_seconds, gone + ago - stream.now()));
        if (stream.scene_is_over(plan_.scene_seconds)) ++scene;
        if (stop.stop_requested()) return;
      }
      if (arm_ == Arm::kRecent) {
        session_->flush();
        for (const FrameTokens& frame : last_.frames()) session_->append(frame);
      }
      ask(needle, number, ago, records);
    }
  }

 private:
  void ask(const Needle& needle, size_t number, double ago, std::vector<MemoryRecord>& records) {
    std::vector<Question> questions;
    for (const SetQuestion& one : needle.questions) {
      questions.emplace_back();
      questions.back().text = one.question;
      questions.back().max_new_tokens = kAnswerTokens;
    }
    const std::vector<Answer> answers = tools::answer_all(*session_, std::move(questions));
    for (size_t i = 0; i < answers.size(); ++i) {
      const SetQuestion& question = needle.questions[i];
      records.push_back(
          {number, ago, question.kind, arm_, scoring_.is_right(question, answers[i].text)});
    }
  }

  PictureTokens& pictures_;
  const Scoring& scoring_;
  const MemoryPlan& plan_;
  const Arm arm_;
  LastFrames last_;
  std::unique_ptr<Session> session_;
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
  const std::vector<Needle> needles = NeedleMaker(pictures, plan.seed).make(plan);
  std::vector<SetQuestion> all;
  for (const Needle& needle : needles)
    all.insert(all.end(), needle.questions.begin(), needle.questions.end());
  const Scoring scoring(all);
  PictureTokens tokens(engine, folder);
  std::vector<double> minutes_ago;
  for (const double minutes : plan.minutes) minutes_ago.push_back(60 * minutes);
  const std::vector<std::pair<Arm, std::vector<double>>> arms = {
      {Arm::kNested, minutes_ago}, {Arm::kRecent, minutes_ago}, {Arm::kBlind, minutes_ago},
      {Arm::kNested, {kFineAgo}},  {Arm::kFine, {kFineAgo}},    {Arm::kBlind, {kFineAgo}}};
  std::vector<Exam> exams;
  for (const auto& [arm, ago] : arms) exams.emplace_back(*engine, tokens, scoring, plan, arm);
  std::vector<MemoryRecord> records;
  for (size_t needle = 0; needle < needles.size(); ++needle) {
    std::vector<MemoryRecord> of_needle;
    for (size_t i = 0; i < arms.size(); ++i) {
      progress(static_cast<double>(needle * arms.size() + i) /
                   static_cast<double>(needles.size() * arms.size()),
               needles[needle].picture->file);
      exams[i].take(needles[needle], needle, arms[i].second, stop, of_needle);
      if (stop.stop_requested()) return records;
    }
    records.insert(records.end(), of_needle.begin(), of_needle.end());
  }
  return records;
}

std::vector<MemoryRow> rows_of(const std::vector<MemoryRecord>& records) {
  std::map<std::tuple<double, std::string, Arm>, std::vector<Outcome>> outcomes;
  for (const MemoryRecord& one : records) {
    const Outcome outcome{one.needle, one.right ? 1.0 : 0.0};
    outcomes[{one.seconds_ago, "all", one.arm}].push_back(outcome);
    outcomes[{one.seconds_ago, one.kind, one.arm}].push_back(outcome);
  }
  std::vector<MemoryRow> rows;
  for (const auto& [key, of_row] : outcomes) {
    const auto& [ago, kind, arm] = key;
    rows.push_back({ago, kind, arm, share_of(of_row)});
  }
  return rows;
}

}  // namespace m3::eval
