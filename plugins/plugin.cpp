// Registration of the elements; nothing else happens when the plugin is scanned.
#include <gst/gst.h>

#include "plugins/gstm3codecmeta.h"
#include "plugins/gstm3encode.h"
#include "plugins/gstm3llm.h"
#include "plugins/gstm3meta.h"
#include "plugins/gstm3motion.h"
#include "plugins/gstm3pool.h"
#include "plugins/gstm3qa.h"
#include "plugins/gstm3scale.h"
#ifdef M3_HAVE_OVERLAY
#include "plugins/gstm3overlay.h"
#endif
#ifdef M3_HAVE_AVDEC
#include "plugins/gstm3avdec.h"
#endif

static gboolean plugin_init(GstPlugin* plugin) {
  // By name (gst_meta_get_info) they can be found from now on.
  gst_m3_activity_meta_get_info();
  gst_m3_scale_meta_get_info();
  gst_m3_codec_meta_get_info();
#ifdef M3_HAVE_OVERLAY
  if (!GST_ELEMENT_REGISTER(m3overlay, plugin)) return FALSE;
#endif
#ifdef M3_HAVE_AVDEC
  if (!GST_ELEMENT_REGISTER(m3avdec, plugin)) return FALSE;
#endif
  return GST_ELEMENT_REGISTER(m3motion, plugin) && GST_ELEMENT_REGISTER(m3scale, plugin) &&
         GST_ELEMENT_REGISTER(m3encode, plugin) && GST_ELEMENT_REGISTER(m3pool, plugin) &&
         GST_ELEMENT_REGISTER(m3llm, plugin) && GST_ELEMENT_REGISTER(m3qa, plugin);
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, matryoshka,
                  "Questions about video, answered with Matryoshka visual tokens", plugin_init,
                  M3_VERSION, "Apache 2.0", PACKAGE, PACKAGE)
