// Draws a run's learning curve as PNG. Threads: a free function.
#pragma once

#include <string>

namespace m3::train {

// csv: step,loss,examples,seconds and optionally held_out, with a line of names; lines that are
// something else are passed over. What is there is written to png, whole or not at all. Throws
// kNotFound when a file cannot be read or written, kUnsupported in a build that cannot draw.
void plot_curve(const std::string& csv, const std::string& png);

}  // namespace m3::train
