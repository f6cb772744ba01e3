// Draws accuracy against tokens, as PNG. Threads: free functions.
#pragma once

#include <string>
#include <vector>

#include "tools/m3_eval/control.h"
#include "tools/m3_eval/granularity.h"

namespace m3::eval {

// A curve for all questions with its 95 % interval, one for each kind, and the oracle. Throws
// kNotFound when the file cannot be written, kUnsupported in a build that cannot draw.
void plot_tables(const std::vector<KindTable>& tables, const std::vector<int>& ladder,
                 const std::string& file);

// A curve for the scales that were chosen frame by frame, and one for each fixed scale. Throws the
// same.
void plot_figures(const std::vector<SpendingFigure>& figures, const std::string& file);

}  // namespace m3::eval
