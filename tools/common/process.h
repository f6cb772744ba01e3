// What a tool asks of its own process: memory and thread settings at the start, the peak at the
// end, its place on the disk. Threads: tune_process() in main before other threads start; the rest
// from any thread.
#pragma once

#include <cstdint>
#include <filesystem>

namespace m3::tools {

// Settings of the whole process that an element must not touch.
void tune_process();

// The most memory that was resident at once, in units of 10^6 bytes.
int64_t peak_rss_mb();
// Megabytes of memory that the process has now.
double resident_mb();
// Processor time that it has taken, all threads and the kernel for it.
double cpu_seconds();

// The folder that holds the running program.
std::filesystem::path executable_folder();

}  // namespace m3::tools
