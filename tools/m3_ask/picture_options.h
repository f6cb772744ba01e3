// What the modes of m3-ask that use the engine directly share: opening it, scales, names of
// answers. Threads: free functions.
#pragma once

#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>

#include "core/engine.h"
#include "core/json_lines.h"
#include "tools/m3_ask/options.h"
#include "tools/m3_ask/printer.h"

namespace m3::ask {

std::shared_ptr<Engine> open_engine(const Options& options, Printer& printer, std::stop_token stop);

// Throws kInvalidArgument, after `where` and listing the ladder, when `scale` is not on it.
void check_scale(const ModelInfo& model, int scale, const std::string& where);

// The scale of each of `pictures` pictures in a window when nobody says: the finest with which all
// of them fit the window that the model was trained for.
int automatic_scale(const ModelInfo& model, size_t pictures);

// A file of a list, seen from the root folder; an absolute path stays as it is.
std::string under(const std::string& root, const std::string& file);

// A line for an answer that did not come from an element. number: of the question in this run,
// from 1.
AnswerLine make_answer_line(size_t number, const std::string& question, Answer answer);

}  // namespace m3::ask
