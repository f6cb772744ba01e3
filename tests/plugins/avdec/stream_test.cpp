// What m3avdec does with a stream: ends, seeks, new caps, missing times, lateness, the wait that it
// reports.
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/plugins/avdec/clips.h"
#include "tests/plugins/avdec/packets.h"

namespace m3::test {
namespace {

class AvdecStream : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!can_make_clips(&why)) GTEST_SKIP() << why;
  }
};

GstVideoInfo info_of(const DecoderHarness& decoder) {
  GstVideoInfo info;
  GstCaps* caps = gst_pad_get_current_caps(decoder.get()->sinkpad);
  if (!caps || !gst_video_info_from_caps(&info, caps)) ADD_FAILURE();
  if (caps) gst_caps_unref(caps);
  return info;
}

TEST_F(AvdecStream, EndDrainsEveryFrameInOrderOfShowing) {
  for (const Clip& clip : kClips) {
    const auto packets = packets_of(clip);
    DecoderHarness decoder;
    for (const Packet& packet : packets) ASSERT_EQ(decoder.push(packet), GST_FLOW_OK);
    decoder.end();
    const auto times = times_of(decoder.pull_all());
    EXPECT_EQ(times.size() + decoder.count("unshown"), packets.size()) << clip.name;
    EXPECT_TRUE(std::is_sorted(times.begin(), times.end())) << clip.name;
    EXPECT_EQ(decoder.count("frames"), times.size());
  }
}

TEST_F(AvdecStream, HiddenFramesAreCountedAndNotShown) {
  const auto packets = packets_of(clip("vp8_hidden.webm"));
  DecoderHarness decoder;
  for (const Packet& packet : packets) decoder.push(packet);
  decoder.end();
  EXPECT_EQ(decoder.pull_all().size(), 50U);
  EXPECT_GT(packets.size(), 50U);
  EXPECT_EQ(decoder.count("unshown"), packets.size() - 50);
  EXPECT_EQ(decoder.count("errors"), 0U);
}

TEST_F(AvdecStream, FlushForgetsFramesThatWereNotShownYet) {
  const auto packets = packets_of(clip("h264_bframes.mp4"));
  DecoderHarness decoder;
  for (int i = 0; i < 20; ++i) decoder.push(packets[i]);
  decoder.pull_all();
  gst_harness_push_event(decoder.get(), gst_event_new_flush_start());
  gst_harness_push_event(decoder.get(), gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(decoder.get(), gst_event_new_segment(&segment));
  for (const Packet& packet : packets) decoder.push(packet);
  decoder.end();
  const auto times = times_of(decoder.pull_all());
  ASSERT_EQ(times.size(), packets.size());
  EXPECT_EQ(times.front(), GST_BUFFER_PTS(packets.front().buffer.get()));
}

TEST_F(AvdecStream, NewHeadersInTheCapsStartADecoderAndLoseNoFrame) {
  const auto small = packets_of(clip("h264_bframes.mp4"));
  static const Clip kLarge = {
      "large.mp4",
      "-f lavfi -i testsrc2=size=320x240:rate=25:duration=1 -c:v libx264 -bf 2 -pix_fmt yuv420p @",
      "qtdemux ! h264parse", ""};
  const auto large = packets_of(kLarge);
  DecoderHarness decoder;
  for (const Packet& packet : small) ASSERT_EQ(decoder.push(packet), GST_FLOW_OK);
  for (const Packet& packet : large) ASSERT_EQ(decoder.push(packet), GST_FLOW_OK);
  decoder.end();
  EXPECT_EQ(decoder.pull_all().size(), small.size() + large.size());
  EXPECT_EQ(info_of(decoder).width, 320);
  EXPECT_EQ(decoder.count("errors"), 0U);
}

TEST_F(AvdecStream, AnotherCodecInTheSameStreamIsTaken) {
  const auto h264 = packets_of(clip("h264_bframes.mp4"));
  const auto vp9 = packets_of(clip("vp9_odd.webm"));
  DecoderHarness decoder;
  for (const auto* packets : {&h264, &vp9, &h264}) {
    for (const Packet& packet : *packets) ASSERT_EQ(decoder.push(packet), GST_FLOW_OK);
  }
  decoder.end();
  EXPECT_EQ(decoder.pull_all().size(), 2 * h264.size() + vp9.size());
}

TEST_F(AvdecStream, NewCapsOfTheSameStreamHoldFromTheirFrameOn) {
  const auto packets = packets_of(clip("h264_bframes.mp4"));
  DecoderHarness decoder;
  for (size_t i = 0; i < packets.size(); ++i) {
    CapsPtr caps(gst_caps_copy(packets[i].caps.get()));
    if (i >= 21) {  // in the middle of predicted frames
      gst_caps_set_simple(caps.get(), "pixel-aspect-ratio", GST_TYPE_FRACTION, 4, 3, nullptr);
    }
    decoder.set_caps(caps.get());
    ASSERT_EQ(decoder.push(copy_of(packets[i])), GST_FLOW_OK);
  }
  decoder.end();
  EXPECT_EQ(decoder.pull_all().size(), packets.size());
  EXPECT_EQ(decoder.count("errors"), 0U);
  EXPECT_EQ(info_of(decoder).par_n, 4);
}

TEST_F(AvdecStream, PixelsThatGStreamerDoesNotHaveAreOneError) {
  static const Clip kUnknown = {
      "vp9_440.webm",
      "-f lavfi -i testsrc2=size=176x144:rate=25:duration=0.2 -c:v libvpx-vp9 -pix_fmt yuv440p @",
      "matroskademux", ""};
  DecoderHarness decoder;
  for (const Packet& packet : packets_of(kUnknown)) {
    if (decoder.push(packet) != GST_FLOW_OK) break;
  }
  const auto errors = decoder.texts(GST_MESSAGE_ERROR);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0],
            "GStreamer has no video format for FFmpeg's pixel format yuv440p; encode the video in "
            "another one");
}

TEST_F(AvdecStream, WithoutTimesAndRateFramesAre25ASecond) {
  auto packets = packets_of(clip("mjpeg_odd.avi"));
  DecoderHarness decoder;
  for (const Packet& packet : packets) {
    CapsPtr caps(gst_caps_copy(packet.caps.get()));
    gst_structure_remove_field(gst_caps_get_structure(caps.get(), 0), "framerate");
    decoder.set_caps(caps.get());
    BufferPtr buffer = copy_of(packet);
    GST_BUFFER_PTS(buffer.get()) = GST_CLOCK_TIME_NONE;
    GST_BUFFER_DTS(buffer.get()) = GST_CLOCK_TIME_NONE;
    GST_BUFFER_DURATION(buffer.get()) = GST_CLOCK_TIME_NONE;
    decoder.push(std::move(buffer));
  }
  decoder.end();
  const auto times = times_of(decoder.pull_all());
  ASSERT_EQ(times.size(), packets.size());
  for (size_t i = 0; i < times.size(); ++i) EXPECT_EQ(times[i], i * kFrame);
}

TEST_F(AvdecStream, WithoutPresentationTimesBFramesAreShownAtEvenSteps) {
  auto packets = packets_of(clip("h264_bframes.mp4"));
  DecoderHarness decoder;
  for (const Packet& packet : packets) {
    decoder.set_caps(packet.caps.get());
    BufferPtr buffer = copy_of(packet);
    GST_BUFFER_PTS(buffer.get()) = GST_CLOCK_TIME_NONE;
    decoder.push(std::move(buffer));
  }
  decoder.end();
  const auto times = times_of(decoder.pull_all());
  ASSERT_EQ(times.size(), packets.size());
  for (size_t i = 1; i < times.size(); ++i) EXPECT_EQ(times[i] - times[i - 1], kFrame);
}

TEST_F(AvdecStream, CropsExactlyAsTheStreamSays) {
  static const Clip kCropped = {
      "cropped.h264",
      "-f lavfi -i testsrc2=size=176x144:rate=25:duration=1 -c:v libx264 -bf 2 -pix_fmt yuv420p "
      "whole.h264;-i whole.h264 -c copy -bsf:v "
      "h264_metadata=crop_left=6:crop_right=10:crop_top=4:crop_bottom=2 @",
      "h264parse", ""};
  const std::string cropped = path_of(kCropped);
  const std::string whole = cropped.substr(0, cropped.rfind('/')) + "/whole.h264";
  for (const bool any_layout : {false, true}) {
    const Decoded ours = decode(cropped, "h264parse", "m3avdec", {.any_layout = any_layout});
    const Decoded expected =
        decode(whole, "h264parse ! m3avdec ! videocrop left=6 right=10 top=4 bottom=2", "identity");
    ASSERT_EQ(ours.shown.size(), 25U);
    ASSERT_EQ(expected.shown.size(), 25U);
    for (size_t i = 0; i < ours.shown.size(); ++i) {
      EXPECT_EQ(ours.shown[i].pixels, expected.shown[i].pixels) << "picture " << i;
    }
  }
}

TEST_F(AvdecStream, LateFramesThatNoOtherNeedsAreLeftOutAndTold) {
  const auto packets = packets_of(clip("h264_bframes.mp4"));
  DecoderHarness decoder("max-threads=1");
  for (int i = 0; i < 10; ++i) decoder.push(packets[i]);
  gst_harness_push_upstream_event(
      decoder.get(), gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 2.0, 60 * GST_SECOND, 0));
  for (size_t i = 10; i < packets.size(); ++i) decoder.push(packets[i]);
  decoder.end();
  const uint64_t skipped = decoder.count("skipped");
  EXPECT_GT(skipped, 10U);
  EXPECT_EQ(decoder.count("errors"), 0U);
  size_t told = 0;
  for (const MessagePtr& message : decoder.bus().rest()) {
    told += GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_QOS;
  }
  EXPECT_GE(told, skipped);
}

GstClockTime latency_after(DecoderHarness& decoder, const std::vector<Packet>& packets) {
  for (const Packet& packet : packets) decoder.push(packet);
  return gst_harness_query_latency(decoder.get());
}

TEST_F(AvdecStream, LatencyIsTheReorderingAndWhatThreadsWorkAhead) {
  const auto packets = packets_of(clip("h264_bframes.mp4"));
  DecoderHarness one("max-threads=1");
  gst_harness_set_upstream_latency(one.get(), 0);
  const GstClockTime alone = latency_after(one, packets);
  EXPECT_EQ(alone, 2 * kFrame);  // a pyramid of B pictures is two deep
}

TEST_F(AvdecStream, TheSecondRunEqualsTheFirst) {
  const Clip& source = clip("h264_no_times.h264");
  const ElementPtr line = pipeline("filesrc location=" + path_of(source) + " ! " + source.head +
                                   " ! m3avdec name=decoder ! fakesink sync=false");
  const ElementPtr decoder(gst_bin_get_by_name(GST_BIN(line.get()), "decoder"));
  GstBus* bus = gst_element_get_bus(line.get());
  for (int i = 0; i < 2; ++i) {
    gst_element_set_state(line.get(), GST_STATE_PLAYING);
    const MessagePtr end(gst_bus_timed_pop_filtered(
        bus, std::chrono::nanoseconds(kPatience).count(),
        static_cast<GstMessageType>(int{GST_MESSAGE_EOS} | int{GST_MESSAGE_ERROR})));
    ASSERT_TRUE(end && GST_MESSAGE_TYPE(end.get()) == GST_MESSAGE_EOS);
    GstStructure* stats = nullptr;
    g_object_get(decoder.get(), "stats", &stats, nullptr);
    guint64 frames = 0;
    gst_structure_get_uint64(stats, "frames", &frames);
    gst_structure_free(stats);
    EXPECT_EQ(frames, 50U);
    gst_element_set_state(line.get(), GST_STATE_NULL);
  }
  gst_object_unref(bus);
}

}  // namespace
}  // namespace m3::test
