// Scale control under test: films whose content is known are shown to a model as a camera would
// show them, with scales chosen frame by frame and with every fixed scale, at the same budgets, and
// the same questions are asked. Threads: free functions and values; show_films() blocks.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/engine.h"
#include "tools/m3_eval/options.h"
#include "tools/m3_eval/share.h"

namespace m3::eval {

// A way to spend tokens.
struct Spending {
  // 0: chosen frame by frame; else that of every frame, which come as often as the budget allows.
  int fixed_scale = 0;
  double budget = 0;  // visual tokens a second
};

// What came of one film under one way of spending.
struct FilmResult {
  double seconds = 0;
  double visual_tokens = 0;
  size_t tower_calls = 0;
  size_t questions = 0;
  size_t right = 0;
};

struct ControlStudy {
  std::vector<int> ladder;
  std::vector<Spending> spendings;
  std::vector<std::vector<FilmResult>> films;  // of each film, one result a way of spending
  bool interrupted = false;
};

// progress: fraction 0..1 and what is asked about. Throws what the folder's annotations, pictures
// and the engine throw.
ControlStudy show_films(const std::shared_ptr<Engine>& engine, const ControlOptions& options,
                        std::stop_token stop,
                        const std::function<void(double, const std::string&)>& progress);

// One point of a curve.
struct SpendingFigure {
  Spending spending;
  double tokens_per_second = 0;
  double tower_calls_per_second = 0;
  Share share;
};
std::vector<SpendingFigure> figures_of(const ControlStudy& study);

// Mean accuracy over the logarithm of tokens a second, between the least and the most that the
// chosen scales spent, in percent; a curve that ends before goes on level. Of the frame-by-frame
// choice, and how far it is ahead of a fixed scale when films are drawn anew (paired bootstrap).
struct AreaFigure {
  int fixed_scale = 0;  // 0: chosen frame by frame
  double area = 0;
  // Of the fixed scales only: area chosen - area fixed, its 95 % interval, and how often it is > 0.
  double ahead = 0;
  double low = 0;
  double high = 0;
  double probability = 0;
};
std::vector<AreaFigure> areas_of(const ControlStudy& study);

}  // namespace m3::eval
