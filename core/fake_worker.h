// FakeWorker: the fake engine's thread, its queue and the sessions that it serves. Work comes in
// units: one frame's tokens, one frame into the window, one word of an answer; answers and queued
// work take turns.
//
// Threads: safe from any thread. Sinks are called on the worker's thread. There is one mutex, and
// nothing of anybody else is called with it held.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "core/engine.h"

namespace m3 {

// What stands behind "fake:", see core/fake_engine.h.
struct FakeSettings {
  int grid = 12;
  std::chrono::milliseconds load{0};
  std::chrono::milliseconds encode{0};
  std::chrono::milliseconds append{0};
  std::chrono::milliseconds delay{0};
  int tokens = 0;
  bool say_settings = false;
  bool fail_load = false;
  bool fail_encode = false;
  bool fail_ask = false;
};

class FakeWorker {
 public:
  struct Stream;  // one session

  // Starts the thread. It ends when the last copy of the pointer is let go, on whichever thread
  // that happens.
  static std::shared_ptr<FakeWorker> open(FakeSettings settings, ModelInfo info);

  const FakeSettings& settings() const noexcept { return settings_; }
  const ModelInfo& info() const noexcept { return info_; }

  std::future<Tokens> encode(Tokens tokens);

  std::shared_ptr<Stream> open_stream(const SessionOptions& options) const;
  // Cancels the stream's questions and waits until their sinks know it (not on the worker's own
  // thread).
  void close(const std::shared_ptr<Stream>& stream);

  // As in core/engine.h.
  void append(const std::shared_ptr<Stream>& stream, const FrameTokens& frame);
  int inbox_free(const Stream& stream) const;
  bool wait_inbox(const Stream& stream, std::stop_token stop);
  RequestId ask(const std::shared_ptr<Stream>& stream, Question question,
                std::shared_ptr<AnswerSink> sink);
  void cancel(Stream& stream, RequestId id);
  void flush(Stream& stream);
  std::future<void> drain(const std::shared_ptr<Stream>& stream);
  SessionStats stats(const Stream& stream) const;

 private:
  using Clock = std::chrono::steady_clock;
  using Lock = std::unique_lock<std::mutex>;
  struct Request;  // one question
  struct Job {
    const Stream* appends_to;         // null unless it takes a frame into a window
    std::function<void(Lock&)> work;  // with the lock held at both ends; quick once stop_ is set
  };

  FakeWorker(FakeSettings settings, ModelInfo info);
  void run();
  void stop();

  // All of these: with mutex_ held, the last five on the worker's thread only.
  void push(Job job);
  void forget_frames(Stream& stream);
  void cancel_all(Stream& stream);
  bool busy(std::chrono::milliseconds time, Lock& lock);  // false: cut short by stop()
  std::shared_ptr<Request> next_answer(Clock::time_point now, Clock::time_point* wake) const;
  void begin_answer(const std::shared_ptr<Request>& request, Lock& lock);
  void continue_answer(const std::shared_ptr<Request>& request, Lock& lock);
  void finish_answer(const std::shared_ptr<Request>& request, Finish finish, Lock& lock);

  const FakeSettings settings_;
  const ModelInfo info_;

  mutable std::mutex mutex_;
  std::condition_variable work_;         // a job came, a question was cancelled, or stop_
  std::condition_variable_any changed_;  // an inbox has room, or a question has ended
  // Guarded by mutex_.
  bool stop_ = false;
  RequestId next_id_ = 1;
  std::deque<Job> jobs_;
  std::list<std::shared_ptr<Request>> answering_;  // in turn

  std::thread thread_;  // set by open(), ended by stop()
};

}  // namespace m3
