// Needles: pictures that are shown once, for a moment, in a long video of other pictures, and what
// is asked about them later. Threads: values and a free function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/dataset/annotations.h"
#include "tools/m3_eval/question_set.h"

namespace m3::eval {

struct Needle {
  const dataset::AnnotatedPicture* picture = nullptr;
  // "ever": was it there, once asked of what is there and once in vain; "at": what was there at the
  // second at which it came.
  std::vector<SetQuestion> questions;
};

// Needles that are hidden in the same other video, each in a stream of its own: what is in view
// long after them is the same for all.
struct Haystack {
  std::vector<Needle> needles;
  // Scene by scene; shows nothing that is asked for.
  std::vector<const dataset::AnnotatedPicture*> video;
};

inline constexpr size_t kNeedlesAHaystack = 4;  // fewer where there are few labels

// `count` needles, which come at `second`, and `scenes` scenes of other video each. Every label is
// needle once before any is it again, and is asked for in vain beside another one, so that no name
// gives the answer away. The pictures are borrowed. Throws kNotFound when they name too few
// different things.
std::vector<Haystack> hide_needles(const std::vector<dataset::AnnotatedPicture>& pictures,
                                   size_t count, int second, size_t scenes, uint64_t seed);

}  // namespace m3::eval
