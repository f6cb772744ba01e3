// PictureStore: picture files as visual tokens. The tower runs once a picture; the most recently
// used ones are kept. Threads: one thread.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/engine.h"

namespace m3::tools {

// kGrey: a grey picture of the same size in place of each, to tell what is said without seeing.
enum class PictureLook { kAsItIs, kGrey };

class PictureStore {
 public:
  explicit PictureStore(std::shared_ptr<Engine> engine, PictureLook look = PictureLook::kAsItIs);

  // The picture's tokens at the model's finest scale. Throws what read_image and Engine::encode
  // throw, naming the file.
  Tokens tokens(const std::string& path);
  size_t tower_runs() const noexcept { return tower_runs_; }

 private:
  using Entry = std::pair<std::string, Tokens>;

  const std::shared_ptr<Engine> engine_;
  const PictureLook look_;
  std::list<Entry> recent_;  // most recently used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_path_;  // keys lie in recent_
  size_t tower_runs_ = 0;
};

}  // namespace m3::tools
