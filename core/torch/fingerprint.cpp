#include "core/torch/fingerprint.h"

#define XXH_STATIC_LINKING_ONLY  // the state's size is needed
#include <xxhash.h>

#include <cstdio>

#include "core/model/mapped_file.h"

namespace m3 {

struct Fingerprint::State {
  XXH3_state_t hash;
};

Fingerprint::Fingerprint() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->hash); }

Fingerprint::~Fingerprint() = default;

void Fingerprint::add(const void* data, size_t size) {
  XXH3_64bits_update(&state_->hash, data, size);
}

void Fingerprint::add_file(const std::string& path) {
  const auto file = MappedFile::open(path);
  add(file->bytes().data(), file->bytes().size());
}

std::string Fingerprint::text() const {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx",
                static_cast<unsigned long long>(XXH3_64bits_digest(&state_->hash)));
  return digits;
}

}  // namespace m3
