#include "core/fake_worker.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/fake_answer.h"
#include "core/fake_window.h"
#include "core/window_memory.h"

namespace m3 {
namespace {

constexpr int kDefaultWindowTokens = 1024;

double milliseconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

}  // namespace

struct FakeWorker::Stream {
  Stream(const SessionOptions& session, WindowLimits limits, std::vector<int> ladder)
      : options(session), memory(limits, std::move(ladder)) {}

  const SessionOptions options;

  // Guarded by the worker's mutex_.
  WindowMemory memory;  // tokens are never looked at again: the books are the window
  SessionStats stats;
  int inbox = 0;         // frames that wait
  uint64_t flushes = 0;  // tells a frame of before a flush from one behind it
  std::map<RequestId, std::shared_ptr<Request>> requests;  // asked and not yet done
  struct Drain {
    RequestId before;  // waits for the questions with a lower id
    std::shared_ptr<std::promise<void>> done;
  };
  std::vector<Drain> drains;
  std::deque<std::pair<std::string, Seen>> conversations;  // as their first questions saw it

  Seen seen_by(const Question& question) {
    const Seen now = look(memory.spans());
    if (question.conversation.empty()) return now;
    for (const auto& [name, seen] : conversations) {
      if (name == question.conversation) return seen;
    }
    if (conversations.size() >= kConversations) conversations.pop_front();
    conversations.emplace_back(question.conversation, now);
    return now;
  }
};

struct FakeWorker::Request {
  // Constant once asked.
  RequestId id = 0;
  std::shared_ptr<Stream> stream;
  Question question;
  std::shared_ptr<AnswerSink> sink;
  Clock::time_point asked;

  bool cancelled = false;  // guarded by the worker's mutex_

  Clock::time_point deadline() const {
    return question.deadline_ms > 0 ? asked + std::chrono::milliseconds(question.deadline_ms)
                                    : Clock::time_point::max();
  }
  bool over() const { return cancelled || Clock::now() >= deadline(); }

  // The worker's thread only.
  std::vector<std::string> words;  // one a token; what of it is shown
  size_t next = 0;                 // of words
  Finish finish = Finish::kStop;   // when all is said
  Clock::time_point due;           // of the next word
  Answer answer;
};

FakeWorker::FakeWorker(FakeSettings settings, ModelInfo info)
    : settings_(settings), info_(std::move(info)) {}

std::shared_ptr<FakeWorker> FakeWorker::open(FakeSettings settings, ModelInfo info) {
  std::shared_ptr<FakeWorker> worker(new FakeWorker(settings, std::move(info)));
  worker->thread_ = std::thread([worker] { worker->run(); });
  FakeWorker* const raw = worker.get();
  // The thread keeps the object alive; this second count only says when nobody needs the thread any
  // more.
  return {raw, [worker = std::move(worker)](FakeWorker*) { worker->stop(); }};
}

void FakeWorker::stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_all();
  // A sink may have held the last pointer; a thread cannot wait for itself.
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

std::future<Tokens> FakeWorker::encode(Tokens tokens) {
  auto done = std::make_shared<std::promise<Tokens>>();
  auto result = done->get_future();
  std::lock_guard lock(mutex_);
  push({nullptr, [this, done, tokens = std::move(tokens)](Lock& held) {
          if (!busy(settings_.encode, held)) {
            done->set_exception(std::make_exception_ptr(
                Error(ErrorCode::kCancelled, "The engine was closed before the frame's turn")));
          } else if (settings_.fail_encode) {
            done->set_exception(std::make_exception_ptr(
                Error(ErrorCode::kDevice, "The fake engine fails to encode, as fail=encode asks")));
          } else {
            done->set_value(tokens);
          }
        }});
  return result;
}

std::shared_ptr<FakeWorker::Stream> FakeWorker::open_stream(const SessionOptions& options) const {
  check(options);
  if (options.window_tokens > info_.context_tokens) {
    throw Error(ErrorCode::kInvalidArgument,
                "Session: window_tokens = " + std::to_string(options.window_tokens) +
                    " is more than the model's context of " + std::to_string(info_.context_tokens));
  }
  WindowLimits limits;
  limits.visual_tokens = options.window_tokens ? options.window_tokens : kDefaultWindowTokens;
  limits.positions = info_.context_tokens;
  return std::make_shared<Stream>(options, limits, info_.ladder);
}

void FakeWorker::close(const std::shared_ptr<Stream>& stream) {
  std::unique_lock lock(mutex_);
  forget_frames(*stream);
  cancel_all(*stream);
  if (thread_.get_id() == std::this_thread::get_id()) return;
  changed_.wait(lock, [&] { return stream->requests.empty(); });
}

void FakeWorker::append(const std::shared_ptr<Stream>& stream, const FrameTokens& frame) {
  const MemorySpan span = span_of(frame);
  std::lock_guard lock(mutex_);
  ++stream->inbox;
  ++stream->stats.frames;
  stream->stats.visual_tokens += span.visual_tokens;
  stream->stats.text_tokens += span.marker_tokens;
  push({stream.get(), [this, stream, span, flushes = stream->flushes](Lock& held) {
          busy(settings_.append, held);
          if (stream->flushes != flushes) return;  // flushed while busy
          stream->memory.append(span);
          --stream->inbox;
          changed_.notify_all();
        }});
}

int FakeWorker::inbox_free(const Stream& stream) const {
  std::lock_guard lock(mutex_);
  return std::max(stream.options.inbox_frames - stream.inbox, 0);
}

bool FakeWorker::wait_inbox(const Stream& stream, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  return changed_.wait(lock, std::move(stop),
                       [&] { return stream.inbox < stream.options.inbox_frames; });
}

RequestId FakeWorker::ask(const std::shared_ptr<Stream>& stream, Question question,
                          std::shared_ptr<AnswerSink> sink) {
  check(question, info_);
  if (!sink) throw Error(ErrorCode::kInvalidArgument, "Question: it has no sink for its answer");
  auto request = std::make_shared<Request>();
  request->stream = stream;
  request->question = std::move(question);
  request->sink = std::move(sink);
  request->asked = Clock::now();
  std::lock_guard lock(mutex_);
  request->id = next_id_++;
  stream->requests.emplace(request->id, request);
  push({nullptr, [this, request](Lock& held) { begin_answer(request, held); }});
  return request->id;
}

void FakeWorker::cancel(Stream& stream, RequestId id) {
  std::lock_guard lock(mutex_);
  const auto found = stream.requests.find(id);
  if (found == stream.requests.end()) return;
  found->second->cancelled = true;
  work_.notify_all();
}

void FakeWorker::flush(Stream& stream) {
  std::lock_guard lock(mutex_);
  forget_frames(stream);
  cancel_all(stream);
}

std::future<void> FakeWorker::drain(const std::shared_ptr<Stream>& stream) {
  auto done = std::make_shared<std::promise<void>>();
  auto result = done->get_future();
  std::lock_guard lock(mutex_);
  push({nullptr, [stream, done, before = next_id_](Lock&) {
          const auto& requests = stream->requests;
          if (requests.empty() || requests.begin()->first >= before) {
            done->set_value();
          } else {
            stream->drains.push_back({before, done});
          }
        }});
  return result;
}

SessionStats FakeWorker::stats(const Stream& stream) const {
  std::lock_guard lock(mutex_);
  SessionStats stats = stream.stats;
  for (const MemorySpan& span : stream.memory.spans()) {
    stats.window_frames += static_cast<int>(span.frames);
    stats.window_visual_tokens += span.visual_tokens;
    stats.window_positions += span.visual_tokens + span.marker_tokens;
  }
  stats.window_positions += static_cast<int>(stream.options.system_prompt.size());
  return stats;
}

void FakeWorker::push(Job job) {
  jobs_.push_back(std::move(job));
  work_.notify_all();
}

void FakeWorker::forget_frames(Stream& stream) {
  std::erase_if(jobs_, [&](const Job& job) { return job.appends_to == &stream; });
  ++stream.flushes;
  stream.memory.clear();
  stream.conversations.clear();
  stream.inbox = 0;
  const uint64_t questions = stream.stats.questions;
  stream.stats = {};
  stream.stats.questions = questions;
  changed_.notify_all();
}

void FakeWorker::cancel_all(Stream& stream) {
  for (auto& [id, request] : stream.requests) request->cancelled = true;
  work_.notify_all();
}

bool FakeWorker::busy(std::chrono::milliseconds time, Lock& lock) {
  if (time.count() > 0) work_.wait_for(lock, time, [&] { return stop_; });
  return !stop_;
}

void FakeWorker::run() {
  Lock lock(mutex_);
  bool answered = false;  // the last unit: answers and jobs take turns
  while (!stop_ || !jobs_.empty() || !answering_.empty()) {
    Clock::time_point wake = Clock::time_point::max();
    const auto request = answered && !jobs_.empty() ? nullptr : next_answer(Clock::now(), &wake);
    answered = request != nullptr;
    if (request) {
      continue_answer(request, lock);
    } else if (!jobs_.empty()) {
      const Job job = std::move(jobs_.front());
      jobs_.pop_front();
      job.work(lock);
    } else if (wake == Clock::time_point::max()) {
      work_.wait(lock);
    } else {
      work_.wait_until(lock, wake);
    }
  }
}

std::shared_ptr<FakeWorker::Request> FakeWorker::next_answer(Clock::time_point now,
                                                             Clock::time_point* wake) const {
  for (const auto& request : answering_) {
    if (request->over() || request->due <= now) return request;
    *wake = std::min({*wake, request->due, request->deadline()});
  }
  return nullptr;
}

void FakeWorker::begin_answer(const std::shared_ptr<Request>& request, Lock& lock) {
  Stream& stream = *request->stream;
  const Question& question = request->question;
  const Seen seen = stream.seen_by(question);
  Answer& answer = request->answer;
  answer.asked_at_ns = question.asked_at_ns;
  answer.frames = seen.frames;
  answer.visual_tokens = seen.visual_tokens;
  answer.from_ns = seen.from_ns;
  answer.to_ns = seen.to_ns;
  if (answer.to_ns != kNoTime) answer.evidence_ns = {answer.to_ns};
  answer.prompt_tokens = static_cast<int>(question.text.size()) + 1;
  if (settings_.fail_ask) {
    answer.error = "The fake engine fails to answer, as fail=ask asks";
    finish_answer(request, Finish::kError, lock);
    return;
  }
  std::vector<std::string> words = words_of(
      settings_.say_settings
          ? settings_text(stream.options, stream.memory.limits().visual_tokens, question)
          : std::to_string(answer.frames) + " frames, " + std::to_string(answer.visual_tokens) +
                " tokens, brightness " + std::to_string(seen.brightness));
  if (settings_.tokens > 0) words.resize(settings_.tokens, " more");
  const bool longer = words.size() > static_cast<size_t>(question.max_new_tokens);
  if (longer) words.resize(question.max_new_tokens);
  // Settings name the stop texts, which would cut them.
  const bool stopped = !settings_.say_settings && cut_at_stop(question.stop, &words);
  request->finish = longer && !stopped ? Finish::kLength : Finish::kStop;
  request->words = std::move(words);
  request->due = Clock::now() + settings_.delay;
  answering_.push_back(request);
}

void FakeWorker::continue_answer(const std::shared_ptr<Request>& request, Lock& lock) {
  if (request->over()) {
    finish_answer(request, Finish::kCancelled, lock);
    return;
  }
  Answer& answer = request->answer;
  const std::string& word = request->words[request->next];
  if (request->next == 0) {
    answer.ttft_ms = milliseconds_since(request->asked);
    answer.confidence = 1;
    answer.margin = 1;
  }
  ++request->next;
  ++answer.new_tokens;
  answer.ids.push_back(static_cast<int32_t>(request->next));
  answer.text += word;
  request->due += settings_.delay;
  // To the back: several answers take turns.
  answering_.remove(request);
  answering_.push_back(request);
  if (!word.empty()) {
    lock.unlock();
    request->sink->on_piece(request->id, word);
    lock.lock();
  }
  if (request->next == request->words.size()) finish_answer(request, request->finish, lock);
}

void FakeWorker::finish_answer(const std::shared_ptr<Request>& request, Finish finish, Lock& lock) {
  Stream& stream = *request->stream;
  answering_.remove(request);
  ++stream.stats.questions;
  lock.unlock();
  request->answer.finish = finish;
  request->answer.total_ms = milliseconds_since(request->asked);
  request->sink->on_done(request->id, std::move(request->answer));
  request->sink.reset();
  lock.lock();
  stream.requests.erase(request->id);
  std::erase_if(stream.drains, [&](const Stream::Drain& drain) {
    if (!stream.requests.empty() && stream.requests.begin()->first < drain.before) return false;
    drain.done->set_value();
    return true;
  });
  changed_.notify_all();
}

}  // namespace m3
