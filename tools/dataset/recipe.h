// Recipe: how a picture is put together from annotated ones: as it is, mirrored, a part of it,
// several side by side, things cut out and laid over another. What is seen in the result is known
// from what is seen in its parts. Threads: values and free functions.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/vision/image_file.h"
#include "tools/dataset/view.h"

namespace m3::dataset {

struct Layer {
  size_t picture = 0;     // of the list of annotated ones
  Box from{};             // the part that is taken
  Box to{};               // where it goes
  bool mirrored = false;  // the part itself, left and right
  bool soft = false;      // an ellipse that fades at its edge, not a rectangle
  // The thing in `from` is all that the layer brings: what else it shows is not told.
  std::string thing = {};

  friend bool operator==(const Layer&, const Layer&) = default;
};

struct Recipe {
  std::vector<Layer> layers;  // later ones lie over earlier ones; one at least
  int width_px = 0;           // of the result; 0: that of the first layer's part
  int height_px = 0;

  friend bool operator==(const Recipe&, const Recipe&) = default;
};

// The picture as it is.
Recipe whole(size_t picture);

View view_of(const Recipe& recipe, const std::vector<AnnotatedPicture>& pictures);

// Says what the result is made of, for files on disk: the same for the same result, in every run
// and whatever else is in the list; another one when a file's size changes.
std::string key_of(const Recipe& recipe, const std::vector<AnnotatedPicture>& pictures,
                   const std::string& folder);

// Reads the files, seen from `folder`. Throws what read_image throws.
Image make_picture(const Recipe& recipe, const std::vector<AnnotatedPicture>& pictures,
                   const std::string& folder);

}  // namespace m3::dataset
