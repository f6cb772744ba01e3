// Outbox: an ordered queue in front of a source pad, with the pad's own streaming thread behind it.
// What is put in comes out in the same order, each item when it is ready: a slow one (a frame in
// the vision tower, an answer) holds back what came after it and nobody else. Elements bound it by
// looking at waiting() before they put something in. Threads: any thread may put; items are sent on
// the pad's task, with no lock held.
#pragma once

#include <gst/gst.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace m3 {

class Outbox {
 public:
  class Item {
   public:
    virtual ~Item() = default;
    // Waits up to `limit` for the item to become ready, false: not yet.
    virtual bool ready_within(std::chrono::milliseconds limit) { return true; }
    // Pushes what it holds. Anything but GST_FLOW_OK stops the task until the pad is flushed or
    // activated anew.
    virtual GstFlowReturn send(GstPad* pad) = 0;
    // Whether it counts for waiting(): what an element bounds by number.
    virtual bool counts() const { return false; }
    // The event that it holds; nullptr: none.
    virtual GstEvent* event() const { return nullptr; }
    // Whether it still waits behind a flush or an error: what describes the stream is said once.
    virtual bool survives_flush() const { return false; }
  };

  explicit Outbox(GstPad* pad);  // borrowed, lives longer than this

  // The pad's activate-mode function calls this: starts the thread, or ends it and throws away what
  // waits.
  bool activate(bool active);
  // Between flush_start() and flush_stop() nothing is sent, only what survives a flush is taken and
  // kept, and waiting callers return.
  void flush_start();
  void flush_stop();

  // GST_FLOW_OK, or why the item was dropped: the pad is flushing, or what sending an earlier item
  // came to. A stream-start or segment ends an end of stream.
  GstFlowReturn put(std::unique_ptr<Item> item);
  // Extends the last item that is not being sent yet; false when there is none or `change` declined
  // it.
  bool amend_last(const std::function<bool(Item&)>& change);

  size_t waiting() const;  // counting items that are not sent yet
  size_t size() const;     // all items that are not sent yet, but for the one that is on its way
  // Waits until fewer than `counted` counting items and fewer than `all` items wait; returns as
  // put() does.
  GstFlowReturn wait_for_room(size_t counted, size_t all);
  GstFlowReturn flow() const;

 private:
  static void loop(gpointer self);
  void run_once();
  void report_not_linked();  // as an element error: nobody else would tell
  void forget_items(std::unique_lock<std::mutex>& lock, bool all);

  GstPad* const pad_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Item>>
      items_;                               // guarded by mutex_; without the one that is being sent
  size_t counted_ = 0;                      // guarded by mutex_; with the one that is being sent
  GstFlowReturn flow_ = GST_FLOW_FLUSHING;  // guarded by mutex_
  bool active_ = false;                     // guarded by mutex_
};

// A serialized event on its way through an outbox.
class EventItem : public Outbox::Item {
 public:
  explicit EventItem(GstEvent* event) : event_(event) {}  // takes it
  ~EventItem() override { gst_event_unref(event_); }
  EventItem(const EventItem&) = delete;
  EventItem& operator=(const EventItem&) = delete;
  GstFlowReturn send(GstPad* pad) override;
  GstEvent* event() const override { return event_; }
  // Sticky events but those that a flush takes off a pad, too.
  bool survives_flush() const override;

 private:
  GstEvent* event_;
};

}  // namespace m3
