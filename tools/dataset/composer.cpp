#include "tools/dataset/composer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "tools/dataset/vocabulary.h"

namespace m3::dataset {
namespace {

constexpr int kCanvasHeight = 320;         // pixels; the tower takes about as many
constexpr double kSmallestCutting = 0.01;  // of its picture
constexpr double kLargestCutting = 0.8;
constexpr int kShortestSide = 28;  // of a cutting, pixels
constexpr int kMostInGroup = 5;

double aspect_of(const AnnotatedPicture& picture) {
  if (picture.width_px == 0 || picture.height_px == 0) return 1;
  return static_cast<double>(picture.width_px) / picture.height_px;
}

void set_canvas(Recipe& recipe, double aspect) {
  recipe.height_px = kCanvasHeight;
  recipe.width_px = std::clamp(static_cast<int>(std::lround(kCanvasHeight * aspect)),
                               kCanvasHeight / 2, kCanvasHeight * 2);
}

double any_aspect(Random& random) {
  static constexpr std::array<double, 3> kAspects = {1, 4.0 / 3, 16.0 / 9};
  return random.one_of(kAspects);
}

bool overlap(const Box& a, const Box& b, double share) {
  return a.with(b).area() > share * std::min(a.area(), b.area());
}

}  // namespace

Composer::Composer(const std::vector<AnnotatedPicture>& pictures) : pictures_(pictures) {
  for (size_t i = 0; i < pictures.size(); ++i) {
    sources_.add(pictures[i].source, i);
    find_cuttings(i);
    if (pictures[i].complete.value_or(true) && pictures[i].label.empty()) grounds_.push_back(i);
  }
  sources_.close();
  cuttings_.close();
}

void Composer::find_cuttings(size_t number) {
  const AnnotatedPicture& picture = pictures_[number];
  if (!picture.complete.value_or(true)) return;
  const double aspect = aspect_of(picture);
  if (!picture.label.empty() && picture.objects.empty()) {
    cuttings_.add(picture.label, {number, Box{}, picture.label, aspect, true});
    return;
  }
  for (const AnnotatedObject& object : picture.objects) {
    if (!object.box) continue;
    const Box& box = *object.box;
    const double shortest = std::min(box.width * picture.width_px, box.height * picture.height_px);
    const bool crossed = std::any_of(
        picture.objects.begin(), picture.objects.end(), [&](const AnnotatedObject& other) {
          return &other != &object && other.box && box.with(*other.box).area() > 0.3 * box.area();
        });
    if (crossed || box.area() < kSmallestCutting || box.area() > kLargestCutting ||
        shortest < kShortestSide || picture.crowd.contains(object.label))
      continue;
    const double shape = aspect * box.width / box.height;
    if (shape > 4 || shape < 0.2) continue;
    cuttings_.add(object.label, {number, box, object.label, shape, false});
  }
}

size_t Composer::any_picture(Random& random) const { return sources_.member(random); }

std::optional<Recipe> Composer::part(Random& random) const {
  for (int tries = 0; tries < 40; ++tries) {
    const size_t number = any_picture(random);
    const AnnotatedPicture& picture = pictures_[number];
    std::vector<const AnnotatedObject*> boxed;
    for (const AnnotatedObject& object : picture.objects) {
      if (object.box && object.box->area() > kSmallestArea) boxed.push_back(&object);
    }
    if (boxed.empty() || !picture.label.empty()) continue;
    const Box& wanted = *random.one_of(boxed)->box;
    Box from;
    from.width = std::max(std::min(1.0, wanted.width * 1.1), random.between(0.4, 0.9));
    from.height = std::max(std::min(1.0, wanted.height * 1.1), random.between(0.4, 0.9));
    const auto start = [&](double begin, double length, double size) {
      const double lowest = std::max(0.0, begin + length - size);
      return random.between(lowest, std::max(lowest, std::min(begin, 1 - size)));
    };
    from.x = start(wanted.x, wanted.width, from.width);
    from.y = start(wanted.y, wanted.height, from.height);
    Recipe recipe;
    recipe.layers.push_back({number, from, Box{}, random.chance(0.5)});
    set_canvas(recipe, aspect_of(picture) * from.width / from.height);
    return recipe;
  }
  return std::nullopt;
}

std::optional<Recipe> Composer::mosaic(Random& random) const {
  static const std::vector<std::vector<Box>> kShapes = {
      {{0, 0, 0.5, 1}, {0.5, 0, 0.5, 1}},
      {{0, 0, 0.5, 1}, {0.5, 0, 0.5, 1}},
      {{0, 0, 1, 0.5}, {0, 0.5, 1, 0.5}},
      {{0, 0, 1. / 3, 1}, {1. / 3, 0, 1. / 3, 1}, {2. / 3, 0, 1. / 3, 1}},
      {{0, 0, 0.5, 0.5}, {0.5, 0, 0.5, 0.5}, {0, 0.5, 0.5, 0.5}, {0.5, 0.5, 0.5, 0.5}},
  };
  const std::vector<Box>& shape = random.one_of(kShapes);
  Recipe recipe;
  const bool alike = random.chance(0.2);  // several of one name, to be counted
  for (const Box& tile : shape) {
    for (int tries = 0; tries < 20; ++tries) {
      size_t number = any_picture(random);
      if (alike && !recipe.layers.empty()) {
        const auto* same = cuttings_.members(pictures_[recipe.layers[0].picture].label);
        if (same != nullptr && random.chance(0.6)) number = random.one_of(*same).picture;
      }
      const AnnotatedPicture& picture = pictures_[number];
      const bool known = !picture.label.empty() || !picture.objects.empty();
      if (!known || !picture.complete.value_or(true)) continue;
      recipe.layers.push_back({number, Box{}, tile, random.chance(0.5)});
      break;
    }
  }
  if (recipe.layers.size() != shape.size()) return std::nullopt;
  set_canvas(recipe, any_aspect(random));
  return recipe;
}

std::optional<Composer::Ground> Composer::ground(Random& random) const {
  if (grounds_.empty()) return std::nullopt;
  for (int tries = 0; tries < 20; ++tries) {
    Ground ground;
    const size_t number = random.one_of(grounds_);
    ground.recipe.layers.push_back({number, Box{}, Box{}, random.chance(0.5)});
    ground.view = view_of(ground.recipe, pictures_);
    // One thing more in a crowd is not seen.
    if (ground.view.things.size() > 3) continue;
    ground.aspect = random.chance(0.5) ? aspect_of(pictures_[number]) : any_aspect(random);
    set_canvas(ground.recipe, ground.aspect);
    return ground;
  }
  return std::nullopt;
}

const Composer::Cutting* Composer::cutting(const std::vector<std::string>& taken,
                                           Random& random) const {
  if (cuttings_.empty()) return nullptr;
  for (int tries = 0; tries < 20; ++tries) {
    const std::string& label = cuttings_.name(random);
    const bool free = std::none_of(taken.begin(), taken.end(), [&](const std::string& other) {
      return Vocabulary::are_related(label, other);
    });
    if (free) return &random.one_of(*cuttings_.members(label));
  }
  return nullptr;
}

Layer Composer::laid(const Cutting& cutting, const Box& to, Random& random) const {
  return {cutting.picture, cutting.box, to, random.chance(0.5), true, cutting.label};
}

std::optional<Box> Composer::room_for(const Cutting& cutting, double height, const Ground& ground,
                                      const std::vector<Layer>& layers, Random& random) const {
  for (int tries = 0; tries < 12; ++tries, height *= 0.93) {
    Box to;
    to.height = height;
    to.width = height * cutting.aspect / ground.aspect;
    if (to.width > 0.9) {
      to.height *= 0.9 / to.width;
      to.width = 0.9;
    }
    to.x = random.between(0.0, 1 - to.width);
    to.y = random.between(0.0, 1 - to.height);
    const bool on_thing = std::any_of(ground.view.things.begin(), ground.view.things.end(),
                                      [&](const Thing& t) { return overlap(t.box, to, 0.25); });
    const bool on_layer = std::any_of(layers.begin(), layers.end(), [&](const Layer& layer) {
      return overlap(layer.to, to, 0.1);
    });
    if (!on_thing && !on_layer) return to;
  }
  return std::nullopt;
}

std::optional<Recipe> Composer::group(Random& random) const {
  const auto ground = this->ground(random);
  if (!ground) return std::nullopt;
  const std::set<std::string> names = ground->view.names();
  std::vector<std::string> taken(names.begin(), names.end());
  taken.insert(taken.end(), ground->view.unsure.begin(), ground->view.unsure.end());
  std::vector<Layer> layers;
  const int kinds = random.chance(0.35) ? 2 : 1;
  for (int kind = 0; kind < kinds; ++kind) {
    const Cutting* first = cutting(taken, random);
    if (first == nullptr) continue;
    const int wanted = random.between(1, kind == 0 ? kMostInGroup : 2);
    const double height = random.between(0.2, wanted > 3 ? 0.4 : 0.6);
    for (int i = 0; i < wanted; ++i) {
      const Cutting& next =
          random.chance(0.5) ? random.one_of(*cuttings_.members(first->label)) : *first;
      const auto to = room_for(next, height * random.between(0.8, 1.2), *ground, layers, random);
      if (to) layers.push_back(laid(next, *to, random));
    }
    taken.push_back(first->label);
  }
  if (layers.empty()) return std::nullopt;
  Recipe recipe = ground->recipe;
  recipe.layers.insert(recipe.layers.end(), layers.begin(), layers.end());
  return recipe;
}

std::vector<Recipe> Composer::camera(Random& random) const {
  const auto ground = this->ground(random);
  if (!ground) return {};
  const std::set<std::string> names = ground->view.names();
  std::vector<std::string> taken(names.begin(), names.end());
  taken.insert(taken.end(), ground->view.unsure.begin(), ground->view.unsure.end());
  std::vector<Recipe> frames;
  std::vector<Layer> there;
  std::string regular;  // comes more than once, to be counted
  const int wanted = random.between(3, 7);
  if (random.chance(0.5)) frames.push_back(ground->recipe);
  for (int tries = 0; tries < 4 * wanted && static_cast<int>(frames.size()) < wanted; ++tries) {
    std::vector<Layer> next = there;
    const double event = random.unit();
    if (event < 0.5 || next.empty()) {
      const Cutting* enters = nullptr;
      if (!regular.empty() && random.chance(0.4)) {
        enters = &random.one_of(*cuttings_.members(regular));
      } else {
        enters = cutting(taken, random);
      }
      if (enters == nullptr || next.size() >= 3) continue;
      const auto to = room_for(*enters, random.between(0.2, 0.6), *ground, next, random);
      if (!to) continue;
      next.push_back(laid(*enters, *to, random));
      if (regular.empty()) regular = enters->label;
      taken.push_back(enters->label);
    } else if (event < 0.75) {
      next.erase(next.begin() + static_cast<std::ptrdiff_t>(random.below(next.size())));
    } else {
      Layer& moved = next[random.below(next.size())];
      moved.to.x = random.between(0.0, 1 - moved.to.width);
      moved.to.y = std::clamp(moved.to.y + random.between(-0.2, 0.2), 0.0, 1 - moved.to.height);
      const auto crossed = [&](const Layer& other) {
        return &other != &moved && overlap(other.to, moved.to, 0.1);
      };
      const auto hides = [&](const Thing& thing) { return overlap(thing.box, moved.to, 0.25); };
      if (std::any_of(next.begin(), next.end(), crossed) ||
          std::any_of(ground->view.things.begin(), ground->view.things.end(), hides))
        continue;
    }
    there = std::move(next);
    Recipe frame = ground->recipe;
    frame.layers.insert(frame.layers.end(), there.begin(), there.end());
    frames.push_back(std::move(frame));
  }
  return frames.size() < 2 ? std::vector<Recipe>() : frames;
}

}  // namespace m3::dataset
