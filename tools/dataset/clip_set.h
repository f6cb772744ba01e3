// ClipSet: a folder of clips with questions.jsonl, as windows to learn from. Each line: video (a
// file, seen from the folder), question, answer, type, and optionally t0, t1: the seconds between
// which the answer holds; null: for the whole clip. Threads: one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/dataset/clip_reader.h"
#include "tools/dataset/random.h"
#include "tools/dataset/stream_maker.h"
#include "tools/dataset/wording.h"

namespace m3::dataset {

class ClipSet {
 public:
  // Throws kNotFound, and kCorrupt naming file and line (from 1) or the clip.
  explicit ClipSet(std::string folder);

  // Frames of all clips, one a second.
  size_t size() const noexcept { return frames_.size(); }
  std::string key(size_t number) const;  // for files on disk
  Image load(size_t number) const;       // throws kCorrupt

  struct Window {
    std::vector<MadeWindow::Frame> frames;
    std::vector<QuestionAnswer> questions;
  };
  // What a session would hold at a moment of a clip, and at most `most` questions that can be asked
  // then.
  Window window(const WindowOptions& options, size_t most, Random& random) const;

 private:
  struct Clip {
    std::string file;
    size_t first_frame = 0;
    size_t frames = 0;
  };
  struct Line {
    size_t clip = 0;
    QuestionAnswer question;
    std::optional<double> from, to;
  };
  struct Frame {
    size_t clip = 0;
    int second = 0;
  };

  const std::string folder_;
  std::vector<Clip> clips_;
  std::vector<Frame> frames_;
  std::vector<Line> lines_;
  // The clip that was read last stays open.
  mutable size_t open_clip_ = 0;
  mutable std::unique_ptr<ClipReader> reader_;
};

}  // namespace m3::dataset
