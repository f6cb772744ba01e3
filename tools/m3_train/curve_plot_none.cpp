// In place of curve_plot.cpp in a build without cairo and Pango.
#include "core/error.h"
#include "tools/m3_train/curve_plot.h"

namespace m3::train {

void plot_curve(const std::string&, const std::string&) {
  throw Error(ErrorCode::kUnsupported,
              "this build cannot draw: install libcairo2-dev and libpango1.0-dev and build again");
}

}  // namespace m3::train
