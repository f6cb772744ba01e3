// Answerer: all answers being generated on one engine. Questions that wait are prefilled together,
// and so go the decode steps of all answers through the model, whatever their session. Threads:
// look_for_cancelled() and new_id() from any thread, everything else on the engine's thread.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/torch/decoder.h"
#include "core/torch/generate.h"
#include "core/torch/leavable_target.h"
#include "core/torch/model.h"
#include "core/torch/scheduler.h"
#include "core/torch/unit.h"

namespace m3 {

class Answerer {
 public:
  // Both are borrowed. A unit of work takes about `unit`, and one block of the model at least.
  Answerer(const Model& model, Scheduler& scheduler, DecoderPass::Clock::duration unit = kUnit)
      : model_(model), scheduler_(scheduler), unit_(unit) {}

  // No two requests of an engine have the same.
  RequestId new_id() noexcept { return ++last_id_; }
  // A branch whose memory was used before, where there is one.
  std::unique_ptr<KvBranch> take_branch();
  void start(std::unique_ptr<Generation> generation);
  // Ends answers that were cancelled, before the next unit of work.
  void look_for_cancelled();

 private:
  using Generations = std::deque<std::unique_ptr<Generation>>;
  struct Member {
    std::unique_ptr<Generation> generation;  // null: it was cancelled meanwhile
    int64_t last_row = 0;                    // of its own, among all rows of the pass
  };
  // Questions, or steps of answers, on their way through the model together.
  struct Pass {
    std::vector<Member> members;         // none: no pass is under way
    std::deque<LeavableTarget> targets;  // one each, and that of the padding
    std::optional<DecoderPass> rows;
    size_t alone = 0;  // so many of the next passes carry one member each

    // Ends the pass and hands its members out.
    std::vector<Member> end();
  };

  void post_question();
  void post_step();
  void run_question();
  void run_step();
  void run(Pass& pass, Generations& waiting, const char* doing);
  void begin(Pass& pass, Generations& waiting);
  void end(Pass& pass);
  void end_failed(Pass& pass, Generations& waiting, const std::string& error);
  void drop_all_over();
  void drop_those_over(Pass& pass);
  void drop_those_over(Generations& list);
  void take(std::unique_ptr<Generation> generation, const at::Tensor& logits);
  void close(std::unique_ptr<Generation> generation, Finish finish, const std::string& error = {});
  at::Tensor logits(const at::Tensor& hidden) const;

  const Model& model_;
  Scheduler& scheduler_;
  const DecoderPass::Clock::duration unit_;
  std::atomic<RequestId> last_id_ = 0;
  std::atomic<bool> look_posted_ = false;

  bool question_posted_ = false;
  bool step_posted_ = false;
  Generations waiting_;                              // for the prefill of their question
  Pass asking_;                                      // questions
  Generations answering_;                            // between two steps
  Pass stepping_;                                    // one row each
  std::vector<std::unique_ptr<KvBranch>> branches_;  // free
};

}  // namespace m3
