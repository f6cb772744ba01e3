// What can be done about memory that ran out: the rest of a sentence in the errors that border.h
// makes of it. Threads: for the calling thread only.
#pragma once

#include <functional>
#include <string>

namespace m3 {

// For errors of this thread from now on: "give window-tokens=512, which fits". Empty: general
// advice again. It may throw.
void advise_on_memory(std::function<std::string()> advice);

}  // namespace m3
