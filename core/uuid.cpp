#include "core/uuid.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <random>

namespace m3 {
namespace {

// The stamp is milliseconds << 12 | counter: one number that only ever rises, also when the clock
// steps back.
struct Source {
  std::mutex mutex;
  std::mt19937_64 random{(uint64_t{std::random_device{}()} << 32) ^ std::random_device{}()};
  uint64_t last_stamp = 0;
};

}  // namespace

std::string uuid7() {
  static Source source;
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  using std::chrono::system_clock;
  const auto now_ms = static_cast<uint64_t>(
      duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
  uint64_t stamp = 0;
  uint64_t random = 0;
  {
    const std::lock_guard lock(source.mutex);
    stamp = now_ms << 12;
    if (stamp <= source.last_stamp) stamp = source.last_stamp + 1;
    source.last_stamp = stamp;
    random = source.random();
  }
  const uint64_t time_ms = stamp >> 12;
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-7%03x-%04x-%012llx",
                static_cast<unsigned>((time_ms >> 16) & 0xffffffffU),
                static_cast<unsigned>(time_ms & 0xffffU), static_cast<unsigned>(stamp & 0xfffU),
                static_cast<unsigned>(0x8000U | ((random >> 48) & 0x3fffU)),
                static_cast<unsigned long long>(random & 0xffffffffffffULL));
  return text;
}

}  // namespace m3
