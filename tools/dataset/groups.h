// Groups: members, each in one group or more. What is drawn comes from small groups more often than
// their size says, so that none is drowned out. Threads: immutable once filled; safe from any.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tools/dataset/random.h"

namespace m3::dataset {

template <typename Member>
class Groups {
 public:
  void add(const std::string& group, Member member) {
    members_[group].push_back(std::move(member));
  }
  // After the last member and before the first draw.
  void close() {
    double sum = 0;
    for (const auto& [group, members] : members_) {
      names_.push_back(group);
      cumulated_.push_back(sum += std::sqrt(static_cast<double>(members.size())));
    }
  }

  bool empty() const noexcept { return names_.empty(); }
  // A group, with the root of its size for a weight. Not of none.
  const std::string& name(Random& random) const {
    const double at = random.unit() * cumulated_.back();
    const auto found = std::upper_bound(cumulated_.begin(), cumulated_.end(), at);
    return names_[std::min(static_cast<size_t>(found - cumulated_.begin()), names_.size() - 1)];
  }
  // Member of a group that is drawn so.
  const Member& member(Random& random) const { return random.one_of(members_.at(name(random))); }
  // Of one group; nullptr: there is no such group.
  const std::vector<Member>* members(const std::string& group) const {
    const auto found = members_.find(group);
    return found == members_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::string, std::vector<Member>> members_;
  std::vector<std::string> names_;
  std::vector<double> cumulated_;
};

}  // namespace m3::dataset
