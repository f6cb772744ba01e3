// In place of curve_plot.cpp in a build without cairo and Pango.
#include "core/error.h"
#include "tools/m3_eval/curve_plot.h"

namespace m3::eval {
namespace {

[[noreturn]] void refuse() {
  throw Error(ErrorCode::kUnsupported,
              "this build cannot draw: install libcairo2-dev and libpango1.0-dev and build again");
}

}  // namespace

void plot_tables(const std::vector<KindTable>&, const std::vector<int>&, const std::string&) {
  refuse();
}

void plot_figures(const std::vector<SpendingFigure>&, const std::string&) { refuse(); }

}  // namespace m3::eval
