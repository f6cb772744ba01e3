#include "tools/m3_ask/list_run.h"

namespace m3::ask {

void ListRun::answer(const AnswerLine& line) {
  ++answered_;
  if (line.answer.finish == Finish::kError) {
    report_.fail();
    if (failed_++ == 0) first_failure_ = line.answer.error;
  }
  printer_.answer(line);
}

void ListRun::progress(const std::string& what, double part) {
  if (total_ > 0)
    printer_.progress((static_cast<double>(answered_) + part) / static_cast<double>(total_), what);
}

void ListRun::interrupted() {
  report_.fail();
  printer_.error("interrupted after " + std::to_string(answered_) + " of " +
                 std::to_string(total_) + " answers");
}

void ListRun::close() {
  if (failed_ == 0) return;
  printer_.error(std::to_string(failed_) + " of " + std::to_string(total_) +
                 " questions failed, the first: " + first_failure_);
}

}  // namespace m3::ask
