#include "tools/dataset/film.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "tools/dataset/random.h"

namespace m3::dataset {
namespace {

constexpr double kShortestStand = 2;  // seconds
constexpr double kLongestStand = 25;
constexpr double kMoveSeconds = 1;  // for a thing to come, move or leave
constexpr double kCameras = 0.65;   // of the places; the others are single pictures
constexpr int kNoise = 3;           // levels of luma, standard deviation about
constexpr size_t kNoiseValues = 1 << 12;

bool is_same_thing(const Layer& a, const Layer& b) {
  return a.picture == b.picture && a.from == b.from && a.mirrored == b.mirrored;
}

const Layer* find(const Recipe& recipe, const Layer& thing) {
  const auto found = std::find_if(recipe.layers.begin() + 1, recipe.layers.end(),
                                  [&](const Layer& layer) { return is_same_thing(layer, thing); });
  return found == recipe.layers.end() ? nullptr : &*found;
}

double mixed(double a, double b, double part) { return a + (b - a) * part; }

// Beyond the nearer edge.
Box outside(Box box) {
  box.x = box.middle_x() < 0.5 ? -box.width : 1;
  return box;
}

Box between(const Box& from, const Box& to, double part) {
  return {mixed(from.x, to.x, part), mixed(from.y, to.y, part), mixed(from.width, to.width, part),
          mixed(from.height, to.height, part)};
}

// The part of a layer that lies inside the picture; nothing of it: an empty box.
Layer cut_to_picture(Layer layer) {
  const Box seen = layer.to.with(Box{});
  const double left = (seen.x - layer.to.x) / layer.to.width;
  const double share = seen.width / layer.to.width;
  const double from_left = layer.mirrored ? 1 - left - share : left;
  layer.from.x += from_left * layer.from.width;
  layer.from.width *= share;
  layer.to = seen;
  return layer;
}

void add_noise(Image& image, uint64_t seed) {
  static const std::vector<int> kTable = [] {
    Random random(1);
    std::vector<int> values(kNoiseValues);
    for (int& value : values) {
      double sum = 0;  // of twelve: about normal, of standard deviation 1
      for (int i = 0; i < 12; ++i) sum += random.unit() - 0.5;
      value = static_cast<int>(std::lround(kNoise * sum));
    }
    return values;
  }();
  Random random(seed);
  for (size_t i = 0; i + 2 < image.rgb.size();) {
    uint64_t bits = random.next();
    for (int k = 0; k < 5 && i + 2 < image.rgb.size(); ++k, bits >>= 12, i += 3) {
      const int noise = kTable[bits % kNoiseValues];
      for (size_t c = 0; c < 3; ++c)
        image.rgb[i + c] = static_cast<uint8_t>(std::clamp(image.rgb[i + c] + noise, 0, 255));
    }
  }
}

void set_size(Recipe& recipe) {
  recipe.width_px = Film::kWidthPx;
  recipe.height_px = Film::kHeightPx;
}

}  // namespace

Film::Film(const Composer& composer, const std::vector<AnnotatedPicture>& pictures,
           std::string folder, double seconds, uint64_t seed)
    : pictures_(pictures), folder_(std::move(folder)), seed_(seed) {
  Random random(seed, 1);
  double now = 0;
  while (now < seconds) {
    std::vector<Recipe> place;
    if (random.chance(kCameras)) place = composer.camera(random);
    if (place.empty()) {
      Recipe recipe = whole(composer.any_picture(random));
      if (view_of(recipe, pictures_).things.empty() && random.chance(0.8)) continue;
      place.push_back(std::move(recipe));
    }
    bool cut = true;
    for (Recipe& recipe : place) {
      set_size(recipe);
      Stand stand;
      stand.change_begin = now;
      stand.begin = cut ? now : now + kMoveSeconds;
      // Short ones and long ones, each doubling as likely.
      stand.end =
          stand.begin + std::exp(random.between(std::log(kShortestStand), std::log(kLongestStand)));
      stand.view = view_of(recipe, pictures_);
      stand.recipe = std::move(recipe);
      stand.cut = cut;
      now = stand.end;
      cut = false;
      stands_.push_back(std::move(stand));
    }
  }
}

Recipe Film::at(double second) const {
  size_t number = 0;
  while (number + 1 < stands_.size() && second >= stands_[number + 1].change_begin) ++number;
  const Stand& stand = stands_[number];
  if (second >= stand.begin || stand.cut || number == 0) return stand.recipe;
  const Recipe& before = stands_[number - 1].recipe;
  const double part = (second - stand.change_begin) / (stand.begin - stand.change_begin);
  Recipe moving = stand.recipe;
  moving.layers.resize(1);
  const auto add = [&](Layer layer, const Box& from, const Box& to) {
    layer.to = between(from, to, part);
    layer = cut_to_picture(std::move(layer));
    if (layer.to.area() > 0) moving.layers.push_back(std::move(layer));
  };
  for (size_t i = 1; i < before.layers.size(); ++i) {
    const Layer& layer = before.layers[i];
    if (find(stand.recipe, layer) == nullptr) add(layer, layer.to, outside(layer.to));
  }
  for (size_t i = 1; i < stand.recipe.layers.size(); ++i) {
    const Layer& layer = stand.recipe.layers[i];
    const Layer* was = find(before, layer);
    add(layer, was != nullptr ? was->to : outside(layer.to), layer.to);
  }
  return moving;
}

Image Film::frame(double second) {
  Recipe recipe = at(second);
  if (clean_.rgb.empty() || !(recipe == last_)) {
    clean_ = make_picture(recipe, pictures_, folder_);
    last_ = std::move(recipe);
  }
  Image image = clean_;
  add_noise(image, seed_ + static_cast<uint64_t>(std::llround(second * 1000)));
  return image;
}

Watched Film::watched(size_t stand) const {
  Watched watched;
  for (size_t i = 0; i <= stand; ++i) {
    watched.moments.push_back(
        {&stands_[i].view, static_cast<int>(std::lround(stands_[i].change_begin)), i});
  }
  // What changed is told as one camera saw it.
  watched.one_camera = !stands_[stand].cut;
  return watched;
}

}  // namespace m3::dataset
