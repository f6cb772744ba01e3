// m3qa: the whole line in one element: video in, the same video out, answers beside it.
#pragma once

#include <gst/gst.h>

#define GST_TYPE_M3_QA (gst_m3_qa_get_type())
G_DECLARE_FINAL_TYPE(GstM3Qa, gst_m3_qa, GST, M3_QA, GstBin)
GST_ELEMENT_REGISTER_DECLARE(m3qa)
