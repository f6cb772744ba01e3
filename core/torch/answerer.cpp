#include "core/torch/answerer.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <utility>

#include "core/error.h"
#include "core/torch/border.h"

namespace m3 {
namespace {

constexpr size_t kMostTogether = 16;  // answers in one pass
constexpr size_t kMostFreeBranches = 4;
constexpr int64_t kMostRows = 256;  // of questions in one pass, or one question

}  // namespace

std::unique_ptr<KvBranch> Answerer::take_branch() {
  if (branches_.empty()) {
    return std::make_unique<KvBranch>(model_.decoder.shape(), model_.decoder.options(),
                                      model_.decoder.rope());
  }
  std::unique_ptr<KvBranch> branch = std::move(branches_.back());
  branches_.pop_back();
  return branch;
}

void Answerer::start(std::unique_ptr<Generation> generation) {
  waiting_.push_back(std::move(generation));
  post_question();
}

void Answerer::look_for_cancelled() {
  if (look_posted_.exchange(true)) return;
  scheduler_.post(WorkClass::kAtOnce, [this] {
    look_posted_ = false;
    drop_all_over();
  });
}

std::vector<Answerer::Member> Answerer::Pass::end() {
  rows.reset();
  targets.clear();
  return std::exchange(members, {});
}

void Answerer::post_question() {
  if (std::exchange(question_posted_, true)) return;
  scheduler_.post(WorkClass::kQuestionPrefill, [this] { run_question(); });
}

void Answerer::post_step() {
  if (std::exchange(step_posted_, true)) return;
  scheduler_.post(WorkClass::kDecodeStep, [this] { run_step(); });
}

void Answerer::run_question() {
  question_posted_ = false;
  drop_all_over();
  run(asking_, waiting_, "reading the question");
  if (!asking_.members.empty() || !waiting_.empty()) post_question();
}

void Answerer::run_step() {
  step_posted_ = false;
  drop_all_over();
  run(stepping_, answering_, "generating");
  if (!stepping_.members.empty() || !answering_.empty()) post_step();
}

// One unit of a pass, a new one where none is under way.
void Answerer::run(Pass& pass, Generations& waiting, const char* doing) {
  if (pass.members.empty() && waiting.empty()) return;
  try {
    if (pass.members.empty()) begin(pass, waiting);
    if (pass.rows->run(DecoderPass::Clock::now() + unit_)) end(pass);
  } catch (...) {
    end_failed(pass, waiting, text_of_current(doing));
  }
}

// What is too much for several together may do for each alone, and whoever brings trouble must not
// end the others' answers.
void Answerer::end_failed(Pass& pass, Generations& waiting, const std::string& error) {
  std::vector<Member> members = pass.end();
  const bool together = members.size() > 1;
  for (auto one = members.rbegin(); one != members.rend(); ++one) {
    if (one->generation == nullptr) continue;
    if (together) {
      waiting.push_front(std::move(one->generation));
      ++pass.alone;
    } else {
      close(std::move(one->generation), Finish::kError, error);
    }
  }
}

void Answerer::begin(Pass& pass, Generations& waiting) {
  std::vector<int32_t> ids;
  std::vector<RowGroup> groups;
  const size_t most = pass.alone > 0 ? 1 : kMostTogether;
  if (pass.alone > 0) --pass.alone;
  while (!waiting.empty() && pass.members.size() < most &&
         static_cast<int64_t>(ids.size()) < kMostRows) {
    pass.members.push_back({std::move(waiting.front()), 0});
    waiting.pop_front();
    Member& member = pass.members.back();
    const std::vector<int32_t> next = member.generation->next_ids();
    const int64_t count = static_cast<int64_t>(next.size());
    ids.insert(ids.end(), next.begin(), next.end());
    member.last_row = static_cast<int64_t>(ids.size()) - 1;
    member.generation->branch().begin(count);
    groups.push_back({count, &pass.targets.emplace_back(member.generation->branch())});
  }
  const int64_t padding = padding_of(static_cast<int64_t>(ids.size()), model_.decoder);
  if (padding > 0) {
    ids.resize(ids.size() + static_cast<size_t>(padding));  // any token does
    groups.push_back({padding, &pass.targets.emplace_back()});
  }
  pass.rows.emplace(model_.decoder, model_.decoder.embed(ids), std::move(groups));
}

void Answerer::end(Pass& pass) {
  std::vector<int64_t> last_rows;
  for (const Member& one : pass.members) last_rows.push_back(one.last_row);
  at::Tensor hidden = pass.rows->hidden();
  if (hidden.size(0) != static_cast<int64_t>(last_rows.size())) {
    hidden = hidden.index_select(
        0, at::tensor(last_rows, at::TensorOptions().dtype(at::kLong)).to(hidden.device()));
  }
  const at::Tensor rows = logits(hidden);
  int64_t row = 0;
  for (Member& one : pass.end()) {
    const at::Tensor of_one = rows[row++];
    if (one.generation == nullptr) continue;
    one.generation->branch().commit();
    take(std::move(one.generation), of_one);
  }
}

// Cancelled, or past their deadline.
void Answerer::drop_all_over() {
  drop_those_over(waiting_);
  drop_those_over(asking_);
  drop_those_over(answering_);
  drop_those_over(stepping_);
}

// They leave the pass; the others go on with it.
void Answerer::drop_those_over(Pass& pass) {
  bool all = true;
  for (size_t i = 0; i < pass.members.size(); ++i) {
    std::unique_ptr<Generation>& generation = pass.members[i].generation;
    if (generation != nullptr && generation->over()) {
      pass.targets[i].leave();
      close(std::move(generation), Finish::kCancelled);
    }
    all = all && generation == nullptr;
  }
  if (all) pass.end();
}

void Answerer::drop_those_over(Generations& list) {
  for (auto generation = list.begin(); generation != list.end();) {
    if (!(*generation)->over()) {
      ++generation;
      continue;
    }
    close(std::move(*generation), Finish::kCancelled);
    generation = list.erase(generation);
  }
}

void Answerer::take(std::unique_ptr<Generation> generation, const at::Tensor& logits) {
  if (generation->over()) return close(std::move(generation), Finish::kCancelled);
  bool complete = false;
  try {
    complete =
        generation->take({logits.const_data_ptr<float>(), static_cast<size_t>(logits.numel())});
  } catch (...) {
    return close(std::move(generation), Finish::kError, text_of_current("choosing a token"));
  }
  if (complete) {
    const Finish outcome = generation->outcome();
    return close(std::move(generation), outcome);
  }
  answering_.push_back(std::move(generation));
  post_step();
}

void Answerer::close(std::unique_ptr<Generation> generation, Finish finish,
                     const std::string& error) {
  std::unique_ptr<KvBranch> branch = generation->release(finish);
  if (branch && branches_.size() < kMostFreeBranches) {
    branch->start(nullptr, 0);  // lets go of the window
    branches_.push_back(std::move(branch));
  }
  generation->finish(finish, error);
}

at::Tensor Answerer::logits(const at::Tensor& hidden) const {
  // Rows of the embedding beyond the tokenizer's vocabulary are padding and must never be picked.
  const int64_t known = model_.layout.tokenizer().vocabulary();
  return model_.decoder.logits(hidden).narrow(1, 0, known).to(at::kCPU, at::kFloat).contiguous();
}

}  // namespace m3
