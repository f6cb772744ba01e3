#include "tools/m3_ask/run_report.h"

#include "tools/common/command_line.h"
#include "tools/common/process.h"

namespace m3::ask {

void RunReport::add(const EndLine& part) {
  sum_.frames += part.frames;
  sum_.frames_encoded += part.frames_encoded;
  sum_.frames_reused += part.frames_reused;
  sum_.frames_sampled_out += part.frames_sampled_out;
  sum_.frames_dropped += part.frames_dropped;
  sum_.visual_tokens += part.visual_tokens;
  sum_.text_tokens += part.text_tokens;
  sum_.seconds += part.seconds;
  sum_.truncated = sum_.truncated || part.truncated;
}

int RunReport::exit_code() const noexcept {
  return failed_ ? tools::kExitFailed : tools::kExitDone;
}

int RunReport::finish() {
  sum_.wall_seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  sum_.peak_rss_mb = static_cast<double>(tools::peak_rss_mb());
  printer_.end(sum_);
  return exit_code();
}

}  // namespace m3::ask
