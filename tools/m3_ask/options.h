// The command line of m3-ask.
// Threads: a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/engine.h"

namespace m3::ask {

struct Options {
  // What is looked at: at most one of these; none: plain text.
  std::string video;                // a file or a URI
  std::vector<std::string> images;  // picture files, all in one window, in order
  std::string questions_file;       // JSON Lines: many clips or pictures, each with its question
  std::string windows_file;         // JSON Lines: windows given frame by frame
  std::string video_root;  // folder that clips in a file are relative to; empty: the current one
  std::string image_root;  // likewise for pictures

  // What is asked, and when.
  std::vector<std::string> questions;
  std::vector<double> at_seconds;       // of stream time, >= 0
  std::optional<double> every_seconds;  // > 0
  bool interactive = false;             // also every line of stdin, when it comes
  bool chat = false;                    // all questions are one conversation

  // What is printed.
  bool frames = false;  // one line for every frame
  std::string plot;     // a PNG file that the timeline is drawn into; empty: none
  bool json = false;

  EngineOptions engine;
  int scale = 0;  // visual tokens a picture, 0: auto
  SessionOptions session;
  Question question;  // all but its text and time

  // Properties of m3qa that the user gave, as text: the element's own defaults stand for all
  // others.
  std::vector<std::pair<std::string, std::string>> element_properties;

  bool plays_video() const noexcept { return !video.empty(); }
};

// The options, or the exit code when the command line leaves nothing to do.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace m3::ask
