// A program's own pictures go in, answers come out: frames are pushed through an appsrc, a question
// is asked with the signal `ask`, and answers are taken from an appsink on the text pad.
//
//   own-frames [MODEL]
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>

#include <cstdio>
#include <cstring>

namespace {

constexpr int kWidth = 320;
constexpr int kHeight = 240;
constexpr int kFrames = 100;  // four seconds of 25
constexpr GstClockTime kFrameTime = GST_SECOND / 25;

// A white square that moves to the right over grey.
GstBuffer* draw(int number) {
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, kWidth * kHeight * 3, nullptr);
  GstMapInfo map;
  gst_buffer_map(buffer, &map, GST_MAP_WRITE);
  std::memset(map.data, 96, map.size);
  for (int y = 100; y < 140; ++y)
    std::memset(map.data + (y * kWidth + 20 + 2 * number) * 3, 255, 40 * 3);
  gst_buffer_unmap(buffer, &map);
  GST_BUFFER_PTS(buffer) = number * kFrameTime;
  GST_BUFFER_DURATION(buffer) = kFrameTime;
  return buffer;
}

// Runs on a streaming thread, once for each answer.
GstFlowReturn on_answer(GstAppSink* sink, gpointer answers) {
  GstSample* sample = gst_app_sink_pull_sample(sink);
  GstMapInfo map;
  if (sample != nullptr && gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ)) {
    const double seconds =
        static_cast<double>(GST_BUFFER_PTS(gst_sample_get_buffer(sample))) / GST_SECOND;
    std::printf("%.2f s: %.*s\n", seconds, static_cast<int>(map.size),
                reinterpret_cast<const char*>(map.data));
    gst_buffer_unmap(gst_sample_get_buffer(sample), &map);
    g_atomic_int_inc(static_cast<gint*>(answers));
  }
  if (sample != nullptr) gst_sample_unref(sample);
  return GST_FLOW_OK;
}

}  // namespace

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  GError* error = nullptr;
  GstElement* pipeline = gst_parse_launch(
      "appsrc name=frames format=time block=true max-buffers=8 "
      "caps=video/x-raw,format=RGB,width=320,height=240,framerate=25/1 ! "
      "m3qa name=qa ! fakesink sync=false  qa.text ! text/x-raw,format=utf8 ! appsink name=answers "
      "sync=false",
      &error);
  if (pipeline == nullptr) {
    std::fprintf(stderr, "own-frames: %s\n", error->message);
    return 1;
  }
  GstElement* frames = gst_bin_get_by_name(GST_BIN(pipeline), "frames");
  GstElement* qa = gst_bin_get_by_name(GST_BIN(pipeline), "qa");
  GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline), "answers");
  if (argc > 1) g_object_set(qa, "model", argv[1], nullptr);
  gint answers = 0;
  GstAppSinkCallbacks callbacks{};
  callbacks.new_sample = on_answer;
  gst_app_sink_set_callbacks(GST_APP_SINK(sink), &callbacks, &answers, nullptr);

  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  for (int number = 0; number < kFrames; ++number) {
    if (number == kFrames / 2) {
      gchar* id = nullptr;
      g_signal_emit_by_name(qa, "ask", "What do you see?", &id);
      g_free(id);
    }
    if (gst_app_src_push_buffer(GST_APP_SRC(frames), draw(number)) != GST_FLOW_OK) break;
  }
  gst_app_src_end_of_stream(GST_APP_SRC(frames));

  GstBus* bus = gst_element_get_bus(pipeline);
  GstMessage* end = gst_bus_timed_pop_filtered(
      bus, GST_CLOCK_TIME_NONE, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  if (GST_MESSAGE_TYPE(end) == GST_MESSAGE_ERROR) {
    gst_message_parse_error(end, &error, nullptr);
    std::fprintf(stderr, "own-frames: %s\n", error->message);
    g_error_free(error);
  }
  gst_message_unref(end);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(bus);
  gst_object_unref(frames);
  gst_object_unref(qa);
  gst_object_unref(sink);
  gst_object_unref(pipeline);
  return answers > 0 ? 0 : 1;
}
