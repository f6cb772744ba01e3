#include "core/error.h"

namespace m3 {

// Out of line: gives the class one home, so that `catch` meets the same type in every module.
Error::~Error() = default;

}  // namespace m3
