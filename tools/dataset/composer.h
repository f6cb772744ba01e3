// Composer: thinks up pictures whose content is known: parts of pictures, mosaics, things cut out
// and laid over another picture, and what a fixed camera would see while things come, move and
// leave. Threads: immutable; safe from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tools/dataset/groups.h"
#include "tools/dataset/random.h"
#include "tools/dataset/recipe.h"

namespace m3::dataset {

class Composer {
 public:
  // pictures: borrowed, must outlive it.
  explicit Composer(const std::vector<AnnotatedPicture>& pictures);

  // Pictures of small sources come up more often than their number says, so that none is drowned
  // out.
  size_t any_picture(Random& random) const;

  // Nothing: there are no pictures for it. Each shows something that is known.
  std::optional<Recipe> part(Random& random) const;
  std::optional<Recipe> mosaic(Random& random) const;
  // One to five things of one name, and perhaps one of another, before a ground without them.
  std::optional<Recipe> group(Random& random) const;
  // Frames of a camera that stands still, in the order of time; neighbours differ by one event.
  std::vector<Recipe> camera(Random& random) const;

 private:
  // A thing that can be cut out.
  struct Cutting {
    size_t picture = 0;
    Box box{};
    std::string label;
    double aspect = 1;   // width over height, in pixels
    bool whole = false;  // the whole picture shows it
  };
  struct Ground {
    Recipe recipe;
    View view;
    double aspect = 1;
  };

  void find_cuttings(size_t picture);
  std::optional<Ground> ground(Random& random) const;
  // Of a name that is not, and is not like one, among `taken`.
  const Cutting* cutting(const std::vector<std::string>& taken, Random& random) const;
  Layer laid(const Cutting& cutting, const Box& to, Random& random) const;
  // A place for it in the ground, clear of the layers that lie there; nothing: none was found.
  std::optional<Box> room_for(const Cutting& cutting, double height, const Ground& ground,
                              const std::vector<Layer>& layers, Random& random) const;

  const std::vector<AnnotatedPicture>& pictures_;
  Groups<size_t> sources_;       // pictures by source
  Groups<Cutting> cuttings_;     // by label
  std::vector<size_t> grounds_;  // pictures in which little is known, or known well
};

}  // namespace m3::dataset
