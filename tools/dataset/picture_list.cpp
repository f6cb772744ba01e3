#include "tools/dataset/picture_list.h"

#include <optional>
#include <utility>

#include "core/error.h"
#include "tools/dataset/picture_questions.h"

namespace m3::dataset {
namespace {

// How what is put together is shared out; the rest are frames of cameras.
constexpr double kParts = 0.2;
constexpr double kMosaics = 0.25;
constexpr double kGroups = 0.25;

// Of single pictures.
constexpr double kByColour = 0.2;
constexpr double kMadeOnes = 0.45;  // of the others

}  // namespace

PictureList::PictureList(std::string folder, std::vector<AnnotatedPicture> pictures,
                         const ListOptions& options)
    : folder_(std::move(folder)), pictures_(std::move(pictures)), composer_(pictures_) {
  if (pictures_.empty()) throw Error(ErrorCode::kNotFound, folder_ + ": holds no picture");
  for (size_t i = 0; i < pictures_.size(); ++i) add(whole(i));
  for (size_t i = 0; options.mirrored && i < pictures_.size(); ++i) {
    Recipe recipe = whole(i);
    recipe.layers.front().mirrored = true;
    add(std::move(recipe));
  }
  real_ = recipes_.size();
  put_together(options.made, options.seed);
  for (size_t i = 0; i < views_.size(); ++i) {
    for (const auto& [thing, colour] : known_colours(views_[i])) colours_.add(colour, i);
  }
  colours_.close();
}

void PictureList::add(Recipe recipe) {
  views_.push_back(view_of(recipe, pictures_));
  recipes_.push_back(std::move(recipe));
}

void PictureList::put_together(size_t wanted, uint64_t seed) {
  const auto number = static_cast<double>(wanted);
  const auto some = [&](double share, uint64_t stream, auto make) {
    const auto count = static_cast<size_t>(number * share);
    for (size_t i = 0; i < count; ++i) {
      Random random(seed, stream + i);
      std::optional<Recipe> recipe = make(random);
      if (recipe) add(*std::move(recipe));
    }
  };
  constexpr uint64_t kApart = uint64_t{1} << 32;
  some(kParts, kApart, [&](Random& random) { return composer_.part(random); });
  some(kMosaics, 2 * kApart, [&](Random& random) { return composer_.mosaic(random); });
  some(kGroups, 3 * kApart, [&](Random& random) { return composer_.group(random); });
  for (uint64_t i = 0; recipes_.size() < real_ + wanted && i < wanted; ++i) {
    Random random(seed, 4 * kApart + i);
    std::vector<size_t> frames;
    for (Recipe& recipe : composer_.camera(random)) {
      // What did not change is the same picture.
      if (!frames.empty() && recipes_.back() == recipe) continue;
      frames.push_back(recipes_.size());
      add(std::move(recipe));
    }
    if (frames.size() > 1) cameras_.push_back(std::move(frames));
  }
}

size_t PictureList::any_real(Random& random) const {
  const size_t picture = composer_.any_picture(random);
  const bool mirrored = real_ > pictures_.size() && random.chance(0.5);
  return picture + (mirrored ? pictures_.size() : 0);
}

size_t PictureList::any(Random& random) const {
  if (!colours_.empty() && random.chance(kByColour)) return colours_.member(random);
  const size_t made = recipes_.size() - real_;
  if (made > 0 && random.chance(kMadeOnes)) return real_ + random.below(made);
  return any_real(random);
}

}  // namespace m3::dataset
