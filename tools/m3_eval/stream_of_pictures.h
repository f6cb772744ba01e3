// A stream made of picture files: PictureTokens knows their tokens, StreamOfPictures shows them to
// a session one after the other. Threads: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/engine.h"

namespace m3::eval {

// The tower runs once a picture; all are kept, 83 kB each at 36 tokens of 576 numbers.
class PictureTokens {
 public:
  // folder: that the files are seen from.
  PictureTokens(std::shared_ptr<Engine> engine, std::string folder);

  // The picture at the finest scale that a stream shows. Throws what read_image and Engine::encode
  // throw.
  const Tokens& of(const std::string& file);
  // The same of a grey picture.
  const Tokens& grey();
  int fine_scale() const noexcept { return fine_scale_; }
  int coarse_scale() const noexcept { return coarse_scale_; }

 private:
  Tokens encode(const FrameView& frame);

  const std::shared_ptr<Engine> engine_;
  const std::string folder_;
  int fine_scale_ = 1;    // of a frame that begins a scene: the finest up to 36
  int coarse_scale_ = 1;  // of a frame that looks again: the one below
  std::unordered_map<std::string, Tokens> known_;
  std::optional<Tokens> grey_;
};

// A scene is one picture: its first frame is fine, and it is looked at again, coarser, every few
// seconds, as m3scale does with a quiet stream.
class StreamOfPictures {
 public:
  static constexpr double kLookAgain = 5;  // seconds

  using Take = std::function<void(FrameTokens)>;

  // take: is given each frame. `pictures` is borrowed. grey: nothing can be seen.
  StreamOfPictures(Take take, PictureTokens& pictures, bool grey)
      : take_(std::move(take)), pictures_(pictures), grey_(grey) {}

  // From now on this picture is in view.
  void begin_scene(const std::string& file);
  void go_on(double seconds);
  double now() const noexcept { return now_; }                           // seconds of stream
  double scene_seconds() const noexcept { return now_ - scene_began_; }  // of the picture in view

 private:
  void look(int scale);

  const Take take_;
  PictureTokens& pictures_;
  const bool grey_;
  double now_ = 0;
  double scene_began_ = 0;
  double next_look_ = 0;
  std::string in_view_;
};

}  // namespace m3::eval
