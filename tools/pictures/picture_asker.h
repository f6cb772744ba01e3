// PictureAsker: shows a window of pictures to the model and asks about it, straight through
// core/engine.h. A window that equals the last one is not shown again, so many questions about it
// cost their own tokens only. Threads: one thread.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/json_lines.h"
#include "tools/pictures/picture_store.h"

namespace m3::tools {

// One picture of a window.
struct ShownPicture {
  std::string path;
  int64_t pts_ns = kNoTime;  // kNoTime: a still picture
  int scale = 0;             // of the model's ladder

  friend bool operator==(const ShownPicture&, const ShownPicture&) = default;
};

class PictureAsker {
 public:
  // question: all but its text. The window of `session` must hold the largest window that will be
  // asked about.
  PictureAsker(std::shared_ptr<Engine> engine, const SessionOptions& session, Question question,
               std::stop_token stop, PictureLook look = PictureLook::kAsItIs);

  // Waits for the answer; what cannot be answered comes back as an answer with Finish::kError.
  // Nothing when `stop` was requested.
  std::optional<Answer> ask(const std::vector<ShownPicture>& window, const std::string& question);
  // The same for several questions, which the engine answers side by side. One answer each, in
  // order; none at all when `stop` was requested.
  std::vector<Answer> ask(const std::vector<ShownPicture>& window,
                          const std::vector<std::string>& questions);

  // Counts over all windows so far, as the `end` line has them.
  EndLine totals() const;

 private:
  void show(const std::vector<ShownPicture>& window);

  const std::shared_ptr<Engine> engine_;
  const Question question_;
  const std::stop_token stop_;
  PictureStore pictures_;
  std::unique_ptr<Session> session_;
  std::vector<ShownPicture> shown_;
  EndLine earlier_windows_;
};

}  // namespace m3::tools
