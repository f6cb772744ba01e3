#include "tools/m3_train/run_state.h"

#include <charconv>
#include <system_error>

#include "core/error.h"

namespace m3::train {
namespace {

template <typename Number>
std::string text_of(Number number) {
  char text[40];
  const auto [end, status] = std::to_chars(text, text + sizeof text, number);
  return std::string(text, status == std::errc() ? end : text);
}

class Reader {
 public:
  Reader(const std::map<std::string, std::string>& notes, const std::string& path)
      : notes_(notes), path_(path) {}

  const std::string& text(const char* key) const {
    const auto found = notes_.find(key);
    if (found == notes_.end()) fail(key);
    return found->second;
  }
  template <typename Number>
  void number(const char* key, Number& value) const {
    const std::string& digits = text(key);
    const char* end = digits.data() + digits.size();
    const auto [rest, status] = std::from_chars(digits.data(), end, value);
    if (status != std::errc() || rest != end || value < 0) fail(key);
  }

 private:
  [[noreturn]] void fail(const char* key) const {
    throw Error(ErrorCode::kCorrupt,
                path_ + ": is no checkpoint of m3-train (" + key + " is missing or wrong)");
  }

  const std::map<std::string, std::string>& notes_;
  const std::string& path_;
};

}  // namespace

std::map<std::string, std::string> to_notes(const RunState& state) {
  return {{"step", text_of(state.step)},         {"next_example", text_of(state.next_example)},
          {"examples", text_of(state.examples)}, {"seconds", text_of(state.seconds)},
          {"best", text_of(state.best)},         {"setup", state.setup}};
}

RunState from_notes(const std::map<std::string, std::string>& notes, const std::string& path) {
  const Reader reader(notes, path);
  RunState state;
  reader.number("step", state.step);
  reader.number("next_example", state.next_example);
  reader.number("examples", state.examples);
  reader.number("seconds", state.seconds);
  reader.number("best", state.best);
  state.setup = reader.text("setup");
  return state;
}

}  // namespace m3::train
