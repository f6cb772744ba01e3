// View: what is known to be seen in one picture, also in one that was put together from several.
// Questions are made from it. Threads: values.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tools/dataset/annotations.h"

namespace m3::dataset {

// Less than this part of a picture is too small to be told, counted or denied.
inline constexpr double kSmallestArea = 0.0022;

enum class Side { kLeft, kMiddle, kRight };

struct Thing {
  std::string label;
  std::string colour;  // empty: not known
  std::string top_colour;
  std::string trousers_colour;
  Box box;
  bool placed = true;  // false: it is somewhere in `box`
  bool whole = false;  // what the whole picture shows: perhaps several of them
};

// What the labels of a part of the view are worth.
struct Claim {
  std::string source;
  std::optional<bool> complete;  // as in the annotations
};

struct View {
  std::string label;  // what the whole picture shows; empty: nothing in particular
  std::string label_colour;
  std::vector<std::string> captions;
  std::vector<Thing> things;  // large enough to be seen, in the order of the annotations
  // Labels that may be there, too, or more often than `things` has them: neither counted nor
  // denied.
  std::set<std::string> unsure;
  std::vector<Claim> claims;  // one at least

  std::set<std::string> names() const;  // of what is there for sure
  bool has(const std::string& name) const;
  // How often it is there; nothing: not known.
  std::optional<size_t> count(const std::string& name) const;
  bool all_counted() const;  // count() knows every name that is there
  std::vector<const Thing*> of(const std::string& name) const;
  // The one thing of this name; nullptr: there are more, or may be, or none.
  const Thing* only(const std::string& name) const;
};

View view_of(const AnnotatedPicture& picture);
// All of them in one: what is seen in one of them at least.
View joined(const std::vector<const View*>& views);

// Colours and names of what is seen, each word once, what the whole picture shows first, then the
// largest: "white dress", "red car person". Empty: nothing is known.
std::string gist_of(const View& view);

// Where its middle is: left and right of the middle fifth of the picture. Nothing: not placed, or
// on a line between two.
std::optional<Side> side_of(const Thing& thing);

}  // namespace m3::dataset
