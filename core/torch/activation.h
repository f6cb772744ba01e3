// The activation functions that configs name.
// Threads: a pure function.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/model/llava_config.h"

namespace m3 {

// `x` is used up: the result may take its memory.
at::Tensor activate(Activation activation, at::Tensor x);

}  // namespace m3
