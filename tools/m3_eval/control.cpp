#include "tools/m3_eval/control.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "core/error.h"
#include "tools/dataset/film.h"
#include "tools/dataset/vocabulary.h"
#include "tools/m3_eval/film_exam.h"

namespace m3::eval {
namespace {

constexpr double kFilmSeconds = 120;
constexpr size_t kSampledViews = 3000;  // that the balance of names rests on
constexpr int kDraws = 2000;
constexpr int kSteps = 200;  // of the area

// Tokens a second and accuracy of each way of spending, over some of the films.
struct Point {
  double tokens = 0;
  double accuracy = 0;
};

Point point_of(const ControlStudy& study, size_t spending, const std::vector<size_t>& films) {
  FilmResult sum;
  for (const size_t film : films) {
    const FilmResult& result = study.films[film][spending];
    sum.seconds += result.seconds;
    sum.visual_tokens += result.visual_tokens;
    sum.questions += result.questions;
    sum.right += result.right;
  }
  return {sum.visual_tokens / std::max(sum.seconds, 1e-9),
          100.0 * static_cast<double>(sum.right) /
              static_cast<double>(std::max<size_t>(1, sum.questions))};
}

// Of one fixed scale, or of the choice: ascending tokens.
std::vector<Point> curve_of(const ControlStudy& study, int fixed_scale,
                            const std::vector<size_t>& films) {
  std::vector<Point> curve;
  for (size_t i = 0; i < study.spendings.size(); ++i) {
    if (study.spendings[i].fixed_scale == fixed_scale) curve.push_back(point_of(study, i, films));
  }
  std::sort(curve.begin(), curve.end(),
            [](const Point& a, const Point& b) { return a.tokens < b.tokens; });
  return curve;
}

double accuracy_at(const std::vector<Point>& curve, double log_tokens) {
  const auto log_of = [](const Point& point) { return std::log(std::max(point.tokens, 1e-6)); };
  if (log_tokens <= log_of(curve.front())) return curve.front().accuracy;
  for (size_t i = 1; i < curve.size(); ++i) {
    const double before = log_of(curve[i - 1]);
    const double after = log_of(curve[i]);
    if (log_tokens > after || after <= before) continue;
    const double part = (log_tokens - before) / (after - before);
    return curve[i - 1].accuracy + part * (curve[i].accuracy - curve[i - 1].accuracy);
  }
  return curve.back().accuracy;
}

double area(const std::vector<Point>& curve, double from, double to) {
  if (!(to > from)) return accuracy_at(curve, from);
  double sum = 0;
  for (int step = 0; step < kSteps; ++step)
    sum += accuracy_at(curve, from + (to - from) * (step + 0.5) / kSteps);
  return sum / kSteps;
}

std::map<int, double> areas(const ControlStudy& study, const std::vector<size_t>& films) {
  const std::vector<Point> chosen = curve_of(study, 0, films);
  const double from = std::log(std::max(chosen.front().tokens, 1e-6));
  const double to = std::log(std::max(chosen.back().tokens, 1e-6));
  std::map<int, double> all = {{0, area(chosen, from, to)}};
  for (const int scale : study.ladder) all[scale] = area(curve_of(study, scale, films), from, to);
  return all;
}

std::vector<Spending> spendings_of(const std::vector<int>& ladder, const ControlOptions& options) {
  std::vector<Spending> spendings;
  for (const double budget : options.budgets) {
    spendings.push_back({0, budget});
    for (const int scale : ladder) spendings.push_back({scale, budget});
  }
  return spendings;
}

std::vector<dataset::View> sampled_views(const dataset::Composer& composer,
                                         const std::vector<dataset::AnnotatedPicture>& pictures,
                                         uint64_t seed) {
  std::vector<dataset::View> views;
  dataset::Random random(seed);
  for (size_t i = 0; i < kSampledViews; ++i)
    views.push_back(dataset::view_of(pictures[composer.any_picture(random)]));
  return views;
}

}  // namespace

ControlStudy show_films(const std::shared_ptr<Engine>& engine, const ControlOptions& options,
                        std::stop_token stop,
                        const std::function<void(double, const std::string&)>& progress) {
  ControlStudy study;
  study.ladder = engine->info().ladder;
  study.spendings = spendings_of(study.ladder, options);
  const auto pictures = dataset::read_annotations(options.data, options.split);
  const dataset::Composer composer(pictures);
  const dataset::Vocabulary vocabulary(pictures, sampled_views(composer, pictures, options.seed));
  FilmExam exam(engine, options, vocabulary, stop);
  size_t asked = 0;
  size_t barren = 0;
  for (uint64_t number = 0; asked < options.questions; ++number) {
    dataset::Film film(composer, pictures, options.data, kFilmSeconds,
                       options.seed * 1'000'003 + number);
    const auto results = exam.examine(film, study.spendings, [&](double part) {
      progress((static_cast<double>(asked) + part * 60) / static_cast<double>(options.questions),
               "film " + std::to_string(number + 1));
    });
    if (results.empty()) {
      study.interrupted = true;
      break;
    }
    if (results.front().questions == 0 && ++barren > 20) {
      throw Error(ErrorCode::kNotFound,
                  options.data + ": nothing can be asked about its annotations");
    }
    asked += results.front().questions;
    study.films.push_back(results);
  }
  return study;
}

std::vector<SpendingFigure> figures_of(const ControlStudy& study) {
  std::vector<SpendingFigure> figures;
  for (size_t i = 0; i < study.spendings.size(); ++i) {
    SpendingFigure figure;
    figure.spending = study.spendings[i];
    std::vector<Outcome> outcomes;
    double seconds = 0;
    for (size_t film = 0; film < study.films.size(); ++film) {
      const FilmResult& result = study.films[film][i];
      seconds += result.seconds;
      figure.tokens_per_second += result.visual_tokens;
      figure.tower_calls_per_second += static_cast<double>(result.tower_calls);
      for (size_t q = 0; q < result.questions; ++q)
        outcomes.push_back({film, q < result.right ? 1.0 : 0.0});
    }
    figure.tokens_per_second /= std::max(seconds, 1e-9);
    figure.tower_calls_per_second /= std::max(seconds, 1e-9);
    figure.share = share_of(outcomes);
    figures.push_back(figure);
  }
  return figures;
}

std::vector<AreaFigure> areas_of(const ControlStudy& study) {
  std::vector<AreaFigure> figures;
  if (study.films.empty()) return figures;
  std::vector<size_t> films(study.films.size());
  for (size_t i = 0; i < films.size(); ++i) films[i] = i;
  std::map<int, std::vector<double>> leads;
  dataset::Random random(1);
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<size_t> drawn;
    for (size_t i = 0; i < films.size(); ++i) drawn.push_back(random.below(films.size()));
    const std::map<int, double> all = areas(study, drawn);
    for (const int scale : study.ladder) leads[scale].push_back(all.at(0) - all.at(scale));
  }
  const std::map<int, double> all = areas(study, films);
  figures.push_back({0, all.at(0)});
  for (const int scale : study.ladder) {
    std::vector<double>& lead = leads[scale];
    std::sort(lead.begin(), lead.end());
    const auto positive = std::count_if(lead.begin(), lead.end(), [](double l) { return l > 0; });
    figures.push_back({scale, all.at(scale), all.at(0) - all.at(scale), lead[kDraws * 25 / 1000],
                       lead[kDraws * 975 / 1000 - 1], static_cast<double>(positive) / kDraws});
  }
  return figures;
}

}  // namespace m3::eval
