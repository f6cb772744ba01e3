// The granularity study: every question at every scale of the ladder (M3, table 1 and section 4.3:
// one model whose picture costs 1, 9, 36, 144 or 576 tokens).
// Threads: free functions and values; ask_at_all_scales() blocks.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/engine.h"
#include "tools/m3_eval/question_set.h"
#include "tools/m3_eval/share.h"

namespace m3::eval {

// Of one question: whether it was answered right at each scale of the ladder.
struct Record {
  size_t question = 0;              // index into the question set
  size_t picture = 0;               // number of its picture, from 0
  std::vector<bool> right;          // one a scale, coarsest first
  std::optional<bool> blind_right;  // on a grey picture at the finest scale
};

struct Study {
  std::vector<int> ladder;
  std::vector<Record> records;        // of what was asked; in the order of the pictures
  std::vector<std::string> failures;  // pictures that could not be asked about, and why
  bool interrupted = false;
};

// progress: fraction 0..1 and what is asked about.
Study ask_at_all_scales(const std::shared_ptr<Engine>& engine,
                        const std::vector<SetQuestion>& questions, const std::string& data_folder,
                        bool blind, std::stop_token stop,
                        const std::function<void(double, const std::string&)>& progress);

// The figures of one kind of question.
struct KindTable {
  std::string kind;           // "all" comes first
  std::vector<Share> scales;  // one a scale of the ladder
  Share oracle;               // right at one scale at least
  double oracle_tokens = 0;   // mean of the coarsest scale that is right, the coarsest when none is
  std::optional<Share> blind;
};

std::vector<KindTable> tables_of(const Study& study, const std::vector<SetQuestion>& questions);

}  // namespace m3::eval
