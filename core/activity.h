// Activity: what is seen in a frame without the tower. Made by core/vision/frame_activity. Threads:
// a value.
#pragma once

#include <array>
#include <cstdint>

namespace m3 {

// Mean luma of 32x18 equal blocks, row-major: small enough to travel with the frame, and enough to
// tell how far the picture has moved from the one last encoded.
inline constexpr int kSignatureColumns = 32;
inline constexpr int kSignatureRows = 18;
using Signature = std::array<uint8_t, kSignatureColumns * kSignatureRows>;
// Of the same blocks: the share of each that moves, 0..255.
using Heat = std::array<uint8_t, kSignatureColumns * kSignatureRows>;

struct Activity {
  double motion =
      0;  // 0..1: how much moves, camera noise and global motion taken out; 0.1 is a far person
  double complexity = 0;  // 0..1: detail that a coarse scale would lose
  bool scene = false;     // a cut: hardly anything of the last picture is left
  bool interest = false;  // most of what moves lies in regions of interest
  double noise = 0;       // camera noise, standard deviation of luma, 0..255
  Signature signature{};
  Heat heat{};
};

}  // namespace m3
