// Where m3-ask finds the elements: those of its own build or installation come before any other on
// the machine, unless GST_PLUGIN_PATH says otherwise.
#pragma once

namespace m3::ask {

// Starts GStreamer and loads the elements. Call before any other use of GStreamer. Throws kNotFound
// when there is no m3qa.
void start_gstreamer();

}  // namespace m3::ask
