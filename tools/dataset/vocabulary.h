// Vocabulary: the names that a folder's pictures are labelled with, and which of them may be denied
// where. What is denied is drawn so that each name is denied about as often as it is affirmed: then
// a name alone gives nothing away. Threads: immutable; safe from any thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tools/dataset/random.h"
#include "tools/dataset/view.h"

namespace m3::dataset {

class Vocabulary {
 public:
  // samples: views drawn as those that will be asked about, some hundreds at least for a good
  // balance.
  Vocabulary(const std::vector<AnnotatedPicture>& pictures, const std::vector<View>& samples);

  // Not there, not perhaps there, and nothing that it could be taken for ("bus" where a truck is).
  // The picture's list is complete, and its source labels the name; what is a class of whole
  // pictures elsewhere is not there either, but for sources that claim their own names only.
  bool may_deny(const std::string& name, const View& view) const;
  // Whether a name of the view can be affirmed: if none can, it would only ever be denied things.
  bool affirms(const View& view) const;
  // Whether there is a picture among the samples that it can be denied of: if not, a question for
  // it would always be answered yes.
  bool is_balanced(const std::string& name) const;

  // A name to be denied of all the views; nothing: none can be.
  std::optional<std::string> denied(const std::vector<const View*>& views, Random& random) const;
  // A name of the view to be affirmed; nothing: none can be, or not this time, as it is too seldom
  // missing anywhere.
  std::optional<std::string> affirmed(const View& view, Random& random) const;
  // Of questions for a name: how often a deniable view should be asked for what is not there, so
  // that yes and no come equally often in the end. 0..1
  double share_of_no() const noexcept { return share_of_no_; }

  const std::vector<std::string>& names() const noexcept { return names_; }
  // Whether one could be taken for the other, or is often seen with it unlabelled.
  static bool are_related(const std::string& a, const std::string& b);

 private:
  std::optional<size_t> number_of(const std::string& name) const;
  // One flag a name.
  std::vector<char> deniable(const std::vector<const View*>& views) const;
  void balance(const std::vector<View>& samples);

  std::vector<std::string> names_;  // sorted
  std::map<std::string, std::vector<char>> own_names_of_source_;
  std::vector<char> is_class_;                // of whole pictures, boxed nowhere else
  std::vector<std::vector<size_t>> related_;  // itself, too
  std::vector<double> weight_;                // with which a name is denied where it may be
  std::vector<double> keep_;                  // chance that it is affirmed when it is drawn
  std::vector<char> is_balanced_;
  double share_of_no_ = 0.5;
};

}  // namespace m3::dataset
