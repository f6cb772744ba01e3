#include "core/model/nfc.h"

#include <algorithm>

#ifdef M3_HAVE_UTF8PROC
#include <utf8proc.h>

#include <cstdlib>
#include <memory>
#endif

namespace m3 {

bool has_nfc() {
#ifdef M3_HAVE_UTF8PROC
  return true;
#else
  return false;
#endif
}

std::string to_nfc(std::string_view text) {
  const bool ascii = std::all_of(text.begin(), text.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 128; });
  if (ascii) return std::string(text);
#ifdef M3_HAVE_UTF8PROC
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t bytes =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(mapped, &std::free);
  if (bytes >= 0) {
    return std::string(reinterpret_cast<const char*>(mapped), static_cast<size_t>(bytes));
  }
#endif
  return std::string(text);
}

}  // namespace m3
