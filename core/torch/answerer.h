// Answerer: all answers being generated on one engine. Questions are prefilled one after the other;
// decode steps of all answers, whatever their session, go through the model together. Threads:
// wake() and new_id() from any thread, everything else on the engine's thread.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/torch/decoder.h"
#include "core/torch/generate.h"
#include "core/torch/model.h"
#include "core/torch/scheduler.h"
#include "core/torch/unit.h"

namespace m3 {

class Answerer {
 public:
  // Both are borrowed.
  Answerer(const Model& model, Scheduler& scheduler) : model_(model), scheduler_(scheduler) {}

  // No two requests of an engine have the same.
  RequestId new_id() noexcept { return ++last_id_; }
  // A branch whose memory was used before, where there is one.
  std::unique_ptr<KvBranch> take_branch();
  void start(std::unique_ptr<Generation> generation);
  // Looks for cancelled answers before the next unit.
  void wake();

 private:
  using Generations = std::vector<std::unique_ptr<Generation>>;

  void post_question();
  void run_question();
  void run_step();
  void begin_step();
  void end_step();
  void end_failed_step(const std::string& error);
  template <typename List>
  void drop_those_over(List& list);
  void take(std::unique_ptr<Generation> generation, const at::Tensor& logits);
  void close(std::unique_ptr<Generation> generation, Finish finish, const std::string& error = {});
  at::Tensor logits(const at::Tensor& hidden) const;

  const Model& model_;
  Scheduler& scheduler_;
  std::atomic<RequestId> last_id_ = 0;
  std::atomic<bool> step_posted_ = false;

  bool question_posted_ = false;
  std::deque<std::unique_ptr<Generation>> waiting_;  // for the prefill of their question
  std::unique_ptr<Generation> asking_;               // its question is being prefilled
  std::optional<DecoderPass> question_pass_;
  std::deque<std::unique_ptr<Generation>> answering_;  // between two steps
  Generations stepping_;                               // in the step under way
  std::optional<DecoderPass> step_pass_;
  size_t alone_ = 0;  // so many of the next steps carry one answer each
  std::vector<std::unique_ptr<KvBranch>> branches_;  // free
};

}  // namespace m3
