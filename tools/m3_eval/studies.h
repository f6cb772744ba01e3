// The studies of m3-eval, one function each: see the files of the same names. All print their
// results and return the exit code; what makes the whole study impossible is thrown as Error.
// Threads: the main thread.
#pragma once

#include <stop_token>

#include "tools/m3_eval/options.h"

namespace m3::eval {

inline constexpr char kTool[] = "m3-eval";

int study_granularity(const GranularityOptions& options, std::stop_token stop);
int study_video(const VideoOptions& options, std::stop_token stop);
int study_control(const ControlOptions& options, std::stop_token stop);
int study_memory(const MemoryOptions& options, std::stop_token stop);

}  // namespace m3::eval
