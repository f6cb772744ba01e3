#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "plugins/gstm3codecmeta.h"
#include "tests/plugins/gst_test.h"

namespace m3::test {
namespace {

constexpr char kLarge[] = "video/x-raw, format=I420, width=320, height=240, framerate=25/1";

// A picture with a bright square of a quarter of its height, its left edge at `x`.
BufferPtr square_at(int index, int x) {
  BufferPtr buffer = picture(kLarge, index, 40);
  GstMapInfo map;
  gst_buffer_map(buffer.get(), &map, GST_MAP_WRITE);
  for (int row = 90; row < 150; ++row) std::fill_n(map.data + row * 320 + x, 60, 220);
  gst_buffer_unmap(buffer.get(), &map);
  return buffer;
}

TEST(Motion, AttachesWhatMoves) {
  const HarnessPtr h = harness("m3motion");
  gst_harness_set_src_caps_str(h.get(), kLarge);
  const auto motion_of = [&](BufferPtr in) {
    const BufferPtr out(gst_harness_push_and_pull(h.get(), in.release()));
    return activity_in(out.get()) ? activity_in(out.get())->activity.motion : -1;
  };
  double most = 0;
  for (int i = 0; i < 25; ++i) most = motion_of(square_at(i, 20));
  EXPECT_EQ(most, 0);
  for (int i = 25; i < 50; ++i) most = std::max(most, motion_of(square_at(i, 20 + 8 * (i - 25))));
  EXPECT_GT(most, 0.06);
}

TEST(Motion, PassesTimesFlagsAndForeignMetasOn) {
  const HarnessPtr h = harness("m3motion");
  gst_harness_set_src_caps_str(h.get(), kVideo);
  BufferPtr in = picture(kVideo, 7);
  GST_BUFFER_OFFSET(in.get()) = 42;
  GST_BUFFER_FLAG_SET(in.get(), GST_BUFFER_FLAG_GAP);
  GST_BUFFER_FLAG_SET(in.get(), GST_BUFFER_FLAG_MARKER);
  const CapsPtr reference(gst_caps_new_empty_simple("timestamp/x-test"));
  gst_buffer_add_reference_timestamp_meta(in.get(), reference.get(), 5, GST_CLOCK_TIME_NONE);
  const BufferPtr out(gst_harness_push_and_pull(h.get(), in.release()));
  EXPECT_EQ(GST_BUFFER_PTS(out.get()), 7 * kFrame);
  EXPECT_EQ(GST_BUFFER_DURATION(out.get()), kFrame);
  EXPECT_EQ(GST_BUFFER_OFFSET(out.get()), 42U);
  EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(out.get(), GST_BUFFER_FLAG_GAP));
  EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(out.get(), GST_BUFFER_FLAG_MARKER));
  EXPECT_TRUE(gst_buffer_get_reference_timestamp_meta(out.get(), nullptr));
}

TEST(Motion, SharesThePictureWithTheOtherBranchAndWritesNothingToIt) {
  const HarnessPtr h = harness("m3motion");
  gst_harness_set_src_caps_str(h.get(), kVideo);
  const BufferPtr in = picture(kVideo, 0);
  // The second reference is what a tee keeps for its other branch.
  const BufferPtr out(gst_harness_push_and_pull(h.get(), gst_buffer_ref(in.get())));
  EXPECT_NE(in.get(), out.get());
  EXPECT_EQ(gst_buffer_peek_memory(in.get(), 0), gst_buffer_peek_memory(out.get(), 0));
  EXPECT_TRUE(activity_in(out.get()));
  EXPECT_FALSE(activity_in(in.get()));
}

TEST(Motion, ReadsOddSizesPaddedRowsAndCrops) {
  const HarnessPtr h = harness("m3motion");
  const std::string caps = "video/x-raw, format=NV12, width=37, height=23, framerate=25/1";
  gst_harness_set_src_caps_str(h.get(), caps.c_str());
  BufferPtr in(gst_buffer_new_allocate(nullptr, 64 * 23 + 64 * 12, nullptr));
  gst_buffer_memset(in.get(), 0, 100, 64 * 35);
  gsize offset[GST_VIDEO_MAX_PLANES] = {0, 64 * 23};
  gint stride[GST_VIDEO_MAX_PLANES] = {64, 64};
  gst_buffer_add_video_meta_full(in.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_NV12, 37, 23,
                                 2, offset, stride);
  GstVideoCropMeta* crop = gst_buffer_add_video_crop_meta(in.get());
  crop->x = 3;
  crop->y = 1;
  crop->width = 30;
  crop->height = 21;
  GST_BUFFER_PTS(in.get()) = 0;
  const BufferPtr out(gst_harness_push_and_pull(h.get(), in.release()));
  ASSERT_TRUE(activity_in(out.get()));
  EXPECT_EQ(activity_in(out.get())->activity.signature[0], 100);
}

TEST(Motion, MeasuresEachSizeAndFormatOfAChangingStream) {
  const HarnessPtr h = harness("m3motion");
  int index = 0;
  for (const char* caps : {"video/x-raw, format=I420, width=64, height=48, framerate=25/1",
                           "video/x-raw, format=RGB, width=33, height=17, framerate=25/1",
                           "video/x-raw, format=NV12, width=320, height=240, framerate=25/1"}) {
    gst_harness_set_src_caps_str(h.get(), caps);
    const BufferPtr out(gst_harness_push_and_pull(h.get(), picture(caps, index++).release()));
    ASSERT_TRUE(activity_in(out.get())) << caps;
  }
}

TEST(Motion, ComparesNothingAcrossAFlush) {
  const HarnessPtr h = harness("m3motion");
  gst_harness_set_src_caps_str(h.get(), kVideo);
  const BufferPtr first(gst_harness_push_and_pull(h.get(), picture(kVideo, 0, 30).release()));
  const double motion_of_a_first_frame = activity_in(first.get())->activity.motion;
  gst_harness_push_event(h.get(), gst_event_new_flush_start());
  gst_harness_push_event(h.get(), gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(h.get(), gst_event_new_segment(&segment));
  const BufferPtr next(gst_harness_push_and_pull(h.get(), picture(kVideo, 1, 200).release()));
  EXPECT_EQ(activity_in(next.get())->activity.motion, motion_of_a_first_frame);
}

// Most motion of a square that crosses the left half of the picture.
double most_motion_of_a_square(GstHarness* h, bool detected = false) {
  gst_harness_set_src_caps_str(h, kLarge);
  double most = 0;
  for (int i = 0; i < 40; ++i) {
    BufferPtr in = square_at(i, i < 25 ? 20 : 20 + 8 * (i - 25));
    if (detected) gst_buffer_add_video_region_of_interest_meta(in.get(), "person", 0, 80, 220, 80);
    const BufferPtr out(gst_harness_push_and_pull(h, in.release()));
    most = std::max(most, activity_in(out.get())->activity.motion);
  }
  return most;
}

TEST(Motion, IgnoresWhatIsMasked) {
  EXPECT_EQ(most_motion_of_a_square(harness("m3motion mask=0,0.3,1,0.4").get()), 0);
}

TEST(Motion, CountsMoreInRegionsOfInterestOfAPropertyAndOfADetector) {
  const double usual = most_motion_of_a_square(harness("m3motion").get());
  EXPECT_GT(usual, 0.06);
  EXPECT_GT(most_motion_of_a_square(harness("m3motion roi=0,0.3,0.7,0.4").get()), 1.2 * usual);
  EXPECT_GT(most_motion_of_a_square(harness("m3motion").get(), true), 1.2 * usual);
  EXPECT_LT(most_motion_of_a_square(harness("m3motion roi=0,0,1,0.2").get()), 0.95 * usual);
}

// What a codec tells of a P picture in which nothing moves.
void set_codec(GstBuffer* buffer, uint32_t packet_bytes) {
  GstMeta* meta = gst_buffer_add_meta(buffer, gst_meta_get_info("GstM3CodecMeta"), nullptr);
  CodecMotion& motion = reinterpret_cast<GstM3CodecMeta*>(meta)->motion;
  motion.type = PictureType::kPredicted;
  motion.packet_bytes = packet_bytes;
}

guint64 passed_by(GstElement* motion) {
  GstStructure* stats = nullptr;
  g_object_get(motion, "stats", &stats, nullptr);
  guint64 passed = 0;
  EXPECT_TRUE(gst_structure_get_uint64(stats, "passed", &passed));
  gst_structure_free(stats);
  return passed;
}

TEST(Motion, PassesFramesThatTheCodecTellsAreAtRestAndSeesWhatItDidNotTell) {
  const HarnessPtr h = harness("m3motion");
  gst_harness_set_src_caps_str(h.get(), kLarge);
  int first = -1;
  for (int i = 0; i < 300; ++i) {
    // From frame 200 on something moves, and the packets are as small as ever.
    BufferPtr in = square_at(i, i < 200 ? 20 : 20 + 2 * (i - 200));
    set_codec(in.get(), 500);
    const BufferPtr out(gst_harness_push_and_pull(h.get(), in.release()));
    ASSERT_TRUE(activity_in(out.get()));
    EXPECT_EQ(activity_in(out.get())->activity.signature[0], 40) << i;
    const bool moves = activity_in(out.get())->activity.motion >= 0.045;
    if (moves && first < 0) first = i;
    if (i == 199) {
      EXPECT_GT(passed_by(h->element), 80U);
    }
  }
  EXPECT_GE(first, 201);
  EXPECT_LE(first, 212) << "within half a second";
}

TEST(Motion, LooksAtEveryFrameWithoutTheCodec) {
  for (const char* launch : {"m3motion use-codec=false", "m3motion"}) {
    const HarnessPtr h = harness(launch);
    gst_harness_set_src_caps_str(h.get(), kLarge);
    for (int i = 0; i < 150; ++i) {
      BufferPtr in = square_at(i, 20);
      if (std::string(launch) != "m3motion") set_codec(in.get(), 500);
      const BufferPtr out(gst_harness_push_and_pull(h.get(), in.release()));
    }
    EXPECT_EQ(passed_by(h->element), 0U) << launch;
  }
}

TEST(Motion, RefusesAMaskThatIsNoRectangle) {
  const ElementPtr motion(gst_element_factory_make("m3motion", nullptr));
  gst_object_ref_sink(motion.get());
  Bus bus(motion.get());
  g_object_set(motion.get(), "mask", "clock", nullptr);
  EXPECT_EQ(gst_element_set_state(motion.get(), GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  const MessagePtr error = bus.next(GST_MESSAGE_ERROR);
  ASSERT_TRUE(error);
  EXPECT_EQ(error_of(error).find("mask \"clock\" cannot be read; give left,top,"), 0U)
      << error_of(error);
  gst_element_set_state(motion.get(), GST_STATE_NULL);
}

TEST(Motion, WarnsOfARegionThatCannotBeReadWhilePlayingAndKeepsTheOld) {
  const HarnessPtr h = harness("m3motion mask=0,0.3,1,0.4");
  Bus bus(h->element);
  gst_harness_set_src_caps_str(h.get(), kLarge);
  for (int i = 0; i < 2; ++i) {
    if (i == 1) g_object_set(h->element, "mask", "clock", nullptr);
    EXPECT_TRUE(BufferPtr(gst_harness_push_and_pull(h.get(), square_at(i, 20).release())));
  }
  const MessagePtr warning = bus.next(GST_MESSAGE_WARNING);
  ASSERT_TRUE(warning);
  EXPECT_EQ(error_of(warning).find("mask \"clock\" cannot be read"), 0U) << error_of(warning);
  gchar* mask = nullptr;
  g_object_get(h->element, "mask", &mask, nullptr);
  EXPECT_STREQ(mask, "0,0.3,1,0.4");
  g_free(mask);
}

TEST(Motion, RefusesABufferThatDoesNotFitItsCaps) {
  const HarnessPtr h = harness("m3motion");
  Bus bus(h->element);
  gst_harness_set_src_caps_str(h.get(), kVideo);
  EXPECT_EQ(gst_harness_push(h.get(), gst_buffer_new_allocate(nullptr, 10, nullptr)),
            GST_FLOW_ERROR);
  const MessagePtr error = bus.next(GST_MESSAGE_ERROR);
  ASSERT_TRUE(error);
  EXPECT_EQ(error_of(error),
            "A buffer of 10 bytes cannot be read as 64x48 I420; its size does not fit its caps");
  EXPECT_FALSE(bus.next(GST_MESSAGE_ERROR, std::chrono::milliseconds(0)));
}

}  // namespace
}  // namespace m3::test
