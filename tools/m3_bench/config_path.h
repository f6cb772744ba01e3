// Where the config of a model that is measured lies. Threads: free functions.
#pragma once

#include <algorithm>
#include <string>

#include "core/model/model_config.h"

namespace m3::bench {

inline bool is_random(const std::string& model) { return model.starts_with("random:"); }

// model: "random:CONFIG.json[,SEED]" or what find_model() takes. Throws kNotFound.
inline std::string config_path(const std::string& model) {
  if (!is_random(model)) return find_model(model);
  const std::string path = model.substr(std::string("random:").size());
  return path.substr(0, std::min(path.size(), path.rfind(',')));
}

}  // namespace m3::bench
