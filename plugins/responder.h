// Responder: what m3llm does, without GObject. Token buffers and questions in; the session behind
// it keeps the window and generates; an AnswerPad sends the answers on. Threads: said with each
// group of functions. Nothing is pushed, posted or asked of the session with a lock held.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/question_schedule.h"
#include "plugins/answer_pad.h"
#include "plugins/frame_time.h"
#include "plugins/stream_counts.h"
#include "plugins/when_busy.h"

namespace m3 {

struct ResponderSettings {
  // Of the session; taken when the stream starts.
  int window_tokens = 0;        // visual tokens in the window, 0: what the model was trained for
  std::string memory_location;  // folder of the recall store, empty: none
  std::string system_prompt;    // empty: the model's
  GstM3WhenBusy when_busy = GST_M3_WHEN_BUSY_AUTO;
  // Of the questions; taken when one is asked.
  std::string question;  // empty: none
  double interval = 0;   // seconds of stream time, 0: once at the end
  int max_new_tokens = 64;
  double temperature = 0;
  double top_p = 1;
  uint64_t seed = 0;
  std::vector<std::string> stop;
  double deadline = 0;       // seconds, 0: never
  std::string conversation;  // of all questions but the property's; empty: each by itself
  std::string answer_format = "text";
  // Of what is told.
  bool frame_messages = false;
  std::string stream = "0";  // name of the stream in messages and lines
};

class Responder {
 public:
  Responder(GstElement* element, GstPad* sink, GstPad* src);  // borrowed

  // Any thread.
  ResponderSettings settings() const;
  // Two threads may change two properties at once: neither is lost.
  void change_settings(const std::function<void(ResponderSettings&)>& change);
  // The id of the question; empty: too many are waiting for their answers.
  std::string ask(const std::string& text);
  std::string ask_at(const std::string& text, guint64 at_ns, guint64 every_ns);
  bool cancel(const std::string& id);  // false: no such question, or it was answered
  EndLine counts() const;

  // State changes. start() may throw Error.
  void start();
  void interrupt();  // before the pads are deactivated: ends waits in the session
  void stop();       // after that: forgets the stream and the session
  bool activate(bool active) { return answers_.outbox().activate(active); }

  // Streaming thread of the sink pad. May throw Error.
  GstFlowReturn process(GstBuffer* buffer);
  bool take_event(GstEvent* event);  // takes it

 private:
  struct Frame {  // a buffer and what is known of it
    GstBuffer* buffer;
    GstClockTime pts;
    int64_t pts_ns;  // stream time, kNoTime: outside the segment
    int64_t end_ns;  // of the frame
  };

  struct Shown {  // visual tokens
    int scale = 0;
    int crop_scale = 0;
  };

  // Sink's streaming thread.
  void set_caps(const GstCaps* caps);
  void look_for_live();
  GstEvent* begin_stream(GstEvent* event);
  GstFlowReturn end_stream();
  GstFlowReturn ask_due(const std::vector<DueQuestion>& due, bool ended);
  GstFlowReturn append(const Frame& frame, Outcome* outcome, Shown* tokens);
  void note(const Frame& frame, Outcome outcome, Shown tokens);
  void report_drop(const Frame& frame);
  void tell_load(double load);
  bool flush_start(GstEvent* event);
  bool flush_stop(GstEvent* event);
  void forget_window();

  // Any thread.
  bool put_question(AskedQuestion question);  // false: flushing
  Question question_of(const AskedQuestion& asked) const;
  std::string schedule(const std::string& text, int64_t at_ns, int64_t every_ns);
  void schedule_property();  // with mutex_ held
  std::string next_id();     // with mutex_ held
  std::shared_ptr<Session> session() const;

  GstElement* const element_;
  GstPad* const sink_;
  GstPad* const src_;
  AnswerPad answers_;
  StreamCounts counts_;
  std::atomic<bool> drops_{false};  // what when-busy comes to for this stream

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  ResponderSettings settings_;
  QuestionSchedule schedule_;
  std::string property_id_;  // of the question that the property asks
  uint64_t ids_ = 0;         // given out
  bool running_ = false;     // between start() and stop()
  std::shared_ptr<Session> session_;
  std::stop_source interrupt_;
  bool seen_ = false;                              // the window has a frame
  int64_t newest_ns_ = kNoTime;                    // stream time of the newest frame
  GstClockTime newest_pts_ = GST_CLOCK_TIME_NONE;  // and its PTS

  // Sink's streaming thread only.
  FrameTime time_;
  std::string model_id_;   // of the session's engine
  std::string stream_id_;  // as upstream named it
  bool new_segment_ = false;
  bool ended_ = false;        // the questions of the end have been asked
  int64_t end_ns_ = kNoTime;  // where the newest frame ends
  double told_load_ = 0;      // what m3scale was told last
  uint64_t dropped_ = 0;
  uint64_t processed_ = 0;
};

}  // namespace m3
