#include "plugins/outbox.h"

#include <utility>

namespace m3 {
namespace {

// How often a waiting task looks whether it should stop. Ready items are noticed at once.
constexpr std::chrono::milliseconds kLook{20};

bool starts_stream(const Outbox::Item& item) {
  const GstEvent* event = item.event();
  return event && (GST_EVENT_TYPE(event) == GST_EVENT_STREAM_START ||
                   GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT);
}

bool ends_stream(const Outbox::Item& item) {
  return item.event() && GST_EVENT_TYPE(item.event()) == GST_EVENT_EOS;
}

}  // namespace

GstFlowReturn EventItem::send(GstPad* pad) {
  // A sticky event that could not be pushed stays on the pad; data flow tells what is wrong.
  gst_pad_push_event(pad, gst_event_ref(event_));
  return GST_FLOW_OK;
}

bool EventItem::survives_flush() const {
  switch (GST_EVENT_TYPE(event_)) {
    case GST_EVENT_SEGMENT:
    case GST_EVENT_STREAM_GROUP_DONE:
    case GST_EVENT_EOS:
      return false;
    default:
      return GST_EVENT_IS_STICKY(event_);
  }
}

Outbox::Outbox(GstPad* pad) : pad_(pad) {}

bool Outbox::activate(bool active) {
  if (active) {
    const std::lock_guard lock(mutex_);
    active_ = true;
    flow_ = GST_FLOW_OK;
    return gst_pad_start_task(pad_, loop, this, nullptr);
  }
  {
    std::unique_lock lock(mutex_);
    active_ = false;
    flow_ = GST_FLOW_FLUSHING;
    forget_items(lock, true);
  }
  changed_.notify_all();
  return gst_pad_stop_task(pad_);
}

void Outbox::flush_start() {
  {
    std::unique_lock lock(mutex_);
    flow_ = GST_FLOW_FLUSHING;
    forget_items(lock, false);
  }
  changed_.notify_all();
  gst_pad_pause_task(pad_);  // returns when the task is out of what it did
}

void Outbox::flush_stop() {
  const std::lock_guard lock(mutex_);
  flow_ = GST_FLOW_OK;
  if (gst_pad_is_active(pad_)) gst_pad_start_task(pad_, loop, this, nullptr);
}

GstFlowReturn Outbox::put(std::unique_ptr<Item> item) {
  GstFlowReturn flow = GST_FLOW_OK;
  bool unheard_end = false;
  {
    const std::lock_guard lock(mutex_);
    if (flow_ == GST_FLOW_EOS && starts_stream(*item)) {
      flow_ = GST_FLOW_OK;
      gst_pad_start_task(pad_, loop, this, nullptr);
    }
    flow = flow_;
    if (flow == GST_FLOW_OK || (active_ && item->survives_flush())) {
      if (item->counts()) ++counted_;
      items_.push_back(std::move(item));
    } else {
      unheard_end = flow == GST_FLOW_NOT_LINKED && ends_stream(*item);
    }
  }
  changed_.notify_all();
  if (unheard_end) report_not_linked();
  return flow;
}

bool Outbox::amend_last(const std::function<bool(Item&)>& change) {
  const std::lock_guard lock(mutex_);
  return flow_ == GST_FLOW_OK && !items_.empty() && change(*items_.back());
}

size_t Outbox::waiting() const {
  const std::lock_guard lock(mutex_);
  return counted_;
}

size_t Outbox::size() const {
  const std::lock_guard lock(mutex_);
  return items_.size();
}

GstFlowReturn Outbox::wait_for_room(size_t counted, size_t all) {
  std::unique_lock lock(mutex_);
  changed_.wait(
      lock, [&] { return flow_ != GST_FLOW_OK || (counted_ < counted && items_.size() < all); });
  return flow_;
}

GstFlowReturn Outbox::flow() const {
  const std::lock_guard lock(mutex_);
  return flow_;
}

void Outbox::loop(gpointer self) { static_cast<Outbox*>(self)->run_once(); }

void Outbox::run_once() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return flow_ != GST_FLOW_OK || !items_.empty(); });
  if (flow_ != GST_FLOW_OK) {
    // Under the lock, so that a flush_stop() just now cannot start the task before this pauses it.
    gst_pad_pause_task(pad_);
    return;
  }
  std::unique_ptr<Item> item = std::move(items_.front());
  items_.pop_front();
  while (flow_ == GST_FLOW_OK) {
    lock.unlock();
    const bool ready = item->ready_within(kLook);
    lock.lock();
    if (ready) break;
  }
  GstFlowReturn flow = flow_;
  const bool counts = item->counts();
  if (flow == GST_FLOW_OK) {
    lock.unlock();
    changed_.notify_all();  // an item fewer waits
    flow = item->send(pad_);
    item.reset();
    lock.lock();
  } else if (active_ && item->survives_flush()) {
    items_.push_front(std::move(item));
  }
  if (counts && counted_ > 0) --counted_;
  bool ended = false;
  if (flow_ == GST_FLOW_OK && flow != GST_FLOW_OK) {
    flow_ = flow;
    for (const auto& left : items_) ended |= ends_stream(*left);
    forget_items(lock, false);
  }
  lock.unlock();
  changed_.notify_all();
  // Upstream hears of it with its next buffer; at the end of the stream there is none.
  if (ended && flow == GST_FLOW_NOT_LINKED) report_not_linked();
}

void Outbox::report_not_linked() {
  GstElement* element = gst_pad_get_parent_element(pad_);
  if (!element) return;
  GST_ELEMENT_FLOW_ERROR(element, GST_FLOW_NOT_LINKED);
  gst_object_unref(element);
}

void Outbox::forget_items(std::unique_lock<std::mutex>& lock, bool all) {
  std::deque<std::unique_ptr<Item>> items;
  items.swap(items_);
  counted_ = 0;
  for (auto& item : items) {
    if (!all && item->survives_flush()) items_.push_back(std::move(item));
  }
  // Items end what they hold, which may take locks of others.
  lock.unlock();
  items.clear();
  lock.lock();
}

}  // namespace m3
