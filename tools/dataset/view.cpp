#include "tools/dataset/view.h"

#include <algorithm>
#include <utility>

namespace m3::dataset {
namespace {

// Left ends and right begins here, in parts of the width; a middle nearer than kUnclear to one of
// the lines is on no side for sure.
constexpr double kLeftEnds = 0.4;
constexpr double kRightBegins = 0.6;
constexpr double kUnclear = 0.01;

constexpr size_t kMostInGist = 4;  // things

bool counts_all(const View& view) {
  return std::all_of(view.claims.begin(), view.claims.end(),
                     [](const Claim& claim) { return claim.complete.value_or(true); });
}

}  // namespace

std::set<std::string> View::names() const {
  std::set<std::string> names;
  for (const Thing& thing : things) names.insert(thing.label);
  return names;
}

bool View::has(const std::string& name) const {
  return std::any_of(things.begin(), things.end(),
                     [&](const Thing& thing) { return thing.label == name; });
}

std::optional<size_t> View::count(const std::string& name) const {
  if (unsure.contains(name) || !counts_all(*this)) return std::nullopt;
  return of(name).size();
}

bool View::all_counted() const {
  return counts_all(*this) && std::none_of(things.begin(), things.end(), [&](const Thing& thing) {
           return unsure.contains(thing.label);
         });
}

std::vector<const Thing*> View::of(const std::string& name) const {
  std::vector<const Thing*> found;
  for (const Thing& thing : things) {
    if (thing.label == name) found.push_back(&thing);
  }
  return found;
}

const Thing* View::only(const std::string& name) const {
  if (unsure.contains(name)) return nullptr;
  const std::vector<const Thing*> found = of(name);
  return found.size() == 1 ? found.front() : nullptr;
}

View view_of(const AnnotatedPicture& picture) {
  View view;
  view.label = picture.label;
  view.label_colour = picture.label_colour;
  view.captions = picture.captions;
  view.unsure = picture.crowd;
  view.claims.push_back({picture.source, picture.complete});
  std::set<std::string> too_small;
  for (const AnnotatedObject& object : picture.objects) {
    if (object.box && object.box->area() < kSmallestArea) {
      too_small.insert(object.label);
      continue;
    }
    Thing thing{object.label,           object.colour, object.top_colour,
                object.trousers_colour, Box{},         object.box.has_value()};
    if (object.box) thing.box = *object.box;
    view.things.push_back(std::move(thing));
  }
  if (!picture.label.empty() && !view.has(picture.label)) {
    Thing thing;
    thing.label = picture.label;
    thing.placed = false;
    thing.whole = true;
    view.things.insert(view.things.begin(), std::move(thing));
  }
  if (!view.label_colour.empty()) {
    for (Thing& thing : view.things) {
      if (thing.label == view.label && thing.colour.empty()) thing.colour = view.label_colour;
    }
  }
  // What is only there too small to be told is neither there nor missing.
  for (const std::string& label : too_small) {
    if (!view.has(label)) view.unsure.insert(label);
  }
  return view;
}

View joined(const std::vector<const View*>& views) {
  View all;
  for (const View* view : views) {
    all.things.insert(all.things.end(), view->things.begin(), view->things.end());
    all.unsure.insert(view->unsure.begin(), view->unsure.end());
    all.claims.insert(all.claims.end(), view->claims.begin(), view->claims.end());
  }
  return all;
}

std::string gist_of(const View& view) {
  std::vector<const Thing*> order;
  for (const Thing& thing : view.things) order.push_back(&thing);
  const auto size = [&](const Thing* thing) {
    return thing->label == view.label ? 1 : thing->box.area();
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](const Thing* a, const Thing* b) { return size(a) > size(b); });
  order.resize(std::min(order.size(), kMostInGist));
  std::set<std::string> said;
  std::string text;
  for (const Thing* thing : order) {
    for (const std::string& word : {thing->colour, thing->label}) {
      if (word.empty() || !said.insert(word).second) continue;
      text += (text.empty() ? "" : " ") + word;
    }
  }
  return text;
}

std::optional<Side> side_of(const Thing& thing) {
  if (!thing.placed) return std::nullopt;
  const double middle = thing.box.middle_x();
  if (middle < kLeftEnds - kUnclear) return Side::kLeft;
  if (middle > kRightBegins + kUnclear) return Side::kRight;
  if (middle > kLeftEnds + kUnclear && middle < kRightBegins - kUnclear) return Side::kMiddle;
  return std::nullopt;
}

}  // namespace m3::dataset
