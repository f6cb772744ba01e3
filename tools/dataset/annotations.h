// What is known about a folder of pictures: annotations.jsonl, one object a line.
//   file     the picture, seen from the folder that --data names
//   split    "train" or "val"; absent: the picture belongs to both
//   source   pictures of one source were labelled alike; absent: all are of one
//   label    what the whole picture shows; null, absent or "background": nothing in particular
//   label_color  its colour, or absent
//   captions sentences that describe the picture, or absent
//   objects  list of {label, box [x, y, width, height] in pixels or absent, color or absent,
//            attributes {top_colour, bottom_colour} of a person's clothes or absent}
//   width, height  of the picture in pixels; needed where boxes are
//   complete false: there may be more objects than the listed ones, so none is counted and nothing
//            is said not to be there; true: of the names that the source labels none is missing;
//            absent: the same, and what no source ever boxes is not there either
//   crowd    labels of which there are more than are listed, or absent
// Other fields are passed over. Threads: values and free functions.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace m3::dataset {

// In parts of the picture's width and height, 0..1.
struct Box {
  double x = 0;
  double y = 0;
  double width = 1;
  double height = 1;

  double area() const noexcept { return width * height; }
  double middle_x() const noexcept { return x + width / 2; }
  double middle_y() const noexcept { return y + height / 2; }
  // The part that both cover; without an area when they do not meet.
  Box with(const Box& other) const noexcept;
  friend bool operator==(const Box&, const Box&) = default;
};

struct AnnotatedObject {
  std::string label;
  std::string colour;      // empty: not known
  std::optional<Box> box;  // none: somewhere
  std::string top_colour = {};
  std::string trousers_colour = {};
};

struct AnnotatedPicture {
  std::string file;
  std::string source;
  std::string label;  // empty: none
  std::string label_colour;
  std::vector<std::string> captions;
  std::vector<AnnotatedObject> objects;
  std::optional<bool> complete;
  std::set<std::string> crowd;
  int width_px = 0;  // 0: not told
  int height_px = 0;

  // Everything that is said to be in the picture.
  std::set<std::string> names() const;
};

// The pictures of one split ("train" or "val"), from FOLDER/annotations.jsonl, else
// FOLDER/train/annotations.jsonl, in the file's order. Throws kNotFound, and kCorrupt naming file
// and line (from 1).
std::vector<AnnotatedPicture> read_annotations(const std::string& folder, const std::string& split);

}  // namespace m3::dataset
