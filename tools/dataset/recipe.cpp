#include "tools/dataset/recipe.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include "core/resample.h"

namespace m3::dataset {
namespace {

// Of a thing's box: from the first part on it is still seen, up to the second it is gone; between,
// nobody can say.
constexpr double kStillSeen = 0.7;
constexpr double kGone = 0.05;

constexpr double kEdge = 0.25;  // of a soft layer's radius, over which it fades

bool is_whole(const Box& box) { return box == Box{}; }

// Where a box of the layer's picture comes to lie in the result.
Box placed(const Box& box, const Layer& layer) {
  const double scale_x = layer.to.width / layer.from.width;
  const double scale_y = layer.to.height / layer.from.height;
  Box out;
  out.width = box.width * scale_x;
  out.height = box.height * scale_y;
  const double from_left =
      layer.mirrored ? layer.from.x + layer.from.width - (box.x + box.width) : box.x - layer.from.x;
  out.x = layer.to.x + from_left * scale_x;
  out.y = layer.to.y + (box.y - layer.from.y) * scale_y;
  return out;
}

bool tells_sides(const std::string& caption) {
  return caption.find("left") != std::string::npos || caption.find("right") != std::string::npos;
}

// What a layer shows, in the result's coordinates, as if nothing lay over it.
View view_of_layer(const Layer& layer, const AnnotatedPicture& picture, bool alone) {
  View source = view_of(picture);
  View view;
  view.claims = source.claims;
  if (layer.thing.empty()) {
    view.unsure = source.unsure;
  } else {
    // Its source's silence is about what lies around the thing, which is cut away.
    for (Claim& claim : view.claims) claim.complete.reset();
  }
  if (is_whole(layer.from) && alone) {
    view.label = source.label;
    view.label_colour = source.label_colour;
    for (std::string& caption : source.captions) {
      if (!layer.mirrored || !tells_sides(caption)) view.captions.push_back(std::move(caption));
    }
  }
  for (Thing& thing : source.things) {
    const Box seen = thing.box.with(layer.from);
    const double share = seen.area() / thing.box.area();
    if (share <= kGone) continue;
    if (!layer.thing.empty() && thing.label != layer.thing) {
      view.unsure.insert(thing.label);
      continue;
    }
    if (share < kStillSeen || (!thing.placed && !is_whole(layer.from) && layer.thing.empty())) {
      view.unsure.insert(thing.label);
      continue;
    }
    thing.box = placed(seen, layer);
    if (thing.box.area() < kSmallestArea) {
      view.unsure.insert(thing.label);
      continue;
    }
    // Somewhere in a small part of the result is a place.
    thing.placed = thing.placed || thing.box.width < 0.6;
    thing.whole = thing.whole && alone;
    view.things.push_back(std::move(thing));
  }
  return view;
}

// Takes away what a later layer covers.
void cover(View& view, const Box& by) {
  std::vector<Thing> left;
  for (Thing& thing : view.things) {
    const double covered = thing.box.with(by).area() / thing.box.area();
    if (covered <= 1 - kStillSeen) {
      left.push_back(std::move(thing));
    } else if (covered < 1 - kGone) {
      view.unsure.insert(thing.label);
    }
  }
  view.things = std::move(left);
}

void append(std::string& text, const Box& box) {
  std::array<char, 80> part{};
  std::snprintf(part.data(), part.size(), " %.4f,%.4f,%.4f,%.4f", box.x, box.y, box.width,
                box.height);
  text += part.data();
}

struct PixelBox {
  int x, y, width, height;
};

PixelBox pixels_of(const Box& box, int width_px, int height_px) {
  const auto at = [](double part, int size) {
    return std::clamp(static_cast<int>(std::lround(part * size)), 0, size);
  };
  const int x = std::min(at(box.x, width_px), width_px - 1);
  const int y = std::min(at(box.y, height_px), height_px - 1);
  return {x, y, std::max(1, at(box.x + box.width, width_px) - x),
          std::max(1, at(box.y + box.height, height_px) - y)};
}

// How much of a soft layer is seen at a place, 0..1.
double opacity(double x, double y, double width, double height) {
  const double dx = 2 * (x + 0.5) / width - 1;
  const double dy = 2 * (y + 0.5) / height - 1;
  return std::clamp((1 - std::sqrt(dx * dx + dy * dy)) / kEdge + 0.5, 0.0, 1.0);
}

// The layer's part, resized to the pixels that it fills.
Image part_of(const Layer& layer, const Image& source, int width_px, int height_px) {
  FrameView frame = source.view();
  const PixelBox from = pixels_of(layer.from, source.width_px, source.height_px);
  frame.crop = {from.x, from.y, from.width, from.height};
  Image part;
  part.width_px = width_px;
  part.height_px = height_px;
  part.rgb.resize(static_cast<size_t>(width_px) * static_cast<size_t>(height_px) * 3);
  RgbResizer().run(frame, width_px, height_px, part.rgb);
  if (!layer.mirrored) return part;
  for (int y = 0; y < height_px; ++y) {
    uint8_t* row = part.rgb.data() + static_cast<ptrdiff_t>(y) * width_px * 3;
    for (int left = 0, right = width_px - 1; left < right; ++left, --right)
      std::swap_ranges(row + 3 * left, row + 3 * left + 3, row + 3 * right);
  }
  return part;
}

void lay_over(Image& canvas, const Image& part, const PixelBox& to, bool soft) {
  for (int y = 0; y < part.height_px; ++y) {
    const uint8_t* in = part.rgb.data() + static_cast<ptrdiff_t>(y) * part.width_px * 3;
    uint8_t* out =
        canvas.rgb.data() + (static_cast<ptrdiff_t>(to.y + y) * canvas.width_px + to.x) * 3;
    for (int x = 0; x < part.width_px; ++x, in += 3, out += 3) {
      const double seen = soft ? opacity(x, y, part.width_px, part.height_px) : 1;
      for (int c = 0; c < 3; ++c)
        out[c] = static_cast<uint8_t>(std::lround(in[c] * seen + out[c] * (1 - seen)));
    }
  }
}

}  // namespace

Recipe whole(size_t picture) {
  Recipe recipe;
  recipe.layers.push_back({picture});
  return recipe;
}

View view_of(const Recipe& recipe, const std::vector<AnnotatedPicture>& pictures) {
  const bool alone = recipe.layers.size() == 1;
  View view;
  for (const Layer& layer : recipe.layers) {
    View part = view_of_layer(layer, pictures[layer.picture], alone);
    if (view.claims.empty()) {
      view = std::move(part);
      continue;
    }
    cover(view, layer.to);
    std::move(part.things.begin(), part.things.end(), std::back_inserter(view.things));
    std::move(part.claims.begin(), part.claims.end(), std::back_inserter(view.claims));
    view.unsure.merge(part.unsure);
  }
  return view;
}

std::string key_of(const Recipe& recipe, const std::vector<AnnotatedPicture>& pictures,
                   const std::string& folder) {
  const auto named = [&](const Layer& layer) {
    const std::string& file = pictures[layer.picture].file;
    std::error_code error;
    const auto bytes = std::filesystem::file_size(std::filesystem::path(folder) / file, error);
    return file + ":" + (error ? std::string("absent") : std::to_string(bytes));
  };
  const Layer& first = recipe.layers.front();
  if (recipe == whole(first.picture)) return named(first);
  std::string text = std::to_string(recipe.width_px) + "x" + std::to_string(recipe.height_px);
  for (const Layer& layer : recipe.layers) {
    text += "\n" + named(layer);
    append(text, layer.from);
    append(text, layer.to);
    text += layer.mirrored ? " mirrored" : "";
    text += layer.soft ? " soft" : "";
  }
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  std::array<char, 40> key{};
  std::snprintf(key.data(), key.size(), "made-%016llx%016llx",
                static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return key.data();
}

Image make_picture(const Recipe& recipe, const std::vector<AnnotatedPicture>& pictures,
                   const std::string& folder) {
  const auto read = [&](const Layer& layer) {
    return read_image((std::filesystem::path(folder) / pictures[layer.picture].file).string());
  };
  const Layer& first = recipe.layers.front();
  Image source = read(first);
  if (recipe == whole(first.picture)) return source;
  const PixelBox part = pixels_of(first.from, source.width_px, source.height_px);
  Image canvas;
  canvas.width_px = recipe.width_px > 0 ? recipe.width_px : part.width;
  canvas.height_px = recipe.height_px > 0 ? recipe.height_px : part.height;
  canvas.rgb.resize(static_cast<size_t>(canvas.width_px) * static_cast<size_t>(canvas.height_px) *
                    3);
  for (size_t i = 0; i < recipe.layers.size(); ++i) {
    const Layer& layer = recipe.layers[i];
    if (i > 0) source = read(layer);
    const PixelBox to = pixels_of(layer.to, canvas.width_px, canvas.height_px);
    lay_over(canvas, part_of(layer, source, to.width, to.height), to, layer.soft);
  }
  return canvas;
}

}  // namespace m3::dataset
