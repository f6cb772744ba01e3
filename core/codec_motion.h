// CodecMotion: what a video's codec tells about a frame before anybody looks at its pixels: the
// kind of picture, its compressed size and, for codecs whose decoder shows them, motion vectors as
// a coarse grid of means. MotionGrid makes the grid of a frame's vectors, ReferenceOrder tells how
// far the vectors reach. Threads: values; one stream's grid and order are used from one thread at a
// time.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/export.h"

namespace m3 {

enum class PictureType : uint8_t {
  kUnknown,
  kIntra,      // coded from itself alone (I): no vectors, and its size says nothing about motion
  kPredicted,  // from earlier pictures (P)
  kBidirectional,  // from earlier and later pictures (B)
};
M3_API const char* to_string(PictureType type) noexcept;  // "unknown", "I", "P", "B"

// One cell of the grid: means over the blocks of the cell that were predicted.
struct MotionCell {
  static constexpr int kUnitsPerPixel = 16;

  int16_t dx = 0;  // 1/16 pixel a frame, positive: what is shown moves to the right
  int16_t dy = 0;  // 1/16 pixel a frame, positive: down
  // 1/16 pixel a frame, mean length: stays above 0 where opposite motions cancel out.
  uint16_t speed = 0;
  // 0..255: share of the cell's area that was predicted from other pictures. The rest was coded
  // anew: it shows what was not there before, or moves in a way that no vector follows.
  uint8_t predicted = 0;
};

struct CodecMotion {
  static constexpr int kMacroblock = 16;  // pixels
  static constexpr int kMaxCells = 1024;

  PictureType type = PictureType::kUnknown;
  bool key_frame = false;     // decoding can start here
  bool has_vectors = false;   // the fields below hold; else they are 0
  uint32_t packet_bytes = 0;  // compressed size of this frame, 0: not known

  // The picture that the grid covers, in pixels. A frame that was resized since still has the
  // vectors of this size.
  int width_px = 0;
  int height_px = 0;
  // Side of a cell: the smallest multiple of kMacroblock that needs at most kMaxCells.
  int cell_px = 0;
  int columns = 0;  // cells in a row; the last may reach beyond the picture
  int rows = 0;
  std::array<MotionCell, kMaxCells> cells;  // row by row; the first columns * rows are used

  const MotionCell& cell(int column, int row) const { return cells[row * columns + column]; }
};

// One block of a picture and where it was predicted from, in pixels.
struct MotionBlock {
  int x_px = 0;  // the block's middle
  int y_px = 0;
  int width_px = 0;  // 4 to kMacroblock
  int height_px = 0;
  float dx_px = 0;  // from the block to what it was predicted from
  float dy_px = 0;
  bool from_later = false;  // predicted from a picture that is shown later
};

// How many frames away, in the order of showing, the pictures are that a frame is predicted from;
// at least 1.
struct ReferenceDistance {
  int earlier = 1;
  int later = 1;
};

// Codecs tell a vector but not which picture it leads to. The nearest I or P is a good guess: the
// last one before the frame and the next one after it. A B that was predicted from another B, which
// is nearer, then reads too slow.
class M3_API ReferenceOrder {
 public:
  // Call for every frame, in the order of showing. The next I or P after a B is expected as far
  // from the last one as those two before were from each other.
  ReferenceDistance next(PictureType type);
  void reset() { *this = ReferenceOrder(); }

 private:
  int since_reference_ = 0;     // frames since the last I or P, 0: none yet
  int between_references_ = 0;  // frames from one I or P to the next, as last seen
};

class M3_API MotionGrid {
 public:
  // Begins a frame. Sizes are 1..16384. Allocates only when the size changes.
  void begin(int width_px, int height_px, ReferenceDistance distance);
  // Blocks outside the picture are ignored.
  void add(const MotionBlock& block);
  // Fills has_vectors and all below it.
  void finish(CodecMotion& motion);

 private:
  struct Sum {  // of a cell, over its blocks, each weighted with its area
    float area = 0;
    float dx = 0;
    float dy = 0;
    float length = 0;
  };

  void resize(int width_px, int height_px);

  int width_px_ = 0;
  int height_px_ = 0;
  int cell_px_ = 0;
  int columns_ = 0;
  int rows_ = 0;
  float earlier_scale_ = 1;
  float later_scale_ = 1;
  // The cell that a macroblock in column x and row y lies in: first_of_row_[y] + column_of_[x].
  std::vector<uint16_t> column_of_;
  std::vector<uint16_t> first_of_row_;
  std::vector<Sum> sums_;
  // Of a macroblock: its quarters that are predicted, so that two vectors of one count once.
  std::vector<uint8_t> covered_;
};

}  // namespace m3
