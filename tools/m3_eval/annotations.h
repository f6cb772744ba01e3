// What is known about a folder of pictures: annotations.jsonl, one object a line.
//   file     the picture, seen from the folder that --data names
//   split    "train" or "val"; absent: val
//   source   pictures of one source were labelled alike; absent: all are of one
//   label    what the whole picture shows; null, absent or "background": nothing in particular
//   objects  list of {label, box [x, y, width, height] in pixels or absent, color or absent}
//   width, height  of the picture in pixels; needed where boxes are
//   complete false: there may be more objects than the listed ones; absent: true
//   crowd    labels of which there are more than are listed, or absent
// Other fields are passed over. Threads: values and a free function.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace m3::eval {

enum class Side { kLeft, kMiddle, kRight };

struct AnnotatedObject {
  std::string label;
  std::string colour;        // empty: not known
  std::optional<Side> side;  // where its middle is, clear of the lines between the thirds
};

struct AnnotatedPicture {
  std::string file;
  std::string source;
  std::string label;  // empty: none
  std::vector<AnnotatedObject> objects;
  bool complete = true;
  std::set<std::string> crowd;

  // Everything that is said to be in the picture.
  std::set<std::string> names() const;
};

// The pictures of one split, from FOLDER/annotations.jsonl, else FOLDER/train/annotations.jsonl.
// Throws kNotFound, and kCorrupt naming file and line (from 1).
std::vector<AnnotatedPicture> read_annotations(const std::string& folder, const std::string& split);

}  // namespace m3::eval
