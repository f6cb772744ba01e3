// Videos and pictures that the tests make for themselves, once a build folder.
// Threads: one thread.
#pragma once

#include <cstddef>
#include <string>

namespace m3::test {

// A ball on black, 320x240, 25 frames a second, H.264 in MP4 with its index first.
// frames: 1..10000.
std::string ball_video(int frames = 100);
// The same with a sound that lasts half a second longer than the picture, and a second video of
// another size.
std::string crowded_video();
// A sound and no picture.
std::string sound_only();
// A PNG of one colour; red 0..255.
std::string red_picture(int red);

// The first `part` (0..1) of a file, as another file.
std::string cut(const std::string& file, double part);

// A file with `bytes` bytes of nonsense behind its middle, as another file.
std::string damaged(const std::string& file, size_t bytes);

// Writes a small file beside the others and returns its path.
std::string text_file(const std::string& name, const std::string& text);

}  // namespace m3::test
