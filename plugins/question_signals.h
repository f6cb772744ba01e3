// The action signals by which an application asks: ask, ask-at and cancel. Threads: class
// initialisation.
#pragma once

#include <glib-object.h>

namespace m3 {

// Adds them to a class; the functions get the instance.
void install_question_signals(GObjectClass* klass, GCallback ask, GCallback ask_at,
                              GCallback cancel);

}  // namespace m3
