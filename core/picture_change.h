// picture_change: whether two pictures of one camera show different things, told from their
// signatures alone. Light that rises or falls everywhere and a shift by less than a block count as
// no change. Threads: a pure function.
#pragma once

#include "core/export.h"
#include "core/scale_policy.h"

namespace m3 {

// 0: equal; 1 and more: something is there that was not, or is gone. noise: camera noise, standard
// deviation of luma.
M3_API double picture_change(const Signature& before, const Signature& now, double noise);

}  // namespace m3
