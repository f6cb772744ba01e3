// Film: a long stream of made pictures whose content is known at every second: a fixed camera
// before which things come, move and leave, cuts to other places, long stretches in which nothing
// happens, camera noise all along. The same for the same seed. Threads: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/dataset/composer.h"
#include "tools/dataset/recipe.h"
#include "tools/dataset/window_questions.h"

namespace m3::dataset {

class Film {
 public:
  static constexpr int kWidthPx = 480;
  static constexpr int kHeightPx = 270;

  // composer and pictures: borrowed, must outlive it. seconds: about how long it is, above 0.
  Film(const Composer& composer, const std::vector<AnnotatedPicture>& pictures, std::string folder,
       double seconds, uint64_t seed);

  // A picture that stands, until the next one begins to come.
  struct Stand {
    double begin = 0;  // second at which it is all there
    double end = 0;
    double change_begin = 0;  // second at which it began to come
    Recipe recipe;
    View view;
    bool cut = false;  // the place before was another one
  };
  const std::vector<Stand>& stands() const noexcept { return stands_; }
  double seconds() const noexcept { return stands_.back().end; }

  // The frame at this second. Throws what read_image throws.
  Image frame(double second);

  // What was seen up to a moment of a stand: all of the film. The views live as long as the film.
  Watched watched(size_t stand) const;

 private:
  Recipe at(double second) const;

  const std::vector<AnnotatedPicture>& pictures_;
  const std::string folder_;
  const uint64_t seed_;
  std::vector<Stand> stands_;
  Recipe last_;  // the picture that `clean_` shows
  Image clean_;  // without noise
};

}  // namespace m3::dataset
