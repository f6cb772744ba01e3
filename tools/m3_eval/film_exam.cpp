#include "tools/m3_eval/film_exam.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <future>
#include <utility>

#include "core/activity_since.h"
#include "core/vision/frame_activity.h"
#include "tools/dataset/random.h"
#include "tools/dataset/window_questions.h"
#include "tools/m3_eval/scoring.h"
#include "tools/pictures/question_batch.h"

namespace m3::eval {
namespace {

constexpr double kCameraFps = 10;  // frames that motion is measured on
constexpr size_t kQuestionsAStand = 5;
constexpr double kPatience = 1.5;     // seconds of a new picture before it is asked about
constexpr double kBurstSeconds = 10;  // of budget
constexpr double kWatching = 0.3;     // of the time that a film takes, about
constexpr size_t kFramesInFlight = 4;
constexpr size_t kSideBySide = 16;  // viewers with a window each

int64_t to_ns(double seconds) { return std::llround(seconds * 1e9); }

// The frames that are looked at, of those that the camera sees.
std::vector<double> sampled_seconds(const dataset::Film& film, double fps) {
  std::vector<double> seconds;
  double next = 0;
  for (int number = 0; number / kCameraFps < film.seconds(); ++number) {
    const double second = number / kCameraFps;
    if (second + 1e-6 < next) continue;
    next += 1 / fps;
    seconds.push_back(second);
  }
  return seconds;
}

SetQuestion to_question(const dataset::QuestionAnswer& made) {
  SetQuestion question;
  question.kind = made.kind;
  question.question = made.question;
  question.answer = made.answer;
  question.accept = made.accept;
  // "at 12 seconds": right when it is about then.
  if (made.kind == "when") question.seconds = std::strtod(made.answer.c_str() + 3, nullptr);
  return question;
}

// Picks frames and their scales in one way of spending.
class Chooser {
 public:
  Chooser(const Spending& spending, const std::vector<int>& ladder) : spending_(spending) {
    if (spending.fixed_scale > 0) return;
    ScalePolicyOptions options;
    options.ladder = ladder;
    options.fps = 0;  // the frames are those that fps picked
    const double burst =
        std::max(spending.budget * kBurstSeconds, static_cast<double>(ladder.back()));
    policy_ = std::make_unique<ScalePolicy>(options,
                                            std::make_shared<TokenBudget>(spending.budget, burst));
  }

  // Frames in their order. 0: not this one.
  int scale_of(double second, const Activity& activity) {
    if (policy_) {
      const int64_t pts_ns = to_ns(second);
      if (!policy_->samples(pts_ns)) return 0;
      const Decision decision = policy_->decide(activity, pts_ns);
      return decision.action == Action::kEncode ? decision.scale : 0;
    }
    // As often as the budget allows, whatever there is to see.
    if (second + 1e-6 < next_) return 0;
    next_ = std::max(next_ + spending_.fixed_scale / spending_.budget, second);
    return spending_.fixed_scale;
  }

 private:
  const Spending spending_;
  std::unique_ptr<ScalePolicy> policy_;  // null: a fixed scale
  double next_ = 0;                      // second of the next frame of a fixed scale
};

// The tower, some frames ahead of who waits for them.
class Tower {
 public:
  explicit Tower(Engine& engine) : engine_(engine) {}

  void encode(const Image& image, Tokens& into) {
    if (open_.size() == kFramesInFlight) finish_one();
    EncodeRequest request;
    request.frame = image.view();
    request.keep_scale = engine_.info().ladder.back();
    open_.emplace_back(engine_.encode(request), &into);
  }
  void finish() {
    while (!open_.empty()) finish_one();
  }

 private:
  void finish_one() {
    auto [tokens, into] = std::move(open_.front());
    open_.pop_front();
    *into = tokens.get();
  }

  Engine& engine_;
  std::deque<std::pair<std::future<Tokens>, Tokens*>> open_;
};

}  // namespace

FilmExam::FilmExam(std::shared_ptr<Engine> engine, const ControlOptions& options,
                   const dataset::Vocabulary& vocabulary, std::stop_token stop)
    : engine_(std::move(engine)),
      options_(options),
      vocabulary_(vocabulary),
      stop_(std::move(stop)) {}

std::optional<FilmExam::Watch> FilmExam::watch(dataset::Film& film,
                                               const std::vector<Spending>& spendings, size_t last,
                                               const std::function<void(double)>& progress) const {
  Watch watch;
  watch.choices.resize(spendings.size());
  watch.tokens.resize(seconds_.size());
  std::vector<Chooser> choosers;
  for (const Spending& spending : spendings)
    choosers.emplace_back(spending, engine_->info().ladder);
  Tower tower(*engine_);
  FrameActivity measure;
  ActivitySince since;
  size_t place = 0;
  for (int number = 0; number / kCameraFps < film.seconds(); ++number) {
    const double second = number / kCameraFps;
    const Image image = film.frame(second);
    FrameView frame = image.view();
    frame.pts_ns = to_ns(second);
    since.add(measure.measure(frame));
    if (place == seconds_.size() || second != seconds_[place]) continue;
    const Activity activity = since.take();
    bool wanted = false;
    for (size_t way = 0; way < choosers.size(); ++way) {
      const int scale = choosers[way].scale_of(second, activity);
      if (scale == 0) continue;
      watch.choices[way].push_back({place, scale});
      wanted = true;
    }
    if (wanted && place <= last) tower.encode(image, watch.tokens[place]);
    ++place;
    progress(kWatching * second / film.seconds());
    if (stop_.stop_requested()) return std::nullopt;
  }
  tower.finish();
  return watch;
}

std::vector<FilmExam::Moment> FilmExam::moments(const dataset::Film& film) const {
  std::vector<Moment> all;
  dataset::Random random(options_.seed, static_cast<uint64_t>(film.seconds() * 1000));
  for (size_t stand = 0; stand < film.stands().size(); ++stand) {
    const auto& shown = film.stands()[stand];
    if (shown.end - shown.begin < kPatience + 0.2) continue;
    const double at = shown.begin + random.between(kPatience, shown.end - shown.begin - 0.1);
    const auto found = std::upper_bound(seconds_.begin(), seconds_.end(), at);
    if (found == seconds_.begin()) continue;
    Moment moment;
    moment.frame = static_cast<size_t>(found - seconds_.begin()) - 1;
    for (const auto& made : dataset::window_questions(film.watched(stand), vocabulary_, vocabulary_,
                                                      kQuestionsAStand, random)) {
      if (made.kind != "caption") moment.questions.push_back(to_question(made));
    }
    if (!moment.questions.empty()) all.push_back(std::move(moment));
  }
  return all;
}

// The frames that came since then.
bool FilmExam::show(const std::vector<Choice>& choices, size_t number, const Watch& watch,
                    Viewer& viewer) const {
  if (!viewer.session) {
    SessionOptions options;
    options.window_tokens = options_.window_tokens;
    viewer.session = engine_->create_session(options);
  }
  for (; viewer.shown < number; ++viewer.shown) {
    const auto& [frame, scale] = choices[viewer.shown];
    if (!viewer.session->wait_inbox(stop_)) return false;
    viewer.session->append({watch.tokens[frame].pool_to(scale), to_ns(seconds_[frame])});
  }
  return true;
}

bool FilmExam::ask(const Moment& moment, const Watch& watch, const Scoring& scoring,
                   std::vector<Viewer>& viewers) const {
  // How much each has seen, and who saw the same before it.
  std::vector<size_t> seen;
  std::vector<size_t> alike;
  for (const std::vector<Choice>& choices : watch.choices) {
    const auto end =
        std::upper_bound(choices.begin(), choices.end(), moment.frame,
                         [](size_t frame, const Choice& choice) { return frame < choice.frame; });
    seen.push_back(static_cast<size_t>(end - choices.begin()));
    size_t other = 0;
    while (!std::equal(choices.begin(), end, watch.choices[other].begin(),
                       watch.choices[other].begin() + static_cast<std::ptrdiff_t>(seen[other]))) {
      ++other;
    }
    alike.push_back(other);
  }
  std::vector<size_t> right(viewers.size());
  for (size_t way = 0; way < viewers.size();) {
    tools::QuestionBatch batch(stop_);
    std::vector<size_t> asked;
    for (; way < viewers.size() && asked.size() < kSideBySide; ++way) {
      if (alike[way] != way) continue;
      if (!show(watch.choices[way], seen[way], watch, viewers[way])) return false;
      for (const SetQuestion& question : moment.questions) {
        Question text;
        text.text = question.question;
        text.asked_at_ns = to_ns(seconds_[moment.frame]);
        batch.ask(*viewers[way].session, std::move(text));
      }
      asked.push_back(way);
    }
    const std::vector<Answer> answers = batch.answers();
    if (stop_.stop_requested()) return false;
    for (size_t i = 0; i < answers.size(); ++i) {
      const SetQuestion& question = moment.questions[i % moment.questions.size()];
      right[asked[i / moment.questions.size()]] += scoring.is_right(question, answers[i].text);
    }
  }
  for (size_t way = 0; way < viewers.size(); ++way) viewers[way].right += right[alike[way]];
  return true;
}

std::vector<FilmResult> FilmExam::examine(dataset::Film& film,
                                          const std::vector<Spending>& spendings,
                                          const std::function<void(double)>& progress) {
  seconds_ = sampled_seconds(film, options_.fps);
  const std::vector<Moment> moments = this->moments(film);
  const size_t last = moments.empty() ? 0 : moments.back().frame;
  const std::optional<Watch> watch = this->watch(film, spendings, last, progress);
  if (!watch) return {};
  std::vector<SetQuestion> all;
  for (const Moment& moment : moments)
    all.insert(all.end(), moment.questions.begin(), moment.questions.end());
  const Scoring scoring(all);
  std::vector<Viewer> viewers(spendings.size());
  for (size_t i = 0; i < moments.size(); ++i) {
    progress(kWatching +
             (1 - kWatching) * static_cast<double>(i) / static_cast<double>(moments.size()));
    if (!ask(moments[i], *watch, scoring, viewers)) return {};
  }
  std::vector<FilmResult> results;
  for (size_t way = 0; way < spendings.size(); ++way) {
    FilmResult& result = results.emplace_back();
    result.seconds = film.seconds();
    result.questions = all.size();
    result.right = viewers[way].right;
    result.tower_calls = watch->choices[way].size();
    for (const Choice& choice : watch->choices[way]) result.visual_tokens += choice.scale;
  }
  return results;
}

}  // namespace m3::eval
