// The query m3-model-info, with which m3scale asks downstream for the model's ladder before it
// decides anything. Threads: free functions; the answer may come late, because m3encode waits for
// its model.
#pragma once

#include <gst/gst.h>

#include <optional>
#include <vector>

namespace m3 {

struct LadderAnswer {
  std::vector<int> ladder;  // ascending, cut at what m3encode keeps; empty while the model loads
  bool loading =
      false;  // ask again: downstream does not wait for the load, because its stream is live
};

// Asks the peer of `src`; none when nobody there knows a model.
std::optional<LadderAnswer> ask_for_ladder(GstPad* src);

bool is_ladder_query(GstQuery* query);
void answer_ladder_query(GstQuery* query, const LadderAnswer& answer);

}  // namespace m3
