// PictureList: all pictures that examples are made of, numbered: the annotated ones, their mirror
// images, and those that were put together. What is seen in each is known. The same list for the
// same folder and options, in every run. Threads: immutable; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/dataset/composer.h"
#include "tools/dataset/groups.h"
#include "tools/dataset/recipe.h"

namespace m3::dataset {

struct ListOptions {
  uint64_t seed = 1;     // of what is put together
  bool mirrored = true;  // also the mirror image of each picture
  size_t made = 8000;    // pictures that are put together, about; 0: none
};

class PictureList {
 public:
  // folder: that the files are seen from. Throws kNotFound when there is no picture.
  PictureList(std::string folder, std::vector<AnnotatedPicture> pictures,
              const ListOptions& options);
  PictureList(const PictureList&) = delete;
  PictureList& operator=(const PictureList&) = delete;

  size_t size() const noexcept { return recipes_.size(); }
  // For files on disk: tells what the picture is made of, whatever else is in the list.
  std::string key(size_t number) const { return key_of(recipes_[number], pictures_, folder_); }
  // Throws what read_image throws.
  Image load(size_t number) const { return make_picture(recipes_[number], pictures_, folder_); }
  const View& view(size_t number) const { return views_[number]; }

  // A single picture: half the time one that was put together, as far as there are any. Colours
  // are known of few pictures, and a few colours of most of those: some are drawn by their colour.
  size_t any(Random& random) const;
  // As annotated.
  size_t any_annotated(Random& random) const { return composer_.any_picture(random); }
  // As annotated or mirrored.
  size_t any_real(Random& random) const;
  // Numbers of the frames that one camera saw.
  const std::vector<std::vector<size_t>>& cameras() const noexcept { return cameras_; }
  const std::vector<AnnotatedPicture>& pictures() const noexcept { return pictures_; }

 private:
  void add(Recipe recipe);
  void put_together(size_t wanted, uint64_t seed);

  const std::string folder_;
  const std::vector<AnnotatedPicture> pictures_;
  const Composer composer_;
  std::vector<Recipe> recipes_;
  std::vector<View> views_;
  size_t real_ = 0;  // recipes of pictures that are annotated, or mirrored
  std::vector<std::vector<size_t>> cameras_;
  Groups<size_t> colours_;  // pictures by the colours that can be asked for
};

}  // namespace m3::dataset
