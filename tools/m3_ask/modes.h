// The ways m3-ask can be used, one function each: see the files of the same names. All print their
// results and return the exit code; what makes the whole run impossible is thrown as Error.
// Threads: the main thread.
#pragma once

#include <stop_token>

#include "tools/m3_ask/options.h"
#include "tools/m3_ask/printer.h"

namespace m3::ask {

// --video: one video, the questions of the command line.
int ask_video(const Options& options, Printer& printer, std::stop_token stop);
// --image, or plain text: one window, the questions of the command line.
int ask_pictures(const Options& options, Printer& printer, std::stop_token stop);
// --questions: a file of clips and pictures with their questions.
int ask_question_file(const Options& options, Printer& printer, std::stop_token stop);
// --windows: a file of windows with their questions.
int ask_windows(const Options& options, Printer& printer, std::stop_token stop);

}  // namespace m3::ask
