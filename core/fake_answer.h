// What the fake engine says, as text and as words; one word is one token.
//
// Threads: free functions, safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "core/engine.h"

namespace m3 {

// "5", " frames,", ...: all of them, joined, are the text.
std::vector<std::string> words_of(const std::string& text);

// The question and all that was set. Every stop text in brackets, since any of them may hold commas
// and spaces.
std::string settings_text(const SessionOptions& session, int window_tokens,
                          const Question& question);

// Cuts the text that the words make at the first of the stop texts; false when none is in it. Words
// behind the stop go, words in it stay as empty ones: they were generated, and are not shown.
bool cut_at_stop(const std::vector<std::string>& stops, std::vector<std::string>* words);

}  // namespace m3
