#include "core/crop_choice.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace m3 {
namespace {

constexpr int kColumns = kSignatureColumns;
constexpr int kRows = kSignatureRows;
// Hot blocks that are this far from each other belong together: arms and legs of one person.
constexpr int kReach = 2;
constexpr float kRoom = 2;  // a crop is that much larger than what moves in it
// Less than this of one block is not worth a look.
constexpr int kLeastHeat = 24;

struct Thing {
  int left = kColumns, right = -1, top = kRows, bottom = -1;
  float heat = 0;
  float middle_x = 0;  // weighted with heat, in blocks
  float middle_y = 0;

  void add(int x, int y, float heat_there) {
    left = std::min(left, x), right = std::max(right, x);
    top = std::min(top, y), bottom = std::max(bottom, y);
    heat += heat_there;
    middle_x += heat_there * (static_cast<float>(x) + 0.5F);
    middle_y += heat_there * (static_cast<float>(y) + 0.5F);
  }
  float side() const {
    return std::max(static_cast<float>(right - left + 1) / kColumns,
                    static_cast<float>(bottom - top + 1) / kRows);
  }
};

// Takes the thing that block `start` belongs to out of `left`.
Thing take_thing(const Heat& heat, std::array<bool, kColumns * kRows>* left, int start) {
  Thing thing;
  std::array<int16_t, kColumns * kRows> open{};
  size_t count = 0;
  open[count++] = static_cast<int16_t>(start);
  (*left)[static_cast<size_t>(start)] = false;
  while (count > 0) {
    const int at = open[--count];
    const int x = at % kColumns;
    const int y = at / kColumns;
    thing.add(x, y, heat[static_cast<size_t>(at)]);
    for (int ny = std::max(0, y - kReach); ny <= std::min(kRows - 1, y + kReach); ++ny) {
      for (int nx = std::max(0, x - kReach); nx <= std::min(kColumns - 1, x + kReach); ++nx) {
        const int next = ny * kColumns + nx;
        if (!(*left)[static_cast<size_t>(next)]) continue;
        (*left)[static_cast<size_t>(next)] = false;
        open[count++] = static_cast<int16_t>(next);
      }
    }
  }
  return thing;
}

}  // namespace

std::optional<FramePart> choose_crop(const Heat& heat) {
  std::array<bool, kColumns * kRows> left{};
  for (size_t i = 0; i < left.size(); ++i) left[i] = heat[i] > 0;
  std::optional<Thing> best;
  for (int i = 0; i < kColumns * kRows; ++i) {
    if (!left[static_cast<size_t>(i)]) continue;
    const Thing thing = take_thing(heat, &left, i);
    if (thing.heat < kLeastHeat || thing.side() > kLargestCrop) continue;
    if (!best || thing.heat > best->heat) best = thing;
  }
  if (!best) return std::nullopt;
  FramePart part;
  part.side = std::clamp(kRoom * best->side(), kSmallestCrop, kLargestCrop);
  const float x = best->middle_x / best->heat / kColumns;
  const float y = best->middle_y / best->heat / kRows;
  part.left = std::clamp(x - part.side / 2, 0.0F, 1 - part.side);
  part.top = std::clamp(y - part.side / 2, 0.0F, 1 - part.side);
  return part;
}

Crop crop_of(const FrameView& frame, const FramePart& part) {
  const Crop whole = crop_of(frame);
  const auto place = [](float from, float length, int begin, int size, int* at, int* extent) {
    const int first =
        std::clamp(static_cast<int>(std::lround(from * static_cast<float>(size))), 0, size - 1);
    const int end = std::clamp(
        static_cast<int>(std::lround((from + length) * static_cast<float>(size))), first + 1, size);
    *at = begin + first;
    *extent = end - first;
  };
  Crop crop;
  place(part.left, part.side, whole.x_px, whole.width_px, &crop.x_px, &crop.width_px);
  place(part.top, part.side, whole.y_px, whole.height_px, &crop.y_px, &crop.height_px);
  return crop;
}

}  // namespace m3
