// The memory of m3avdec's pictures: a view of FFmpeg's own where downstream reads any layout.
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/plugins/avdec/clips.h"
#include "tests/plugins/avdec/packets.h"

namespace m3::test {
namespace {

class AvdecMemory : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!can_make_clips(&why)) GTEST_SKIP() << why;
  }
};

void read_any_layout(DecoderHarness& decoder) {
  gst_harness_add_propose_allocation_meta(decoder.get(), GST_VIDEO_META_API_TYPE, nullptr);
}

std::vector<uint8_t> luma_of(GstBuffer* buffer) {
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_I420, 176, 144);
  GstVideoFrame frame;
  std::vector<uint8_t> luma;
  if (!gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ)) return luma;
  for (int y = 0; y < 144; ++y) {
    const auto* row = static_cast<const uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0)) +
                      static_cast<ptrdiff_t>(y) * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0);
    luma.insert(luma.end(), row, row + 176);
  }
  gst_video_frame_unmap(&frame);
  return luma;
}

// What a program does that draws on a picture.
BufferPtr blackened(BufferPtr buffer) {
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_I420, 176, 144);
  BufferPtr writable(gst_buffer_make_writable(buffer.release()));
  GstVideoFrame frame;
  if (!gst_video_frame_map(&frame, &info, writable.get(), GST_MAP_READWRITE)) {
    ADD_FAILURE() << "a picture cannot be drawn on";
    return writable;
  }
  for (int y = 0; y < 144; ++y) {
    memset(static_cast<uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0)) +
               static_cast<ptrdiff_t>(y) * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0),
           16, 176);
  }
  gst_video_frame_unmap(&frame);
  return writable;
}

TEST_F(AvdecMemory, IsFFmpegsOwnWhereDownstreamReadsAnyLayout) {
  const auto packets = packets_of(clip("h264_bframes.mp4"));
  DecoderHarness decoder;
  read_any_layout(decoder);
  for (const Packet& packet : packets) decoder.push(packet);
  decoder.end();
  const auto buffers = decoder.pull_all();
  ASSERT_EQ(buffers.size(), packets.size());
  int read_only = 0;
  for (const BufferPtr& buffer : buffers) {
    EXPECT_EQ(gst_buffer_n_memory(buffer.get()), 3U);
    EXPECT_TRUE(gst_buffer_get_video_meta(buffer.get()));
    EXPECT_FALSE(buffer->pool);
    read_only += GST_MEMORY_IS_READONLY(gst_buffer_peek_memory(buffer.get(), 0)) ? 1 : 0;
  }
  EXPECT_GT(read_only, 5);  // those that others are predicted from
}

TEST_F(AvdecMemory, IsThePoolsWhereDownstreamDoesNot) {
  const auto packets = packets_of(clip("h264_bframes.mp4"));
  DecoderHarness decoder;
  for (const Packet& packet : packets) decoder.push(packet);
  for (const BufferPtr& buffer : decoder.pull_all()) {
    EXPECT_TRUE(buffer->pool);
    EXPECT_EQ(gst_buffer_get_size(buffer.get()), 176U * 144 * 3 / 2);
  }
}

TEST_F(AvdecMemory, DrawingOnPicturesLeavesLaterOnesAlone) {
  const auto packets = packets_of(clip("h264_bframes.mp4"));
  std::vector<std::vector<uint8_t>> expected;
  DecoderHarness plain;
  for (const Packet& packet : packets) plain.push(packet);
  plain.end();
  for (const BufferPtr& buffer : plain.pull_all()) expected.push_back(luma_of(buffer.get()));

  DecoderHarness decoder;
  read_any_layout(decoder);
  size_t shown = 0;
  const auto draw = [&] {
    for (BufferPtr& buffer : decoder.pull_all()) {
      ASSERT_EQ(luma_of(buffer.get()), expected[shown++]);
      const BufferPtr drawn = blackened(std::move(buffer));
      EXPECT_EQ(luma_of(drawn.get()), std::vector<uint8_t>(176 * 144, 16));
    }
  };
  for (const Packet& packet : packets) {
    decoder.push(packet);
    draw();
  }
  decoder.end();
  draw();
  EXPECT_EQ(shown, packets.size());
}

TEST_F(AvdecMemory, PicturesOutliveTheDecoder) {
  for (const char* name : {"h264_bframes.mp4", "av1.mkv"}) {
    const auto packets = packets_of(clip(name));
    std::vector<BufferPtr> kept;
    {
      DecoderHarness decoder;
      read_any_layout(decoder);
      for (const Packet& packet : packets) decoder.push(packet);
      decoder.end();
      kept = decoder.pull_all();
    }
    ASSERT_EQ(kept.size(), 50U) << name;
    EXPECT_EQ(luma_of(kept.front().get()).size(), 176U * 144);
    EXPECT_NE(luma_of(kept.front().get()), luma_of(kept.back().get()));
  }
}

TEST_F(AvdecMemory, DownstreamMayKeepAsManyPicturesAsItLikes) {
  const auto packets = packets_of(clip("h264_no_times.h264"));
  DecoderHarness decoder;
  read_any_layout(decoder);
  std::vector<BufferPtr> kept;
  for (int round = 0; round < 4; ++round) {
    for (const Packet& packet : packets) ASSERT_EQ(decoder.push(packet), GST_FLOW_OK);
    for (BufferPtr& buffer : decoder.pull_all()) kept.push_back(std::move(buffer));
  }
  EXPECT_GT(kept.size(), 190U);
}

}  // namespace
}  // namespace m3::test
