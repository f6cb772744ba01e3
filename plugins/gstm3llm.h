// m3llm: keeps the window of visual tokens and answers questions about it with the model's language
// part.
#pragma once

#include <gst/gst.h>

#define GST_TYPE_M3_LLM (gst_m3_llm_get_type())
G_DECLARE_FINAL_TYPE(GstM3Llm, gst_m3_llm, GST, M3_LLM, GstElement)
GST_ELEMENT_REGISTER_DECLARE(m3llm)
