// TorchSession: one stream. Calls from outside become commands in a queue, and the engine's thread
// takes them in order: a question therefore sees what was appended before it and nothing after. A
// question works on a private copy of the window, so the commands behind it go on while it is
// answered. Threads: any thread from outside. Sinks must not destroy the session they are called
// for.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/engine.h"
#include "core/torch/answerer.h"
#include "core/torch/conversation.h"
#include "core/torch/model.h"
#include "core/torch/prefiller.h"
#include "core/torch/scheduler.h"
#include "core/torch/stream_window.h"

namespace m3 {

class TorchSession final : public Session {
 public:
  // `owner` keeps the other four alive.
  TorchSession(std::shared_ptr<void> owner, const Model& model, Scheduler& scheduler,
               Prefiller& prefiller, Answerer& answerer, const SessionOptions& options);
  ~TorchSession() override;

  void append(FrameTokens frame) override;
  int inbox_free() const override;
  bool wait_inbox(std::stop_token stop) override;
  RequestId ask(Question question, std::shared_ptr<AnswerSink> sink) override;
  void cancel(RequestId id) noexcept override;
  void flush() override;
  std::future<void> drain() override;
  SessionStats stats() const override;

 private:
  struct Append {
    FrameTokens frame;
  };
  struct Ask {
    std::shared_ptr<Ticket> ticket;
  };
  struct Flush {};
  struct Drain {
    std::shared_ptr<std::promise<void>> ready;
  };
  using Command = std::variant<Append, Ask, Flush, Drain>;

  // What units of work hold: they find the session through it, or nothing once it is gone.
  struct Link {
    std::mutex mutex;                 // held while a unit of this session runs
    TorchSession* session = nullptr;  // guarded by mutex
  };
  // A drain waits for the answers to questions that were asked before it.
  struct Draining {
    std::shared_ptr<std::promise<void>> ready;
    std::set<RequestId> waits_for;
  };

  // With mutex_ held.
  void post(WorkClass work);
  void post_rest();
  void end_cancelled();
  // On the engine's thread, without mutex_.
  void run(WorkClass work);
  bool step();
  // True when the command is done; false when it waits for the window's prefill.
  bool handle(Append& command);
  bool handle(Ask& command);
  bool handle(Flush& command);
  bool handle(Drain& command);
  void start_prefill(Prefiller::Urgency urgency);
  void stop_prefill();
  bool nobody_waits_for_prefill();
  void prefilled(std::exception_ptr error);
  void all_read();  // no frame of the window counts as waiting any more
  void start_answer(const std::shared_ptr<Ticket>& ticket);
  void start_in_conversation(const std::shared_ptr<Ticket>& ticket);
  void generate(const std::shared_ptr<Ticket>& ticket, std::vector<int32_t> prompt,
                std::unique_ptr<KvBranch> branch, const WindowSummary& window,
                const std::shared_ptr<Conversation>& conversation);
  int room_behind(const WindowSummary& window, int64_t rows, size_t prompt) const;
  std::shared_ptr<Conversation> conversation_of(const std::string& name);
  void go_on(Conversation& conversation);
  void finish_asks_that_are_over();
  void publish_window();
  void done(const Ticket& ticket, Answer answer);

  const std::shared_ptr<void> owner_;
  const Model& model_;
  Scheduler& scheduler_;
  Prefiller& prefiller_;
  Answerer& answerer_;
  const SessionOptions options_;
  const std::shared_ptr<Link> link_ = std::make_shared<Link>();

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;  // inbox or tickets became fewer
  // Guarded by mutex_.
  std::deque<Command> commands_;
  std::array<bool, kWorkClasses> posted_{};
  int inbox_ = 0;                                         // frames in commands_ and current_
  int asks_ = 0;                                          // questions in commands_ and current_
  std::map<RequestId, std::shared_ptr<Ticket>> tickets_;  // asked and not done
  std::vector<Draining> draining_;
  int flushes_ = 0;  // in commands_ and current_: until then the window is an old one
  SessionStats stats_;

  // The engine's thread only.
  std::optional<Command> current_;  // taken out and not finished
  StreamWindow window_;
  bool prefilling_ = false;    // the prefiller has the window
  int unread_ = 0;             // frames in the window that still count as waiting
  std::exception_ptr failed_;  // what the next question is told in place of an answer
  // Most recently used last.
  std::vector<std::pair<std::string, std::shared_ptr<Conversation>>> conversations_;
};

}  // namespace m3
