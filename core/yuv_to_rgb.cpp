#include "core/yuv_to_rgb.h"

#include <algorithm>
#include <cmath>

namespace m3 {
namespace {

constexpr int kFractionBits = 16;

// Scaled by 2^16.
struct Factors {
  int32_t y;
  int32_t y_zero;  // not scaled: the luma of black
  int32_t v_to_red;
  int32_t u_to_green;
  int32_t v_to_green;
  int32_t u_to_blue;
};

Factors factors_of(const Colorimetry& color) {
  const bool bt709 = color.matrix == YuvMatrix::kBt709;
  const double red = bt709 ? 0.2126 : 0.299;  // shares of luma
  const double blue = bt709 ? 0.0722 : 0.114;
  const double green = 1 - red - blue;
  const double luma_range = color.full_range ? 1 : 255.0 / 219.0;
  const double chroma_range = color.full_range ? 1 : 255.0 / 224.0;
  const auto fixed = [](double factor) {
    return static_cast<int32_t>(std::lround(factor * (1 << kFractionBits)));
  };
  return {fixed(luma_range),
          color.full_range ? 0 : 16,
          fixed(2 * (1 - red) * chroma_range),
          fixed(-2 * (1 - blue) * blue / green * chroma_range),
          fixed(-2 * (1 - red) * red / green * chroma_range),
          fixed(2 * (1 - blue) * chroma_range)};
}

uint8_t to_byte(int32_t value) {
  return static_cast<uint8_t>(
      std::clamp((value + (1 << (kFractionBits - 1))) >> kFractionBits, 0, 255));
}

// The step as a constant lets the compiler work on many pixels at once.
template <int kStep>
void convert(const Factors& f, const uint8_t* y, const uint8_t* u, const uint8_t* v, size_t pixels,
             uint8_t* rgb) {
  for (size_t i = 0; i < pixels; ++i) {
    const int32_t luma = f.y * (y[i] - f.y_zero);
    const int32_t from_u = u[kStep * i] - 128;
    const int32_t from_v = v[kStep * i] - 128;
    rgb[3 * i] = to_byte(luma + f.v_to_red * from_v);
    rgb[3 * i + 1] = to_byte(luma + f.u_to_green * from_u + f.v_to_green * from_v);
    rgb[3 * i + 2] = to_byte(luma + f.u_to_blue * from_u);
  }
}

}  // namespace

void yuv_to_rgb(const Colorimetry& color, const uint8_t* y, const uint8_t* u, const uint8_t* v,
                int chroma_step, size_t pixels, uint8_t* rgb) {
  const Factors factors = factors_of(color);
  if (chroma_step == 2) {
    convert<2>(factors, y, u, v, pixels, rgb);
  } else {
    convert<1>(factors, y, u, v, pixels, rgb);
  }
}

}  // namespace m3
