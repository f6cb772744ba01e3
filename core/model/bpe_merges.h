// BpeMerges: byte pair encoding's merge rules by pair, and their application to one piece of text.
// Threads: immutable once filled; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace m3 {

class BpeMerges {
 public:
  explicit BpeMerges(size_t count);  // rules that will be added

  // The next best rule: the ids `left` and `right` become `merged`. A pair that has a rule keeps
  // it.
  void add(int32_t left, int32_t right, int32_t merged);

  // Merges neighbours until no rule applies: the best rule first, of equals the leftmost. O(n log
  // n). `ids` shrinks.
  void apply(std::vector<int32_t>& ids) const;

 private:
  struct Rule {
    uint64_t pair = kNoPair;
    uint32_t rank = 0;
    int32_t merged = 0;
  };
  static constexpr uint64_t kNoPair = ~uint64_t{0};

  size_t slot_of(uint64_t pair) const;
  const Rule* find(int32_t left, int32_t right) const;
  void apply_short(std::vector<int32_t>& ids) const;
  void apply_long(std::vector<int32_t>& ids) const;

  std::vector<Rule> rules_;  // open addressing; size a power of two, at least twice the rules
  uint32_t count_ = 0;
};

}  // namespace m3
