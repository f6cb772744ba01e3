#include "tools/m3_eval/film_exam.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <future>
#include <utility>

#include "core/activity_since.h"
#include "core/error.h"
#include "core/vision/frame_activity.h"
#include "tools/common/answer_box.h"
#include "tools/dataset/random.h"
#include "tools/dataset/window_questions.h"
#include "tools/m3_eval/scoring.h"

namespace m3::eval {
namespace {

constexpr double kCameraFps = 10;  // frames that motion is measured on
constexpr size_t kQuestionsAStand = 5;
constexpr double kPatience = 1.5;     // seconds of a new picture before it is asked about
constexpr double kBurstSeconds = 10;  // of budget

int64_t to_ns(double seconds) { return std::llround(seconds * 1e9); }

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

}  // namespace

FilmExam::FilmExam(std::shared_ptr<Engine> engine, const ControlOptions& options,
                   const dataset::Vocabulary& vocabulary, std::stop_token stop)
    : engine_(std::move(engine)),
      options_(options),
      vocabulary_(vocabulary),
      stop_(std::move(stop)) {}

FilmExam::Watch FilmExam::watch(dataset::Film& film) const {
  Watch watch;
  FrameActivity measure;
  ActivitySince since;
  double next = 0;
  for (int number = 0; number / kCameraFps < film.seconds(); ++number) {
    const double second = number / kCameraFps;
    const Image image = film.frame(second);
    FrameView frame = image.view();
    frame.pts_ns = to_ns(second);
    since.add(measure.measure(frame));
    if (second + 1e-6 < next) continue;
    next += 1 / options_.fps;
    watch.seconds.push_back(second);
    watch.activities.push_back(since.take());
  }
  return watch;
}

std::vector<FilmExam::Moment> FilmExam::moments(const dataset::Film& film,
                                                const Watch& watch) const {
  std::vector<Moment> all;
  dataset::Random random(options_.seed, static_cast<uint64_t>(film.seconds() * 1000));
  for (size_t stand = 0; stand < film.stands().size(); ++stand) {
    const auto& shown = film.stands()[stand];
    if (shown.end - shown.begin < kPatience + 0.2) continue;
    const double at = shown.begin + random.between(kPatience, shown.end - shown.begin - 0.1);
    const auto found = std::upper_bound(watch.seconds.begin(), watch.seconds.end(), at);
    if (found == watch.seconds.begin()) continue;
    Moment moment;
    moment.frame = static_cast<size_t>(found - watch.seconds.begin()) - 1;
    for (const auto& made : dataset::window_questions(film.watched(stand), vocabulary_, vocabulary_,
                                                      kQuestionsAStand, random)) {
      if (made.kind != "caption") moment.questions.push_back(to_question(made));
    }
    if (!moment.questions.empty()) all.push_back(std::move(moment));
  }
  return all;
}

std::vector<FilmExam::Choice> FilmExam::choices(const Spending& spending,
                                                const Watch& watch) const {
  std::vector<Choice> chosen;
  if (spending.fixed_scale > 0) {
    // As often as the budget allows, whatever there is to see.
    double next = 0;
    for (size_t i = 0; i < watch.seconds.size(); ++i) {
      if (watch.seconds[i] + 1e-6 < next) continue;
      chosen.push_back({i, spending.fixed_scale});
      next += spending.fixed_scale / spending.budget;
      next = std::max(next, watch.seconds[i]);
    }
    return chosen;
  }
  const std::vector<int>& ladder = engine_->info().ladder;
  ScalePolicyOptions policy_options;
  policy_options.ladder = ladder;
  policy_options.fps = 0;  // the frames are those that fps picked
  const double burst =
      std::max(spending.budget * kBurstSeconds, static_cast<double>(ladder.back()));
  ScalePolicy policy(policy_options, std::make_shared<TokenBudget>(spending.budget, burst));
  for (size_t i = 0; i < watch.seconds.size(); ++i) {
    const int64_t pts_ns = to_ns(watch.seconds[i]);
    if (!policy.samples(pts_ns)) continue;
    const Decision decision = policy.decide(watch.activities[i], pts_ns);
    if (decision.action == Action::kEncode) chosen.push_back({i, decision.scale});
  }
  return chosen;
}

const Tokens& FilmExam::tokens(size_t frame, const Watch& watch, dataset::Film& film) {
  if (tokens_[frame].empty()) {
    const Image image = film.frame(watch.seconds[frame]);
    EncodeRequest request;
    request.frame = image.view();
    request.keep_scale = engine_->info().ladder.back();
    tokens_[frame] = engine_->encode(request).get();
  }
  return tokens_[frame];
}

bool FilmExam::ask(const std::vector<Choice>& choices, const std::vector<Moment>& moments,
                   const Watch& watch, dataset::Film& film, FilmResult& result) {
  SessionOptions session_options;
  session_options.window_tokens = options_.window_tokens;
  const auto session = engine_->create_session(session_options);
  std::vector<SetQuestion> asked;
  std::vector<std::future<Answer>> answers;
  size_t next = 0;
  for (const Moment& moment : moments) {
    for (; next < choices.size() && choices[next].frame <= moment.frame; ++next) {
      if (!session->wait_inbox(stop_)) return false;
      session->append({tokens(choices[next].frame, watch, film).pool_to(choices[next].scale),
                       to_ns(watch.seconds[choices[next].frame])});
    }
    for (const SetQuestion& question : moment.questions) {
      const auto box = std::make_shared<tools::AnswerBox>();
      answers.push_back(box->future());
      Question text;
      text.text = question.question;
      text.asked_at_ns = to_ns(watch.seconds[moment.frame]);
      session->ask(std::move(text), box);
      asked.push_back(question);
    }
    // One moment's questions are answered side by side; no more wait.
    for (size_t i = answers.size() - moment.questions.size(); i < answers.size(); ++i)
      answers[i].wait();
    if (stop_.stop_requested()) return false;
  }
  const Scoring scoring(asked);
  for (size_t i = 0; i < asked.size(); ++i) {
    const Answer answer = answers[i].get();
    if (answer.finish == Finish::kError) throw Error(ErrorCode::kInternal, answer.error);
    result.right += scoring.is_right(asked[i], answer.text) ? 1 : 0;
  }
  result.questions = asked.size();
  for (const Choice& choice : choices) result.visual_tokens += choice.scale;
  result.tower_calls = choices.size();
  result.seconds = film.seconds();
  return true;
}

std::vector<FilmResult> FilmExam::examine(dataset::Film& film,
                                          const std::vector<Spending>& spendings,
                                          const std::function<void(double)>& progress) {
  const Watch watch = this->watch(film);
  const std::vector<Moment> moments = this->moments(film, watch);
  tokens_.assign(watch.seconds.size(), Tokens());
  std::vector<FilmResult> results;
  std::vector<std::vector<Choice>> known;
  for (const Spending& spending : spendings) {
    progress(static_cast<double>(results.size()) / static_cast<double>(spendings.size()));
    known.push_back(choices(spending, watch));
    // What a budget does not bind is the same as with a larger one.
    const auto same = std::find_if(known.begin(), known.end() - 1, [&](const auto& other) {
      return std::equal(other.begin(), other.end(), known.back().begin(), known.back().end(),
                        [](const Choice& a, const Choice& b) {
                          return a.frame == b.frame && a.scale == b.scale;
                        });
    });
    if (same != known.end() - 1) {
      results.push_back(results[static_cast<size_t>(same - known.begin())]);
      continue;
    }
    FilmResult result;
    if (!ask(known.back(), moments, watch, film, result)) return {};
    results.push_back(result);
  }
  return results;
}

}  // namespace m3::eval
