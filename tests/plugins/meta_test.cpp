#include <gtest/gtest.h>

#include "tests/plugins/gst_test.h"

namespace m3::test {
namespace {

constexpr char kLine[] = "m3motion ! m3scale scale=36 fps=0 budget=0 ! ";

// The first buffer that comes out of kLine and what follows it. Two go in: videorate looks one
// ahead.
BufferPtr through(const std::string& rest) {
  const HarnessPtr h = harness(kLine + rest);
  gst_harness_set_src_caps_str(h.get(), kVideo);
  for (int i = 0; i < 2; ++i) gst_harness_push(h.get(), picture(kVideo, i, 77).release());
  return BufferPtr(gst_harness_pull(h.get()));
}

void expect_both_metas(GstBuffer* buffer) {
  ASSERT_TRUE(activity_in(buffer));
  EXPECT_EQ(activity_in(buffer)->activity.signature[0], 77);
  ASSERT_TRUE(decision_in(buffer));
  EXPECT_EQ(decision_in(buffer)->decision.scale, 36);
  EXPECT_EQ(decision_in(buffer)->decision.reason, Reason::kFixed);
}

TEST(Metas, SurviveAQueueAndATee) { expect_both_metas(through("queue ! tee ! queue").get()); }

TEST(Metas, SurviveVideoconvert) {
  expect_both_metas(through("videoconvert ! capsfilter caps=video/x-raw,format=RGB").get());
}

TEST(Metas, SurviveVideoscale) {
  expect_both_metas(through("videoscale ! capsfilter caps=video/x-raw,width=32,height=24").get());
}

TEST(Metas, SurviveVideorateAtTheSameRate) { expect_both_metas(through("videorate").get()); }

TEST(Metas, SurviveACopyOfAPartOfTheBytes) {
  const BufferPtr buffer = through("identity");
  const BufferPtr part(gst_buffer_copy_region(buffer.get(), GST_BUFFER_COPY_ALL, 0, 100));
  expect_both_metas(part.get());
}

TEST(Metas, OnlyTheOneThatKnowsUpFromDownGoesWithAFlip) {
  const BufferPtr buffer = through("videoflip video-direction=vert");
  EXPECT_FALSE(activity_in(buffer.get()));
  EXPECT_TRUE(decision_in(buffer.get()));
}

TEST(Metas, AreReplacedByASecondMeasurement) {
  const BufferPtr buffer = through("m3motion ! m3scale scale=9 fps=0 budget=0");
  EXPECT_EQ(decision_in(buffer.get())->decision.scale, 9);
  EXPECT_EQ(gst_buffer_get_n_meta(buffer.get(), gst_meta_get_info("GstM3ScaleMeta")->api), 1U);
  EXPECT_EQ(gst_buffer_get_n_meta(buffer.get(), gst_meta_get_info("GstM3ActivityMeta")->api), 1U);
}

TEST(Metas, SayTruthfullyWhatTheyDependOn) {
  const GType activity = gst_meta_get_info("GstM3ActivityMeta")->api;
  const GType scale = gst_meta_get_info("GstM3ScaleMeta")->api;
  for (const GType api : {activity, scale}) {
    EXPECT_TRUE(gst_meta_api_type_has_tag(api, g_quark_from_static_string("video")));
    for (const char* tag : {"memory", "colorspace", "size"}) {
      EXPECT_FALSE(gst_meta_api_type_has_tag(api, g_quark_from_static_string(tag))) << tag;
    }
  }
  EXPECT_TRUE(gst_meta_api_type_has_tag(activity, g_quark_from_static_string("orientation")));
}

}  // namespace
}  // namespace m3::test
