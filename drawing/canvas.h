// Canvas: a picture with transparency that shapes and text are drawn on, by cairo and Pango. What
// m3overlay lays over a video and what tools plot. Threads: not safe; one thread owns a canvas.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace m3::drawing {

struct Color {  // each 0..1
  double red = 0;
  double green = 0;
  double blue = 0;
  double alpha = 1;  // 0: not seen
};

struct Point {
  double x = 0;
  double y = 0;
};

struct Box {  // pixels, from the top left corner
  double left = 0;
  double top = 0;
  double width = 0;
  double height = 0;
};

// Where a text lies towards the point that it is given.
enum class Align { kLeft, kCenter, kRight };

struct TextStyle {
  double size_px = 14;  // of the font, above 0
  Color color;
  bool bold = false;
  Align align = Align::kLeft;
  double width_px = 0;  // lines break here; 0: only where the text does
  int lines = 0;        // at most so many, the last one ends in an ellipsis; 0: all
};

struct TextSize {
  double width_px = 0;
  double height_px = 0;
};

class Canvas {
 public:
  static constexpr int kBytesPerPixel = 4;

  // Sides of 1..16384 pixels, all of them transparent. Throws kInvalidArgument, kOutOfMemory.
  Canvas(int width_px, int height_px);
  ~Canvas();
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  int width_px() const noexcept;
  int height_px() const noexcept;

  void clear(Color color = {0, 0, 0, 0});
  // corner_px: radius of round corners, 0: none.
  void fill(const Box& box, Color color, double corner_px = 0);
  // A line through the points; fewer than two: nothing. dash_px: length of dashes, 0: none.
  void line(std::span<const Point> points, Color color, double width_px = 1, double dash_px = 0);
  void dot(Point middle, double radius_px, Color color);
  // Nothing is drawn outside of `box` while the returned object lives.
  class Clip {
   public:
    Clip(Canvas& canvas, const Box& box);
    ~Clip();
    Clip(const Clip&) = delete;
    Clip& operator=(const Clip&) = delete;

   private:
    Canvas& canvas_;
  };

  // UTF-8, what is not becomes U+FFFD; the top of the first line is at `at`. Returns what it takes.
  TextSize text(Point at, std::string_view utf8, const TextStyle& style);
  TextSize size_of(std::string_view utf8, const TextStyle& style) const;

  // [height][width] pixels, each four bytes of one number in the machine's byte order: alpha, red,
  // green, blue from the highest byte down, colours multiplied by alpha. Rows without gaps. Valid
  // until the next call that draws.
  std::span<const uint8_t> pixels();
  // Throws kNotFound when the file cannot be written.
  void write_png(const std::string& path);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace m3::drawing
