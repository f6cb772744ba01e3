// The seam for running a model. Above it: elements and tools, which know no tensor. Below it: an
// engine module, which knows no GStreamer. Engine holds weights and is shared by all streams of a
// process; Session is one stream's window and the questions about it.
//
//   auto engine = m3::shared_engine({.model = "default"});
//   auto session = engine->create_session({});
//   session->append({engine->encode({frame}).get(), pts_ns});
//   session->ask({.text = "What do you see?"}, sink);  // sink->on_piece() ..., sink->on_done()
//
// Threads: Engine and Session may be called from any thread; calls on one Session take effect in
// the order they were made. Sinks are called on an engine thread.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/export.h"
#include "core/frame.h"
#include "core/tokens.h"

namespace m3 {

struct EngineOptions {
  // "default", a folder, "random:CONFIG.json[,SEED]" or "fake:..." (core/fake_engine.h)
  std::string model = "default";
  std::string device = "auto";  // "auto", "cpu", "cuda" or "cuda:N"
  std::string dtype = "auto";   // "float32", "bfloat16", "float16" (CUDA) or "auto": the fastest
  int threads = 0;              // compute threads on the CPU, 0..1024; 0: all cores

  friend bool operator==(const EngineOptions&, const EngineOptions&) = default;
};

// What is known of a loaded model. Constant for the engine's life.
struct ModelInfo {
  // 16 hex digits over weights and config: tokens of one model never meet another's LLM.
  std::string id;
  std::string name;    // for people
  std::string family;  // "adapter" (our layout) or "fake"
  std::string device;  // as opened: "cpu", "cuda:0"
  std::string dtype;   // as opened: "float32", "bfloat16", "float16"
  std::string tower;   // one phrase each, for people
  std::string projector;
  std::string llm;
  std::string attention;    // "spans" or "causal"
  std::vector<int> ladder;  // ascending scales, visual tokens a frame
  int embedding_dim = 0;
  int layout_version = 0;
  int context_tokens = 0;         // the most positions that a window with its question may take
  int trained_frames = 0;         // the window the model was trained for; 0: not known
  int trained_visual_tokens = 0;  // likewise
  int64_t weight_bytes = 0;       // resident weights
  int64_t kv_bytes_per_token = 0;
  int64_t parameters = 0;
  int64_t llm_block_parameters = 0;  // of those: in the matrices that every row of the LLM passes
  int64_t llm_head_parameters = 0;   // in the matrix behind them that gives logits
};

struct EncodeRequest {
  FrameView frame;       // borrowed until encode() returns
  int keep_scale = 144;  // finest level to keep, of the ladder; above the finest: the finest
};

// One frame as it enters the window.
struct FrameTokens {
  Tokens tokens;             // shows the scale that the window gets
  int64_t pts_ns = kNoTime;  // stream time; kNoTime: a still picture
};

using RequestId = uint64_t;

struct Question {
  std::string text;
  int64_t asked_at_ns = kNoTime;  // stream time, copied to the answer
  int max_new_tokens = 64;        // 1..ModelInfo::context_tokens
  double temperature = 0;         // 0: greedy; else 0..2
  double top_p = 1;               // above 0, at most 1; used when temperature > 0
  uint64_t seed = 0;              // used when temperature > 0
  std::vector<std::string> stop;  // texts that end the answer and are cut from it
  // Milliseconds after ask() at which the answer ends with Finish::kCancelled and the text that
  // there is, 0..86400000; 0: never.
  int64_t deadline_ms = 0;
  // Questions of one name follow each other: a later one sees the window as the first one saw it,
  // and the questions and answers in between. flush() forgets it, and so does a session that has
  // kConversations newer ones; then the next question of that name begins anew. Empty: a question
  // of its own. At most 200 bytes.
  std::string conversation;
};

inline constexpr int kConversations = 8;  // that a session remembers

enum class Finish { kStop, kLength, kCancelled, kError };
// stop, length, cancelled, error
M3_API const char* to_string(Finish finish) noexcept;

struct Answer {
  std::string text;
  Finish finish = Finish::kStop;
  std::string error;  // set with Finish::kError
  std::vector<int32_t> ids;
  int64_t asked_at_ns = kNoTime;
  int64_t from_ns = kNoTime;         // stream time of the window's first frame that has a time
  int64_t to_ns = kNoTime;           // and of its last one; kNoTime: none has
  std::vector<int64_t> evidence_ns;  // times of the frames that the answer rests on; may be empty
  int frames = 0;                    // frames in the window, those that were averaged too
  int visual_tokens = 0;             // their tokens
  int prompt_tokens = 0;             // the question with its template
  int new_tokens = 0;
  double confidence = 0;  // geometric mean of the probabilities of the tokens taken, 0..1
  double margin = 0;      // smallest lead of a taken token's logit over the runner-up
  double ttft_ms = 0;     // ask() to the first token, wall clock
  double total_ms = 0;    // ask() to the end
};

// Hears an answer while it is made. Called on an engine thread, which waits meanwhile: a sink only
// hands on what it hears. It throws nothing, takes no lock that is held while a Session is
// destroyed, and does not destroy the Session itself.
class M3_API AnswerSink {
 public:
  virtual ~AnswerSink();
  // UTF-8, whole characters. All pieces of a request, joined, are the answer's text.
  virtual void on_piece(RequestId id, std::string_view piece) = 0;
  // Exactly once for each request, and last.
  virtual void on_done(RequestId id, Answer answer) = 0;
};

struct SessionOptions {
  std::string system_prompt;  // empty: the model's
  // Visual tokens in the window, 0..context; 0: what the model was trained for, else 1024. When it
  // is full what is old becomes coarser, see core/window_memory.h.
  int window_tokens = 0;
  // Frames that may wait, 1..1024. append() beyond it still queues, see inbox_free().
  int inbox_frames = 8;
  // true: frames are prefilled as they come (a live stream has idle time before the question).
  // false: at the next question, so that frames which leave the window unasked cost nothing.
  bool prefill_early = false;
};

struct SessionStats {
  uint64_t frames = 0;         // appended since the last flush
  uint64_t visual_tokens = 0;  // of those frames
  uint64_t text_tokens = 0;    // of their time markers
  int window_frames = 0;       // now in the window, those that were averaged too
  int window_visual_tokens = 0;
  int window_positions = 0;  // prefix, markers and visual tokens
  uint64_t questions = 0;    // answered, whatever their end
};

class M3_API Session {
 public:
  // Cancels its questions, waits until their sinks were told (at most one unit of work) and then
  // lets go. Frames and drains that wait are dropped; the futures become ready.
  virtual ~Session();

  // Queues a frame and returns. Throws kMismatch for another model's tokens, kInvalidArgument for
  // empty ones.
  virtual void append(FrameTokens frame) = 0;
  // How many more frames fit the inbox, 0 when it is full.
  virtual int inbox_free() const = 0;
  // Blocks until the inbox has room; false when `stop` came first.
  virtual bool wait_inbox(std::stop_token stop) = 0;

  // Queues a question and returns its id, unique in this session; the sink may hear of it before.
  // It sees all that was appended before it and nothing after, and leaves the window as it was.
  // Several may be under way at once. Throws kInvalidArgument, also for a null sink; whatever goes
  // wrong later ends the answer with Finish::kError.
  virtual RequestId ask(Question question, std::shared_ptr<AnswerSink> sink) = 0;
  // Takes effect before the next unit of work; the sink gets Finish::kCancelled. Nothing happens
  // when the question has ended or never was.
  virtual void cancel(RequestId id) noexcept = 0;

  // Forgets the stream and cancels its questions: queued frames go, the window is empty for
  // whatever is appended or asked next. Returns at once; the sinks hear of it later.
  virtual void flush() = 0;
  // Ready when all frames and questions that were queued before it are done.
  virtual std::future<void> drain() = 0;
  virtual SessionStats stats() const = 0;
};

// What every engine checks before anything else. Throw kInvalidArgument, naming the field and its
// range.
M3_API void check(const SessionOptions& options);
M3_API void check(const Question& question, const ModelInfo& info);

// A tensor read back for a person or a test.
struct TraceTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> values;  // float32; empty for ids
  std::vector<int64_t> ids;   // int64; empty for float tensors
};

// One picture, one prompt, every stage written down (the contract's `m3-inspect --trace`).
struct TraceRequest {
  std::optional<FrameView> picture;         // none: text only, or `pixel_values` is given
  std::optional<TraceTensor> pixel_values;  // [T,3,H,W], as the tower takes it: not with a picture
  int scale = 0;                            // of the ladder; 0: the finest
  std::string prompt;                       // the user's question, or the whole text when raw
  bool raw_prompt = false;                  // no template; "<image>" marks the picture's place
  int max_new_tokens = 32;                  // 1..ModelInfo::context_tokens
  int time_runs = 0;  // above 0: the stages run that often again, and the tensors tower_ms,
                      // projector_ms and, where all rows go through the model in one piece,
                      // prefill_ms and decode_ms [time_runs] say how long each run took
};

class M3_API Engine {
 public:
  // Frames whose turn has not come may fail with kCancelled.
  virtual ~Engine();

  virtual const ModelInfo& info() const noexcept = 0;

  // Reads the frame before it returns; the tower and projector run on the engine's thread. Throws
  // kInvalidArgument or kUnsupported for a frame it cannot take; the future throws Error.
  virtual std::future<Tokens> encode(const EncodeRequest& request) = 0;

  // The session keeps the weights alive, also when the last pointer to the Engine goes. Throws
  // kInvalidArgument.
  virtual std::unique_ptr<Session> create_session(const SessionOptions& options) = 0;

  // pixel_values, tower, projected, pooled, input_ids, logits, generated_ids: those that apply.
  // Blocks.
  virtual std::vector<TraceTensor> trace(const TraceRequest& request) = 0;

  // Token ids of a text by the model's own tokenizer, without template or special additions.
  virtual std::vector<int32_t> tokenize(std::string_view text) const = 0;
};

// Called while a model loads, on the thread that called shared_engine() or on another. `fraction`
// is 0..1, `what` is for people. It throws nothing.
using ProgressFn = std::function<void(double fraction, std::string_view what)>;

// The engine for these options. Equal options share one set of weights in the process while anyone
// holds it; a second caller waits for the first one's load, and does it itself when the first one
// gave up. Blocks; throws Error, kCancelled soon after `stop` was requested.
M3_API std::shared_ptr<Engine> shared_engine(const EngineOptions& options, ProgressFn progress = {},
                                             std::stop_token stop = {});

// The engine already open in this process whose info().id is `model_id`; nullptr: there is none.
M3_API std::shared_ptr<Engine> find_engine(std::string_view model_id);

// What an engine module exports under the name kEngineModuleEntry. `abi` must be kEngineAbi or the
// module is refused; it grows with every change of this header that moves anything.
inline constexpr char kEngineModuleEntry[] = "m3_engine_module";
inline constexpr int kEngineAbi = 2;
struct EngineModule {
  int abi;
  std::shared_ptr<Engine> (*open)(const EngineOptions&, const ProgressFn&, std::stop_token);
};

}  // namespace m3
