// FilmExam: shows a film to a model under several ways of spending tokens and asks the same
// questions each time. Activity is measured once a film, a frame goes through the tower once,
// whoever wants it. Threads: one thread.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/scale_policy.h"
#include "tools/dataset/film.h"
#include "tools/dataset/vocabulary.h"
#include "tools/m3_eval/control.h"
#include "tools/m3_eval/question_set.h"

namespace m3::eval {

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
  struct Choice {
    size_t frame = 0;
    int scale = 0;
  };
  // A film's sampled frames, and what moved since the one before.
  struct Watch {
    std::vector<double> seconds;
    std::vector<Activity> activities;
  };

  Watch watch(dataset::Film& film) const;
  std::vector<Moment> moments(const dataset::Film& film, const Watch& watch) const;
  // The frames that are encoded, and their scales.
  std::vector<Choice> choices(const Spending& spending, const Watch& watch) const;
  // False: interrupted.
  bool ask(const std::vector<Choice>& choices, const std::vector<Moment>& moments,
           const Watch& watch, dataset::Film& film, FilmResult& result);
  const Tokens& tokens(size_t frame, const Watch& watch, dataset::Film& film);

  const std::shared_ptr<Engine> engine_;
  const ControlOptions options_;
  const dataset::Vocabulary& vocabulary_;
  const std::stop_token stop_;
  std::vector<Tokens> tokens_;  // by sampled frame of the film in hand; empty: not yet
};

}  // namespace m3::eval
