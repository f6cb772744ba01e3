// m3avdec on damaged streams: it conceals, counts and goes on, and nothing crashes, hangs or leaks.
// M3_DAMAGED_FILES sets how many damaged clips are played (default 150).
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/plugins/avdec/clips.h"
#include "tests/plugins/avdec/packets.h"

namespace m3::test {
namespace {

constexpr int kDamagedFiles = 150;
constexpr unsigned kSeed = 20240607;

class AvdecDamage : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!can_make_clips(&why)) GTEST_SKIP() << why;
  }
};

using Random = std::mt19937;

size_t below(Random& random, size_t limit) {
  return std::uniform_int_distribution<size_t>(0, limit - 1)(random);
}

// Flips bits, overwrites, cuts and repeats, in a few places.
void damage(std::vector<uint8_t>& bytes, Random& random) {
  for (size_t left = 1 + below(random, 8); left > 0 && !bytes.empty(); --left) {
    const size_t at = below(random, bytes.size());
    const size_t length = std::min(bytes.size() - at, 1 + below(random, 64));
    switch (below(random, 6)) {
      case 0:
        bytes[at] ^= static_cast<uint8_t>(1U << below(random, 8));
        break;
      case 1:
        for (size_t i = 0; i < length; ++i) bytes[at + i] = static_cast<uint8_t>(random());
        break;
      case 2:
        std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(at), length, uint8_t{0});
        break;
      case 3:
        std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(at), length, uint8_t{0xFF});
        break;
      case 4: {
        const std::vector<uint8_t> again(bytes.begin() + static_cast<ptrdiff_t>(at),
                                         bytes.begin() + static_cast<ptrdiff_t>(at + length));
        bytes.insert(bytes.begin() + static_cast<ptrdiff_t>(at), again.begin(), again.end());
        break;
      }
      default:
        bytes.erase(bytes.begin() + static_cast<ptrdiff_t>(at),
                    bytes.begin() + static_cast<ptrdiff_t>(at + length));
    }
  }
}

BufferPtr damaged(GstBuffer* buffer, Random& random) {
  std::vector<uint8_t> bytes(gst_buffer_get_size(buffer));
  gst_buffer_extract(buffer, 0, bytes.data(), bytes.size());
  damage(bytes, random);
  BufferPtr copy(gst_buffer_new_allocate(nullptr, bytes.size(), nullptr));
  gst_buffer_fill(copy.get(), 0, bytes.data(), bytes.size());
  gst_buffer_copy_into(
      copy.get(), buffer,
      static_cast<GstBufferCopyFlags>(int{GST_BUFFER_COPY_FLAGS} | int{GST_BUFFER_COPY_TIMESTAMPS}),
      0, -1);
  return copy;
}

// The caps, now and then with damaged headers.
CapsPtr damaged_caps(const GstCaps* caps, Random& random) {
  CapsPtr copy(gst_caps_copy(caps));
  GstStructure* stream = gst_caps_get_structure(copy.get(), 0);
  const GValue* headers = gst_structure_get_value(stream, "codec_data");
  if (headers && below(random, 4) == 0) {
    const BufferPtr changed = damaged(gst_value_get_buffer(headers), random);
    gst_structure_set(stream, "codec_data", GST_TYPE_BUFFER, changed.get(), nullptr);
  }
  return copy;
}

// Every visible byte of the picture is memory that can be read.
void read_all(GstBuffer* buffer, const GstHarness* harness) {
  GstCaps* caps = gst_pad_get_current_caps(harness->sinkpad);
  GstVideoInfo info;
  GstVideoFrame frame;
  ASSERT_TRUE(caps && gst_video_info_from_caps(&info, caps));
  gst_caps_unref(caps);
  // A picture of a size before the last change cannot be told from its caps any more.
  const GstVideoMeta* meta = gst_buffer_get_video_meta(buffer);
  if (meta && (static_cast<int>(meta->width) != info.width ||
               static_cast<int>(meta->height) != info.height)) {
    return;
  }
  if (!gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ)) return;
  unsigned sum = 0;
  for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&frame); ++plane) {
    gint components[GST_VIDEO_MAX_COMPONENTS];
    gst_video_format_info_component(info.finfo, plane, components);
    const int bytes = GST_VIDEO_FRAME_COMP_WIDTH(&frame, components[0]) *
                      GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, components[0]);
    const auto* row = static_cast<const uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, plane));
    for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, components[0]); ++y) {
      sum += row[0] + row[bytes - 1];
      row += GST_VIDEO_FRAME_PLANE_STRIDE(&frame, plane);
    }
  }
  EXPECT_GE(sum, 0U);
  gst_video_frame_unmap(&frame);
}

int number_of_files() {
  const char* wanted = std::getenv("M3_DAMAGED_FILES");
  return wanted ? std::atoi(wanted) : kDamagedFiles;
}

TEST_F(AvdecDamage, DamagedPacketsAndHeadersDoNoHarm) {
  std::vector<std::vector<Packet>> clips;
  for (const Clip& clip : kClips) clips.push_back(packets_of(clip));
  uint64_t frames = 0;
  uint64_t errors = 0;
  for (int file = 0; file < number_of_files(); ++file) {
    Random random(kSeed + static_cast<unsigned>(file));
    const auto& packets = clips[static_cast<size_t>(file) % clips.size()];
    DecoderHarness decoder(file % 2 == 0 ? "max-threads=2" : "max-threads=1");
    if (file % 3 == 0) {
      gst_harness_add_propose_allocation_meta(decoder.get(), GST_VIDEO_META_API_TYPE, nullptr);
    }
    decoder.set_caps(damaged_caps(packets[0].caps.get(), random).get());
    const size_t one_in = 1 + below(random, 10);
    for (const Packet& packet : packets) {
      const bool hit = below(random, one_in) == 0;
      const GstFlowReturn flow =
          decoder.push(hit ? damaged(packet.buffer.get(), random) : copy_of(packet));
      while (GstBuffer* buffer = gst_harness_try_pull(decoder.get())) {
        read_all(buffer, decoder.get());
        gst_buffer_unref(buffer);
      }
      if (flow != GST_FLOW_OK) break;
    }
    decoder.end();
    frames += decoder.count("frames");
    errors += decoder.count("errors");
    EXPECT_LE(decoder.count("frames"), decoder.count("packets")) << "file " << file;
  }
  EXPECT_GT(frames, static_cast<uint64_t>(number_of_files()) * 10);
  EXPECT_GT(errors, static_cast<uint64_t>(number_of_files()) / 10);
}

TEST_F(AvdecDamage, DamagedFilesEnd) {
  std::vector<std::string> paths;
  for (const Clip& clip : kClips) paths.push_back(path_of(clip));
  const std::string target = paths[0].substr(0, paths[0].rfind('/')) + "/damaged";
  uint64_t shown = 0;
  for (int file = 0; file < number_of_files() / 5; ++file) {
    Random random(kSeed - static_cast<unsigned>(file));
    const Clip& clip = kClips[static_cast<size_t>(file) % kClips.size()];
    std::ifstream in(paths[static_cast<size_t>(file) % paths.size()], std::ios::binary);
    std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
    // The container's head stays: what is behind a file that no demuxer takes is not ours.
    constexpr size_t kHead = 4096;
    std::vector<uint8_t> rest(bytes.begin() + kHead, bytes.end());
    for (int i = 0; i < 4; ++i) damage(rest, random);
    bytes.resize(kHead);
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    std::ofstream(target, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    const Decoded decoded = decode(target, clip.head, "m3avdec");
    EXPECT_TRUE(decoded.ended) << "file " << file << " of " << clip.name;
    shown += decoded.shown.size();
  }
  EXPECT_GT(shown, static_cast<uint64_t>(number_of_files()));
}

TEST_F(AvdecDamage, LostPacketsAreConcealedMarkedAndOverAtTheNextKeyFrame) {
  static const Clip kKeys = {"keys.mp4",
                             "-f lavfi -i testsrc2=size=176x144:rate=25:duration=2 -c:v libx264 "
                             "-bf 0 -g 25 -keyint_min 25 -sc_threshold 0 -pix_fmt yuv420p @",
                             "qtdemux ! h264parse", ""};
  const auto packets = packets_of(kKeys);
  ASSERT_EQ(packets.size(), 50U);
  DecoderHarness decoder;
  for (size_t i = 0; i < packets.size(); ++i) {
    BufferPtr buffer = copy_of(packets[i]);
    if (i == 10) gst_buffer_memset(buffer.get(), 40, 0xFF, gst_buffer_get_size(buffer.get()) - 40);
    decoder.set_caps(packets[i].caps.get());
    ASSERT_EQ(decoder.push(std::move(buffer)), GST_FLOW_OK);
  }
  decoder.end();
  const auto buffers = decoder.pull_all();
  ASSERT_EQ(buffers.size(), 50U);
  for (size_t i = 0; i < buffers.size(); ++i) {
    const bool marked = GST_BUFFER_FLAG_IS_SET(buffers[i].get(), GST_BUFFER_FLAG_CORRUPTED);
    if (i < 10 || i >= 25) {
      EXPECT_FALSE(marked) << i;
    }
    if (i == 10) {
      EXPECT_TRUE(marked);
    }
  }
  EXPECT_GE(decoder.count("corrupted"), 1U);
}

// A packet that starts as the codec's do and breaks off.
BufferPtr broken(const Packet& packet) {
  BufferPtr buffer = copy_of(packet);
  gst_buffer_memset(buffer.get(), 0, 0, gst_buffer_get_size(buffer.get()));
  return buffer;
}

TEST_F(AvdecDamage, TooManyBrokenPacketsInARowAreOneError) {
  const auto packets = packets_of(clip("vp8_hidden.webm"));
  DecoderHarness decoder("max-errors=5 max-threads=1");
  decoder.push(packets[0]);
  int taken = 0;
  while (taken < 40 && decoder.push(broken(packets[1])) == GST_FLOW_OK) ++taken;
  EXPECT_EQ(taken, 5);
  EXPECT_EQ(decoder.count("errors"), 6U);
  const auto errors = decoder.texts(GST_MESSAGE_ERROR);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0],
            "Too many broken packets in a row; the stream is damaged or not what its caps say");
}

TEST_F(AvdecDamage, BrokenPacketsAreWarnedOfEverMoreSeldom) {
  const auto packets = packets_of(clip("vp8_hidden.webm"));
  DecoderHarness decoder("max-errors=-1 max-threads=1");
  decoder.push(packets[0]);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(decoder.push(broken(packets[1])), GST_FLOW_OK);
  EXPECT_EQ(decoder.count("errors"), 100U);
  const auto warnings = decoder.texts(GST_MESSAGE_WARNING);
  ASSERT_EQ(warnings.size(), 7U);  // at 1, 2, 4, ... 64
  EXPECT_EQ(warnings[6], "64 of 65 packets are broken; what they lack is concealed");
  EXPECT_EQ(decoder.push(packets[0]), GST_FLOW_OK);
}

TEST_F(AvdecDamage, EmptyPacketsAreNoErrorAndNoEnd) {
  const auto packets = packets_of(clip("h264_bframes.mp4"));
  DecoderHarness decoder;
  for (const Packet& packet : packets) {
    decoder.push(packet);
    BufferPtr empty(gst_buffer_new());
    GST_BUFFER_PTS(empty.get()) = GST_BUFFER_PTS(packet.buffer.get());
    EXPECT_EQ(decoder.push(std::move(empty)), GST_FLOW_OK);
  }
  decoder.end();
  EXPECT_EQ(decoder.pull_all().size(), packets.size());
  EXPECT_EQ(decoder.count("errors"), 0U);
}

}  // namespace
}  // namespace m3::test
