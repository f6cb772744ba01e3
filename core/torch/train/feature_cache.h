// FeatureCache: what the vision tower saw in pictures, as float16 in one file that only grows.
// Every entry carries its picture's key and a checksum, so that a file whose writer was killed in
// the middle of an entry is as good as before. One process writes a file at a time. Threads: used
// from one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace m3 {

class FeatureCache {
 public:
  // Opens the file, or makes it; its folder must be there. `of`: what makes the features, such as
  // the tower's id; features of another are thrown away. numbers: of an entry. most_bytes: of the
  // file; what does not fit is not kept. Throws kNotFound (cannot be opened), kMismatch (another
  // process writes it, or it is something else).
  FeatureCache(std::string path, std::string_view of, size_t numbers, int64_t most_bytes);
  ~FeatureCache();
  FeatureCache(const FeatureCache&) = delete;
  FeatureCache& operator=(const FeatureCache&) = delete;

  // Fills `features` with the entry of that key; false: there is none, or it is damaged.
  bool find(std::string_view key, std::span<uint16_t> features) const;
  // Throws kInternal when the file cannot be written (a full disk); it is then as it was.
  void add(std::string_view key, std::span<const uint16_t> features);

  size_t entries() const noexcept { return places_.size(); }

 private:
  struct Key {
    uint64_t low = 0;
    uint64_t high = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const noexcept { return key.low; }
  };
  struct EntryHead;

  static Key key_of(std::string_view text);
  void begin_anew();
  void read_places();
  [[noreturn]] void fail(const char* what) const;

  const std::string path_;
  const Key of_;
  const size_t entry_bytes_;
  const size_t numbers_;
  const int64_t most_bytes_;
  int descriptor_ = -1;
  int64_t end_ = 0;  // of the last whole entry
  std::unordered_map<Key, int64_t, KeyHash> places_;
  std::vector<std::byte> entry_;  // scratch
};

}  // namespace m3
