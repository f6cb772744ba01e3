// The properties of m3llm, most of which m3qa shows as its own. Threads: any, nothing is kept here.
#pragma once

#include "plugins/properties.h"
#include "plugins/responder.h"

namespace m3 {

// In the order of the ids; the last is `stats`, which is no setting.
Specs llm_properties();
inline constexpr guint kLlmStatsId = 17;

// One setting as a property's value; false: there is no setting of that id.
bool set_llm_property(ResponderSettings& settings, guint id, const GValue* value);
bool get_llm_property(const ResponderSettings& settings, guint id, GValue* value);

}  // namespace m3
