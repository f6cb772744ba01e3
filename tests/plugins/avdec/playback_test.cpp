// m3avdec among stock elements: seeks, backwards, chosen by decodebin3, and hardware that is not
// there.
#include <gst/app/gstappsink.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "tests/plugins/avdec/clips.h"

namespace m3::test {
namespace {

class AvdecPlayback : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!can_make_clips(&why)) GTEST_SKIP() << why;
  }
};

// A clip that plays into an appsink.
class Player {
 public:
  explicit Player(const std::string& launch)
      : line_(pipeline(launch + " ! appsink name=sink sync=false max-buffers=2")),
        sink_(gst_bin_get_by_name(GST_BIN(line_.get()), "sink")) {
    gst_element_set_state(line_.get(), GST_STATE_PAUSED);
    const GstClockTime limit = std::chrono::nanoseconds(kPatience).count();
    EXPECT_EQ(gst_element_get_state(line_.get(), nullptr, nullptr, limit),
              GST_STATE_CHANGE_SUCCESS);
  }
  ~Player() { gst_element_set_state(line_.get(), GST_STATE_NULL); }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  GstElement* get() const { return line_.get(); }
  void play() { gst_element_set_state(line_.get(), GST_STATE_PLAYING); }
  void seek(double rate, GstClockTime start, GstClockTime stop) {
    EXPECT_TRUE(gst_element_seek(
        line_.get(), rate, GST_FORMAT_TIME,
        static_cast<GstSeekFlags>(int{GST_SEEK_FLAG_FLUSH} | int{GST_SEEK_FLAG_ACCURATE}),
        GST_SEEK_TYPE_SET, static_cast<gint64>(start), GST_SEEK_TYPE_SET,
        static_cast<gint64>(stop)));
  }
  // Stream times of what is shown until the end.
  std::vector<GstClockTime> rest() {
    std::vector<GstClockTime> times;
    while (GstSample* sample = gst_app_sink_pull_sample(GST_APP_SINK(sink_.get()))) {
      times.push_back(gst_segment_to_stream_time(gst_sample_get_segment(sample), GST_FORMAT_TIME,
                                                 GST_BUFFER_PTS(gst_sample_get_buffer(sample))));
      gst_sample_unref(sample);
    }
    return times;
  }

 private:
  ElementPtr line_;
  ElementPtr sink_;
};

std::string launch_of(const char* name) {
  const Clip& source = clip(name);
  return "filesrc location=" + path_of(source) + " ! " + source.head + " ! m3avdec name=decoder";
}

TEST_F(AvdecPlayback, AccurateSeekShowsExactlyThePartThatWasAskedFor) {
  Player player(launch_of("h264_bframes.mp4"));
  player.seek(1.0, 1 * GST_SECOND, 1600 * GST_MSECOND);
  player.play();
  const auto times = player.rest();
  ASSERT_EQ(times.size(), 15U);
  for (size_t i = 0; i < times.size(); ++i) EXPECT_EQ(times[i], GST_SECOND + i * kFrame);
}

TEST_F(AvdecPlayback, ManySeeksInARowLeaveNothingBehind) {
  Player player(launch_of("h264_bframes.mp4"));
  player.play();
  for (int i = 0; i < 40; ++i) {
    player.seek(1.0, static_cast<GstClockTime>(i % 10) * 150 * GST_MSECOND, 2 * GST_SECOND);
  }
  player.seek(1.0, 1800 * GST_MSECOND, 2 * GST_SECOND);
  const auto times = player.rest();
  ASSERT_EQ(times.size(), 5U);
  EXPECT_EQ(times.front(), 1800 * GST_MSECOND);
}

TEST_F(AvdecPlayback, BackwardsShowsEveryFrameFromLastToFirst) {
  for (const char* name : {"h264_bframes.mp4", "hevc.mp4", "vp9_odd.webm"}) {
    Player player(launch_of(name));
    player.seek(-1.0, 0, 2 * GST_SECOND);
    player.play();
    const auto times = player.rest();
    EXPECT_EQ(times.size(), 50U) << name;
    EXPECT_TRUE(std::is_sorted(times.begin(), times.end(), std::greater<>())) << name;
  }
}

TEST_F(AvdecPlayback, BackwardsShowsWhatTheStockDecoderShows) {
  // The demuxer begins some groups of pictures where their B pictures lack a reference.
  std::vector<GstClockTime> times[2];
  const Clip& source = clip("mpeg4_bframes.avi");
  for (const int ours : {0, 1}) {
    Player player("filesrc location=" + path_of(source) + " ! " + source.head + " ! " +
                  (ours ? "m3avdec" : source.peer));
    player.seek(-1.0, 0, 2 * GST_SECOND);
    player.play();
    times[ours] = player.rest();
  }
  EXPECT_GT(times[0].size(), 40U);
  EXPECT_EQ(times[1], times[0]);
}

TEST_F(AvdecPlayback, Decodebin3TakesItWhenItsRankIsRaised) {
  GstPluginFeature* feature =
      gst_registry_find_feature(gst_registry_get(), "m3avdec", GST_TYPE_ELEMENT_FACTORY);
  ASSERT_TRUE(feature);
  EXPECT_EQ(gst_plugin_feature_get_rank(feature), static_cast<guint>(GST_RANK_NONE));
  for (const bool raised : {false, true}) {
    gst_plugin_feature_set_rank(feature, raised ? GST_RANK_PRIMARY + 100 : GST_RANK_NONE);
    for (const char* name : {"h264_bframes.mp4", "vp9_odd.webm", "mpeg4_bframes.avi", "mpeg1.mpg",
                             "h264_no_times.h264", "av1.mkv"}) {
      const Clip& source = clip(name);
      Player player("filesrc location=" + path_of(source) + " ! decodebin3 ! identity");
      player.play();
      EXPECT_GE(player.rest().size(), 15U) << name;
      GstIterator* elements =
          gst_bin_iterate_all_by_element_factory_name(GST_BIN(player.get()), "m3avdec");
      GValue item = G_VALUE_INIT;
      EXPECT_EQ(gst_iterator_next(elements, &item) == GST_ITERATOR_OK, raised) << name;
      g_value_unset(&item);
      gst_iterator_free(elements);
      if (!raised) break;
    }
  }
  gst_plugin_feature_set_rank(feature, GST_RANK_NONE);
  gst_object_unref(feature);
}

TEST_F(AvdecPlayback, HardwareThatIsNotThereIsOneWarningAndTheSamePictures) {
  const Clip& source = clip("h264_bframes.mp4");
  const Decoded software = decode(path_of(source), source.head, "m3avdec");
  for (const char* hardware : {"cuda", "vaapi", "vdpau", "auto"}) {
    const Decoded decoded =
        decode(path_of(source), source.head, std::string("m3avdec hwaccel=") + hardware);
    ASSERT_EQ(decoded.shown.size(), software.shown.size()) << hardware;
    const std::string used = gst_structure_get_string(decoded.stats.get(), "hwaccel");
    if (used != "none") continue;  // a machine that has it; its pictures are another format
    for (size_t i = 0; i < decoded.shown.size(); ++i) {
      EXPECT_EQ(decoded.shown[i].luma, software.shown[i].luma);
    }
    EXPECT_EQ(decoded.warnings.size(), std::string(hardware) == "auto" ? 0U : 1U) << hardware;
  }
}

TEST_F(AvdecPlayback, GoesDownAtOnceInTheMiddle) {
  for (int i = 0; i < 10; ++i) {
    Player player(launch_of("hevc_10bit.mkv"));
    player.play();
    const auto before = std::chrono::steady_clock::now();
    gst_element_set_state(player.get(), GST_STATE_NULL);
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
  }
}

}  // namespace
}  // namespace m3::test
