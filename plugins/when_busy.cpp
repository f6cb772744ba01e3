#include "plugins/when_busy.h"

#include "plugins/properties.h"

GType gst_m3_when_busy_get_type() {
  static const GType type = [] {
    static const GEnumValue values[] = {
        {GST_M3_WHEN_BUSY_AUTO, "A live pipeline drops, anything else waits", "auto"},
        {GST_M3_WHEN_BUSY_WAIT, "Wait: nothing is lost, and answers do not depend on speed",
         "wait"},
        {GST_M3_WHEN_BUSY_DROP, "Drop the frame and say so", "drop"},
        {0, nullptr, nullptr},
    };
    const GType made = g_enum_register_static("GstM3WhenBusy", values);
    gst_type_mark_as_plugin_api(made, static_cast<GstPluginAPIFlags>(0));
    return made;
  }();
  return type;
}

GParamSpec* m3::when_busy_property() {
  return g_param_spec_enum("when-busy", "When busy",
                           "What to do with a frame that the engine cannot take: wait for it, drop "
                           "the frame, or auto (a live pipeline drops, anything else waits)",
                           GST_TYPE_M3_WHEN_BUSY, GST_M3_WHEN_BUSY_AUTO, kMutableReady);
}
