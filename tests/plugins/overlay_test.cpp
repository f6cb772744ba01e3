// m3overlay: what it draws, on which pictures, and where the answer comes from.
#include <gst/app/gstappsrc.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "tests/plugins/gst_test.h"

namespace m3::test {
namespace {

constexpr int kWidth = 321;  // odd on purpose
constexpr int kHeight = 241;

std::string caps_of(const char* format) {
  return std::string("video/x-raw, format=") + format + ", width=321, height=241, framerate=25/1";
}

void set_activity(GstBuffer* buffer, const Activity& activity) {
  GstMeta* meta = gst_buffer_add_meta(buffer, gst_meta_get_info("GstM3ActivityMeta"), nullptr);
  reinterpret_cast<GstM3ActivityMeta*>(meta)->activity = activity;
}

std::vector<uint8_t> bytes_of(GstBuffer* buffer) {
  std::vector<uint8_t> bytes(gst_buffer_get_size(buffer));
  gst_buffer_extract(buffer, 0, bytes.data(), bytes.size());
  return bytes;
}

// Where the first plane differs from the plain picture, in pixels.
struct Drawn {
  int pixels = 0;
  int left = kWidth, right = -1, top = kHeight, bottom = -1;
};

Drawn drawn_on(GstBuffer* buffer, const std::string& caps) {
  const CapsPtr parsed(gst_caps_from_string(caps.c_str()));
  GstVideoInfo info;
  gst_video_info_from_caps(&info, parsed.get());
  const std::vector<uint8_t> plain = bytes_of(picture(caps, 0).get());
  const std::vector<uint8_t> now = bytes_of(buffer);
  const int step = GST_VIDEO_INFO_COMP_PSTRIDE(&info, 0);
  const int stride = GST_VIDEO_INFO_PLANE_STRIDE(&info, 0);
  Drawn drawn;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const size_t at = static_cast<size_t>(y) * stride + static_cast<size_t>(x) * step;
      if (plain[at] == now[at]) continue;
      ++drawn.pixels;
      drawn.left = std::min(drawn.left, x);
      drawn.right = std::max(drawn.right, x);
      drawn.top = std::min(drawn.top, y);
      drawn.bottom = std::max(drawn.bottom, y);
    }
  }
  return drawn;
}

class Overlaid {
 public:
  explicit Overlaid(const std::string& launch = "m3overlay", const char* format = "I420")
      : caps_(caps_of(format)), harness_(harness(launch)) {
    gst_harness_set_src_caps_str(harness_.get(), caps_.c_str());
  }
  GstElement* element() const { return harness_->element; }
  BufferPtr push(BufferPtr buffer) const {
    return BufferPtr(gst_harness_push_and_pull(harness_.get(), buffer.release()));
  }
  BufferPtr plain() const { return picture(caps_, 0); }
  Drawn drawn(BufferPtr buffer) const { return drawn_on(push(std::move(buffer)).get(), caps_); }

 private:
  const std::string caps_;
  const HarnessPtr harness_;
};

TEST(Overlay, LeavesAPictureOfWhichNothingIsKnownAsItIs) {
  const Overlaid overlaid;
  EXPECT_EQ(overlaid.drawn(overlaid.plain()).pixels, 0);
}

TEST(Overlay, DrawsTheScaleAtTheUpperLeftOfEveryFormat) {
  for (const char* format : {"I420", "NV12", "RGB", "BGRx", "YUY2", "GRAY8", "I420_10LE"}) {
    const Overlaid overlaid("m3overlay", format);
    BufferPtr buffer = overlaid.plain();
    set_decision(buffer.get(), {Action::kEncode, 36, Reason::kMotion});
    const Drawn drawn = overlaid.drawn(std::move(buffer));
    EXPECT_GT(drawn.pixels, 500) << format;
    EXPECT_LT(drawn.right, kWidth / 2) << format;
    EXPECT_LT(drawn.bottom, kHeight / 2) << format;
  }
}

TEST(Overlay, KeepsTheScaleOverFramesThatWereSampledOut) {
  const Overlaid overlaid;
  BufferPtr encoded = overlaid.plain();
  set_decision(encoded.get(), {Action::kEncode, 144, Reason::kScene});
  const auto first = bytes_of(overlaid.push(std::move(encoded)).get());
  BufferPtr skipped = overlaid.plain();
  set_decision(skipped.get(), {Action::kSkip, 0, Reason::kSampled});
  EXPECT_EQ(bytes_of(overlaid.push(std::move(skipped)).get()), first);
  BufferPtr reused = overlaid.plain();
  set_decision(reused.get(), {Action::kReuse, 0, Reason::kStatic});
  EXPECT_NE(bytes_of(overlaid.push(std::move(reused)).get()), first);
}

TEST(Overlay, ColoursWhereSomethingMovesAndNothingElse) {
  const Overlaid overlaid("m3overlay show-scale=false");
  Activity activity;
  activity.motion = 0.3;
  activity.heat[9 * kSignatureColumns + 16] = 255;  // the middle
  BufferPtr buffer = overlaid.plain();
  set_activity(buffer.get(), activity);
  const Drawn drawn = overlaid.drawn(std::move(buffer));
  EXPECT_GT(drawn.pixels, 60);
  // A block has 10x13 pixels; the colour fades out over its neighbours.
  EXPECT_GE(drawn.left, 150);
  EXPECT_LE(drawn.right, 181);
  EXPECT_GE(drawn.top, 107);
  EXPECT_LE(drawn.bottom, 147);
}

TEST(Overlay, ShowsOnlyWhatItsPropertiesSay) {
  const Overlaid overlaid("m3overlay show-scale=false show-heat=false");
  BufferPtr buffer = overlaid.plain();
  set_decision(buffer.get(), {Action::kEncode, 36, Reason::kMotion});
  Activity activity;
  activity.heat.fill(255);
  set_activity(buffer.get(), activity);
  EXPECT_EQ(overlaid.drawn(std::move(buffer)).pixels, 0);
}

TEST(Overlay, WritesTheAnswerBelowInAnyScriptAndAsLargeAsAsked) {
  const Overlaid overlaid;
  g_object_set(overlaid.element(), "text", "Ein Hund läuft über die Straße. 犬", nullptr);
  const Drawn small = overlaid.drawn(overlaid.plain());
  EXPECT_GT(small.pixels, 500);
  EXPECT_GT(small.top, kHeight / 2);
  EXPECT_NEAR(small.left, kWidth - 1 - small.right, 3) << "in the middle";
  g_object_set(overlaid.element(), "font-size", 24, nullptr);
  const Drawn large = overlaid.drawn(overlaid.plain());
  EXPECT_GT(large.bottom - large.top, small.bottom - small.top + 10);
  g_object_set(overlaid.element(), "text", "", nullptr);
  EXPECT_EQ(overlaid.drawn(overlaid.plain()).pixels, 0);
}

TEST(Overlay, ALongAnswerStaysInThePicture) {
  const Overlaid overlaid;
  std::string text;
  for (int i = 0; i < 200; ++i) text += "many words ";
  g_object_set(overlaid.element(), "text", text.c_str(), nullptr);
  const Drawn drawn = overlaid.drawn(overlaid.plain());
  EXPECT_GE(drawn.left, 2);
  EXPECT_LT(drawn.right, kWidth - 2);
  EXPECT_GT(drawn.top, kHeight / 2);
}

TEST(Overlay, TakesAnswersFromItsTextPad) {
  const Overlaid overlaid;
  GstElement* element = overlaid.element();
  GstPad* pad = gst_element_request_pad_simple(element, "text");
  ASSERT_TRUE(pad);
  gst_pad_send_event(pad, gst_event_new_stream_start("answers"));
  const CapsPtr caps(gst_caps_from_string("text/x-raw, format=utf8"));
  gst_pad_send_event(pad, gst_event_new_caps(caps.get()));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_pad_send_event(pad, gst_event_new_segment(&segment));
  const auto send = [&](const char* text) {
    return gst_pad_chain(pad, gst_buffer_new_memdup(text, std::strlen(text)));
  };
  EXPECT_EQ(send("a dog"), GST_FLOW_OK);
  const auto dog = bytes_of(overlaid.push(overlaid.plain()).get());
  EXPECT_NE(dog, bytes_of(overlaid.plain().get()));
  EXPECT_EQ(send("a cat and a \xFF"), GST_FLOW_OK);
  EXPECT_NE(bytes_of(overlaid.push(overlaid.plain()).get()), dog);
  gchar* shown = nullptr;
  g_object_get(element, "text", &shown, nullptr);
  EXPECT_STREQ(shown, "a cat and a \xEF\xBF\xBD");
  g_free(shown);
  // The end of the answers is not the end of the video.
  gst_pad_send_event(pad, gst_event_new_eos());
  EXPECT_TRUE(overlaid.push(overlaid.plain()));
  gst_element_release_request_pad(element, pad);
  gst_object_unref(pad);
}

TEST(Overlay, LeavesThePictureOfTheOtherBranchAlone) {
  const Overlaid overlaid;
  const BufferPtr shared = overlaid.plain();
  set_decision(shared.get(), {Action::kEncode, 36, Reason::kMotion});
  const auto before = bytes_of(shared.get());
  const BufferPtr out = overlaid.push(BufferPtr(gst_buffer_ref(shared.get())));
  EXPECT_EQ(bytes_of(shared.get()), before);
  EXPECT_NE(bytes_of(out.get()), before);
}

TEST(Overlay, PicturesOfAFewPixelsAreDrawnOnToo) {
  const HarnessPtr h = harness("m3overlay text=hello");
  const std::string caps = "video/x-raw, format=I420, width=3, height=2, framerate=25/1";
  gst_harness_set_src_caps_str(h.get(), caps.c_str());
  BufferPtr buffer = picture(caps, 0);
  set_decision(buffer.get(), {Action::kEncode, 36, Reason::kMotion});
  Activity activity;
  activity.heat.fill(255);
  set_activity(buffer.get(), activity);
  EXPECT_TRUE(BufferPtr(gst_harness_push_and_pull(h.get(), buffer.release())));
}

TEST(Overlay, ShowsWhatTheModelAnswersBehindItsPictures) {
  const Played played = play(
      "videotestsrc num-buffers=40 pattern=ball ! video/x-raw,width=160,height=120,framerate=10/1 "
      "! m3qa name=qa model=fake: question=What? interval=1 qa.src ! queue ! m3overlay name=over ! "
      "fakesink qa.text ! queue ! over.text");
  EXPECT_EQ(played.errors(), std::vector<std::string>());
  EXPECT_TRUE(played.eos);
  EXPECT_EQ(played.texts().size(), 4U);
}

}  // namespace
}  // namespace m3::test
