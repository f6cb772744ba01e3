// Registration of the elements; nothing else happens when the plugin is scanned.
#include <gst/gst.h>

#include "plugins/gstm3encode.h"
#include "plugins/gstm3llm.h"
#include "plugins/gstm3motion.h"
#include "plugins/gstm3pool.h"
#include "plugins/gstm3qa.h"
#include "plugins/gstm3scale.h"

static gboolean plugin_init(GstPlugin* plugin) {
  return GST_ELEMENT_REGISTER(m3motion, plugin) && GST_ELEMENT_REGISTER(m3scale, plugin) &&
         GST_ELEMENT_REGISTER(m3encode, plugin) && GST_ELEMENT_REGISTER(m3pool, plugin) &&
         GST_ELEMENT_REGISTER(m3llm, plugin) && GST_ELEMENT_REGISTER(m3qa, plugin);
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, matryoshka,
                  "Questions about video, answered with Matryoshka visual tokens", plugin_init,
                  M3_VERSION, "Apache 2.0", PACKAGE, PACKAGE)
