#include "core/torch/answerer.h"

#include <utility>

#include "core/error.h"
#include "core/torch/border.h"

namespace m3 {
namespace {

constexpr size_t kMostTogether = 16;  // answers in one decode step
constexpr size_t kMostFreeBranches = 4;

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

void Answerer::wake() {
  if (!step_posted_.exchange(true)) {
    scheduler_.post(WorkClass::kDecodeStep, [this] { run_step(); });
  }
}

void Answerer::post_question() {
  if (std::exchange(question_posted_, true)) return;
  scheduler_.post(WorkClass::kQuestionPrefill, [this] { run_question(); });
}

void Answerer::run_question() {
  question_posted_ = false;
  drop_those_over(waiting_);
  if (asking_ && asking_->over()) {
    question_pass_.reset();
    close(std::move(asking_), Finish::kCancelled);
  }
  if (!asking_) {
    if (waiting_.empty()) return;
    asking_ = std::move(waiting_.front());
    waiting_.pop_front();
  }
  try {
    if (!question_pass_) {
      const std::vector<int32_t>& prompt = asking_->prompt();
      const int64_t rows = static_cast<int64_t>(prompt.size());
      asking_->branch().begin(rows);
      question_pass_.emplace(model_.decoder, model_.decoder.embed(prompt),
                             std::vector<RowGroup>{{rows, &asking_->branch()}});
    }
    if (question_pass_->run(unit_deadline())) {
      asking_->branch().commit();
      const at::Tensor last = question_pass_->hidden().narrow(0, asking_->prompt().size() - 1, 1);
      const at::Tensor row = logits(last)[0];
      question_pass_.reset();
      take(std::move(asking_), row);
    }
  } catch (...) {
    question_pass_.reset();
    if (asking_) close(std::move(asking_), Finish::kError, text_of_current("reading the question"));
  }
  if (asking_ || !waiting_.empty()) post_question();
}

void Answerer::run_step() {
  step_posted_ = false;
  drop_those_over(answering_);
  drop_those_over(waiting_);
  if (asking_ && asking_->over()) post_question();
  if (stepping_.empty() && answering_.empty()) return;
  try {
    if (stepping_.empty()) begin_step();
    if (step_pass_->run(unit_deadline())) end_step();
  } catch (...) {
    const std::string error = text_of_current("generating");
    step_pass_.reset();
    end_failed_step(error);
  }
  if (!stepping_.empty() || !answering_.empty()) wake();
}

// What is too much for several answers together may do for each alone, and whoever brings trouble
// must not end the others' answers.
void Answerer::end_failed_step(const std::string& error) {
  Generations failed = std::move(stepping_);
  stepping_.clear();
  if (failed.size() > 1) alone_ = failed.size();
  for (auto generation = failed.rbegin(); generation != failed.rend(); ++generation) {
    if (failed.size() > 1) {
      answering_.push_front(std::move(*generation));
    } else {
      close(std::move(*generation), Finish::kError, error);
    }
  }
}

void Answerer::begin_step() {
  const size_t most = alone_ > 0 ? 1 : kMostTogether;
  if (alone_ > 0) --alone_;
  std::vector<int32_t> ids;
  std::vector<RowGroup> groups;
  while (!answering_.empty() && stepping_.size() < most) {
    std::unique_ptr<Generation> generation = std::move(answering_.front());
    answering_.pop_front();
    ids.push_back(generation->last_id());
    generation->branch().begin(1);
    groups.push_back({1, &generation->branch()});
    stepping_.push_back(std::move(generation));
  }
  step_pass_.emplace(model_.decoder, model_.decoder.embed(ids), std::move(groups));
}

void Answerer::end_step() {
  const at::Tensor rows = logits(step_pass_->hidden());
  step_pass_.reset();
  Generations done = std::move(stepping_);
  stepping_.clear();
  for (size_t i = 0; i < done.size(); ++i) {
    done[i]->branch().commit();
    take(std::move(done[i]), rows[static_cast<int64_t>(i)]);
  }
}

template <typename List>
void Answerer::drop_those_over(List& list) {
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
  wake();
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
