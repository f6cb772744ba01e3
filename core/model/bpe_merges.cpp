#include "core/model/bpe_merges.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <functional>
#include <queue>
#include <tuple>

namespace m3 {
namespace {

// Up to here looking at all pairs again after each merge is faster than keeping a queue.
constexpr size_t kShort = 24;

uint64_t pair_of(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

}  // namespace

BpeMerges::BpeMerges(size_t count) : rules_(std::bit_ceil(2 * count + 1)) {}

size_t BpeMerges::slot_of(uint64_t pair) const {
  const size_t mask = rules_.size() - 1;
  // Fibonacci hashing: the product's upper bits depend on all bits of the pair.
  size_t slot = (pair * 0x9e3779b97f4a7c15u) >> 32 & mask;
  while (rules_[slot].pair != pair && rules_[slot].pair != kNoPair) slot = (slot + 1) & mask;
  return slot;
}

void BpeMerges::add(int32_t left, int32_t right, int32_t merged) {
  assert(2 * size_t{count_} < rules_.size());
  Rule& rule = rules_[slot_of(pair_of(left, right))];
  const uint32_t rank = count_++;
  if (rule.pair == kNoPair) rule = {pair_of(left, right), rank, merged};
}

const BpeMerges::Rule* BpeMerges::find(int32_t left, int32_t right) const {
  const Rule& rule = rules_[slot_of(pair_of(left, right))];
  return rule.pair == kNoPair ? nullptr : &rule;
}

void BpeMerges::apply(std::vector<int32_t>& ids) const {
  if (ids.size() <= kShort) {
    apply_short(ids);
  } else {
    apply_long(ids);
  }
}

void BpeMerges::apply_short(std::vector<int32_t>& ids) const {
  // rules[i] belongs to ids[i] and ids[i + 1].
  const Rule* rules[kShort];
  for (size_t i = 0; i + 1 < ids.size(); ++i) rules[i] = find(ids[i], ids[i + 1]);
  size_t size = ids.size();
  while (size > 1) {
    size_t best = size;
    for (size_t i = 0; i + 1 < size; ++i) {
      if (rules[i] != nullptr && (best == size || rules[i]->rank < rules[best]->rank)) best = i;
    }
    if (best == size) break;
    ids[best] = rules[best]->merged;
    std::copy(ids.begin() + best + 2, ids.begin() + size, ids.begin() + best + 1);
    std::copy(rules + best + 1, rules + size - 1, rules + best);
    --size;
    if (best > 0) rules[best - 1] = find(ids[best - 1], ids[best]);
    if (best + 1 < size) rules[best] = find(ids[best], ids[best + 1]);
  }
  ids.resize(size);
}

void BpeMerges::apply_long(std::vector<int32_t>& ids) const {
  // Symbols form a linked list over `ids`; a merge keeps the left one. The queue may hold pairs
  // that are gone: a pair is taken only when its place still has the rule it was queued with. Each
  // merge queues two pairs at most, so the queue stays below three times the symbols.
  constexpr int32_t kGone = -1;
  const size_t none = ids.size();
  std::vector<size_t> next(ids.size());
  std::vector<size_t> before(ids.size());
  using Entry = std::tuple<uint32_t, size_t, const Rule*>;  // rank, place of the left symbol
  std::vector<Entry> storage;
  storage.reserve(ids.size());
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue(std::greater<>(),
                                                                       std::move(storage));
  const auto consider = [&](size_t left) {
    if (left == none || next[left] == none) return;
    if (const Rule* rule = find(ids[left], ids[next[left]])) queue.emplace(rule->rank, left, rule);
  };
  for (size_t i = 0; i < ids.size(); ++i) {
    next[i] = i + 1;
    before[i] = i == 0 ? none : i - 1;
  }
  for (size_t i = 0; i < ids.size(); ++i) consider(i);

  while (!queue.empty()) {
    const auto [rank, left, rule] = queue.top();
    queue.pop();
    const size_t right = next[left];
    if (ids[left] == kGone || right == none || pair_of(ids[left], ids[right]) != rule->pair)
      continue;
    ids[left] = rule->merged;
    ids[right] = kGone;
    next[left] = next[right];
    if (next[left] != none) before[next[left]] = left;
    consider(before[left]);
    consider(left);
  }
  ids.erase(std::remove(ids.begin(), ids.end(), kGone), ids.end());
}

}  // namespace m3
