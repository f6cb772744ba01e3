// Clips for the tests of m3avdec, made on the spot by the program ffmpeg, and what a decoder makes
// of one. Threads: test thread.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "core/codec_motion.h"
#include "plugins/gstm3codecmeta.h"
#include "tests/plugins/gst_test.h"

namespace m3::test {

struct Clip {
  const char* name;  // of the file
  const char* make;  // ffmpeg's arguments; @ stands for the file, ; parts commands
  const char* head;  // elements between the file and the decoder
  const char* peer;  // a stock decoder of the same codec
};

inline void PrintTo(const Clip& clip, std::ostream* out) { *out << clip.name; }  // for GoogleTest

extern const std::vector<Clip> kClips;
const Clip& clip(const std::string& name);

// False, with the reason, when something that the clips need is not installed: ffmpeg, or a stock
// plugin.
bool can_make_clips(std::string* why);
// The file's path, made on first use. In a folder that goes when the program ends.
const std::string& path_of(const Clip& clip);

// A picture that came out of a decoder.
struct Shown {
  GstClockTime pts = 0;
  GstClockTime duration = 0;
  guint flags = 0;
  uint64_t luma = 0;    // hash of the first plane's visible part
  uint64_t pixels = 0;  // hash of all planes' visible parts
  bool has_meta = false;
  CodecMotion codec;  // what the meta says
};

struct Decoded {
  std::vector<Shown> shown;
  std::vector<std::string> caps;  // without the multiview fields, each change
  std::vector<std::string> warnings;
  std::vector<std::string> errors;
  bool ended = false;      // by EOS or an error
  bool read_only = false;  // some picture's memory was
  StructurePtr stats;      // of m3avdec

  uint64_t count(const char* field) const;  // of stats
};

struct DecodeOptions {
  bool any_layout = false;   // the sink reads any layout, as its allocation query says
  bool keep_motion = false;  // fill Shown::codec
};

// Plays `file ! head ! decoder ! sink` as fast as it can.
Decoded decode(const std::string& file, const std::string& head, const std::string& decoder,
               DecodeOptions options = {});

}  // namespace m3::test
