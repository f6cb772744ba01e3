#include <gtest/gtest.h>

#include <cstring>

#include "tests/plugins/gst_test.h"

namespace m3::test {
namespace {

using std::chrono::milliseconds;

constexpr const char* kElements[] = {
#ifdef M3_HAVE_OVERLAY
    "m3overlay",
#endif
    "m3motion",  "m3scale", "m3encode", "m3pool", "m3llm", "m3qa"};
// The shipped model may or may not be here; one that fails; one that loads; one that takes its
// time.
constexpr const char* kModels[] = {"default", "fake:fail=load", "fake:", "fake:load_ms=60000"};

bool has_model(GstElement* element) {
  return g_object_class_find_property(G_OBJECT_GET_CLASS(element), "model");
}

ElementPtr make(const char* name, const char* model) {
  ElementPtr element(GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make(name, nullptr))));
  if (has_model(element.get())) g_object_set(element.get(), "model", model, nullptr);
  return element;
}

void go(GstElement* element, GstState state) {
  const auto began = std::chrono::steady_clock::now();
  gst_element_set_state(element, state);
  EXPECT_LT(std::chrono::steady_clock::now() - began, within(3000))
      << GST_ELEMENT_NAME(element) << " to " << gst_element_state_get_name(state);
}

class States : public testing::TestWithParam<const char*> {};

// The walks of GStreamer's own generic/states test, each with every kind of model.
TEST_P(States, WalksUp) {
  for (const char* model : kModels) {
    const ElementPtr element = make(GetParam(), model);
    for (const GstState state : {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING}) {
      go(element.get(), state);
    }
    go(element.get(), GST_STATE_NULL);
  }
}

TEST_P(States, WalksDown) {
  for (const char* model : kModels) {
    const ElementPtr element = make(GetParam(), model);
    go(element.get(), GST_STATE_PLAYING);
    for (const GstState state : {GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_NULL}) {
      go(element.get(), state);
    }
  }
}

TEST_P(States, WalksUpAndDown) {
  for (const char* model : kModels) {
    const ElementPtr element = make(GetParam(), model);
    for (const GstState state :
         {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING,
          GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_NULL, GST_STATE_PLAYING, GST_STATE_NULL}) {
      go(element.get(), state);
    }
  }
}

TEST_P(States, DescribesItselfCompletely) {
  GstElementFactory* factory = gst_element_factory_find(GetParam());
  ASSERT_TRUE(factory);
  for (const char* key : {"long-name", "klass", "description", "author"}) {
    const gchar* text = gst_element_factory_get_metadata(factory, key);
    EXPECT_TRUE(text && *text) << key;
  }
  EXPECT_EQ(gst_plugin_feature_get_rank(GST_PLUGIN_FEATURE(factory)), 0U);
  gst_object_unref(factory);
}

TEST_P(States, HasPropertiesThatReadBackTheirDefaultsAndSayWhenTheyMayChange) {
  const ElementPtr element(
      GST_ELEMENT(gst_object_ref_sink(gst_element_factory_make(GetParam(), nullptr))));
  guint count = 0;
  GParamSpec** specs = g_object_class_list_properties(G_OBJECT_GET_CLASS(element.get()), &count);
  for (guint i = 0; i < count; ++i) {
    GParamSpec* spec = specs[i];
    if (spec->owner_type != G_OBJECT_TYPE(element.get())) continue;
    EXPECT_TRUE(g_param_spec_get_nick(spec) && *g_param_spec_get_nick(spec)) << spec->name;
    EXPECT_GT(std::strlen(g_param_spec_get_blurb(spec)), 20U) << spec->name;
    GValue value = G_VALUE_INIT;
    g_value_init(&value, spec->value_type);
    g_object_get_property(G_OBJECT(element.get()), spec->name, &value);
    if (spec->flags & G_PARAM_WRITABLE) {
      EXPECT_EQ(g_param_values_cmp(spec, &value, g_param_spec_get_default_value(spec)), 0)
          << spec->name;
      const bool ready = spec->flags & GST_PARAM_MUTABLE_READY;
      const bool playing = spec->flags & GST_PARAM_MUTABLE_PLAYING;
      EXPECT_NE(ready, playing) << spec->name;
    }
    g_value_unset(&value);
  }
  g_free(specs);
}

TEST(StatesWithAModel, SayOnceWhyItCannotBeHad) {
  for (const char* name : {"m3encode", "m3qa"}) {
    const ElementPtr element = make(name, "fake:fail=load");
    Bus bus(element.get());
    go(element.get(), GST_STATE_PLAYING);
    ASSERT_TRUE(bus.next(GST_MESSAGE_ERROR)) << name;
    go(element.get(), GST_STATE_NULL);
    EXPECT_FALSE(bus.next(GST_MESSAGE_ERROR, milliseconds(0))) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Elements, States, testing::ValuesIn(kElements),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace m3::test
