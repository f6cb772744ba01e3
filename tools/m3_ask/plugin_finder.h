// Where m3-ask finds the elements: those of its own build or installation come before any other on
// the machine, unless GST_PLUGIN_PATH says otherwise.
#pragma once

namespace m3::ask {

// Call once, after gst_init. Throws kNotFound when there is no m3qa.
void find_elements();

}  // namespace m3::ask
