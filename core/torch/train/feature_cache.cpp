#include "core/torch/train/feature_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace m3 {
namespace {

constexpr uint64_t kFileMark = 0x3173747561656633;   // the format and its version
constexpr uint64_t kEntryMark = 0x317972746e656d33;  // an entry begins here

struct FileHead {
  uint64_t mark;
  uint64_t numbers;
  uint64_t of_low;
  uint64_t of_high;
};

// All bytes or none; false: the file ends before, or cannot be read.
bool read_at(int descriptor, void* data, size_t bytes, int64_t at) {
  auto* to = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t got = ::pread(descriptor, to, bytes, at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    at += got;
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

bool write_at(int descriptor, const void* data, size_t bytes, int64_t at) {
  const auto* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t put = ::pwrite(descriptor, from, bytes, at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    from += put;
    at += put;
    bytes -= static_cast<size_t>(put);
  }
  return true;
}

}  // namespace

struct FeatureCache::EntryHead {
  uint64_t mark;
  uint64_t key_low;
  uint64_t key_high;
  uint64_t checksum;  // of the numbers
};

FeatureCache::Key FeatureCache::key_of(std::string_view text) {
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return {hash.low64, hash.high64};
}

FeatureCache::FeatureCache(std::string path, std::string_view of, size_t numbers,
                           int64_t most_bytes)
    : path_(std::move(path)),
      of_(key_of(of)),
      entry_bytes_(sizeof(EntryHead) + numbers * sizeof(uint16_t)),
      numbers_(numbers),
      most_bytes_(most_bytes) {
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0)
    throw Error(ErrorCode::kNotFound, path_ + ": cannot be opened: " + std::strerror(errno));
  try {
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0)
      throw Error(ErrorCode::kMismatch,
                  path_ + ": another training run uses it; give each its own");
    FileHead head{};
    const bool empty = ::lseek(descriptor_, 0, SEEK_END) == 0;
    if (!empty && (!read_at(descriptor_, &head, sizeof head, 0) || head.mark != kFileMark)) {
      throw Error(ErrorCode::kMismatch,
                  path_ + ": is no file of features; give another name, or delete it");
    }
    if (!empty && head.numbers == numbers && head.of_low == of_.low && head.of_high == of_.high) {
      read_places();
    } else {
      begin_anew();
    }
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

FeatureCache::~FeatureCache() { ::close(descriptor_); }

void FeatureCache::begin_anew() {
  const FileHead head{kFileMark, numbers_, of_.low, of_.high};
  if (::ftruncate(descriptor_, 0) != 0 || !write_at(descriptor_, &head, sizeof head, 0))
    fail("cannot be written");
  end_ = sizeof head;
}

void FeatureCache::read_places() {
  end_ = sizeof(FileHead);
  const off_t size = ::lseek(descriptor_, 0, SEEK_END);
  const auto step = static_cast<int64_t>(entry_bytes_);
  EntryHead head{};
  for (; end_ + step <= size; end_ += step) {
    if (!read_at(descriptor_, &head, sizeof head, end_) || head.mark != kEntryMark) break;
    places_[{head.key_low, head.key_high}] = end_;
  }
  // What is behind the last whole entry was being written when its writer ended.
  if (::ftruncate(descriptor_, end_) != 0) fail("cannot be written");
}

bool FeatureCache::find(std::string_view key, std::span<uint16_t> features) const {
  const auto found = places_.find(key_of(key));
  if (found == places_.end() || features.size() != numbers_) return false;
  EntryHead head{};
  return read_at(descriptor_, &head, sizeof head, found->second) &&
         read_at(descriptor_, features.data(), features.size_bytes(),
                 found->second + static_cast<int64_t>(sizeof head)) &&
         head.checksum == XXH3_64bits(features.data(), features.size_bytes());
}

void FeatureCache::add(std::string_view key, std::span<const uint16_t> features) {
  if (end_ + static_cast<int64_t>(entry_bytes_) > most_bytes_ || features.size() != numbers_)
    return;
  const Key name = key_of(key);
  const EntryHead head{kEntryMark, name.low, name.high,
                       XXH3_64bits(features.data(), features.size_bytes())};
  entry_.resize(entry_bytes_);
  std::memcpy(entry_.data(), &head, sizeof head);
  std::memcpy(entry_.data() + sizeof head, features.data(), features.size_bytes());
  if (!write_at(descriptor_, entry_.data(), entry_bytes_, end_)) {
    const int reason = errno;
    if (::ftruncate(descriptor_, end_) != 0) end_ = most_bytes_;  // nothing more is kept
    errno = reason;
    fail("cannot be written");
  }
  places_[name] = end_;
  end_ += static_cast<int64_t>(entry_bytes_);
}

void FeatureCache::fail(const char* what) const {
  throw Error(ErrorCode::kInternal, path_ + ": " + what + ": " + std::strerror(errno));
}

}  // namespace m3
