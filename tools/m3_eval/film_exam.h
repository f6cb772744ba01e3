// FilmExam: shows a film to a model under several ways of spending tokens and asks the same
// questions each time. What the ways have in common is done once: a film is played and its activity
// measured once, a frame goes through the tower once, whoever wants it, ways that have seen the
// same so far are asked once, and what is asked of the others at one moment is answered side by
// side. Threads: one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "core/engine.h"
#include "core/scale_policy.h"
#include "tools/dataset/film.h"
#include "tools/dataset/vocabulary.h"
#include "tools/m3_eval/control.h"
#include "tools/m3_eval/question_set.h"

namespace m3::eval {

class Scoring;

class FilmExam {
 public:
  // vocabulary: borrowed, must outlive it.
  FilmExam(std::shared_ptr<Engine> engine, const ControlOptions& options,
           const dataset::Vocabulary& vocabulary, std::stop_token stop);

  // One result a way of spending; none at all: interrupted. progress: fraction 0..1.
  std::vector<FilmResult> examine(dataset::Film& film, const std::vector<Spending>& spendings,
                                  const std::function<void(double)>& progress);

 private:
  // Questions that are asked when the frame has been seen.
  struct Moment {
    size_t frame = 0;
    std::vector<SetQuestion> questions;
  };
  // A frame that is encoded.
  struct Choice {
    size_t frame = 0;
    int scale = 0;
    friend bool operator==(const Choice&, const Choice&) = default;
  };
  // The tokens of a film's sampled frames, those that anybody wants before the last question, and
  // who wants which.
  struct Watch {
    std::vector<Tokens> tokens;
    std::vector<std::vector<Choice>> choices;  // of each way of spending
  };
  // One way of spending, while the questions are asked.
  struct Viewer {
    std::unique_ptr<Session> session;  // null until it has seen what nobody before it has
    size_t shown = 0;                  // choices that are in the session
    size_t right = 0;
  };

  std::vector<Moment> moments(const dataset::Film& film) const;
  // None: interrupted. last: the last frame that is asked about.
  std::optional<Watch> watch(dataset::Film& film, const std::vector<Spending>& spendings,
                             size_t last, const std::function<void(double)>& progress) const;
  // False: interrupted.
  bool ask(const Moment& moment, const Watch& watch, const Scoring& scoring,
           std::vector<Viewer>& viewers) const;
  bool show(const std::vector<Choice>& choices, size_t number, const Watch& watch,
            Viewer& viewer) const;

  const std::shared_ptr<Engine> engine_;
  const ControlOptions options_;
  const dataset::Vocabulary& vocabulary_;
  const std::stop_token stop_;
  std::vector<double> seconds_;  // of the sampled frames of the film in hand
};

}  // namespace m3::eval
