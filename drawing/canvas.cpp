#include "drawing/canvas.h"

#include <cairo.h>
#include <pango/pangocairo.h>

#include <cmath>

#include "core/error.h"

namespace m3::drawing {
namespace {

constexpr int kMostSidePx = 16384;
constexpr double kQuarterTurn = 1.5707963267948966;

struct SurfaceDestroy {
  void operator()(cairo_surface_t* it) const { cairo_surface_destroy(it); }
};
struct ContextDestroy {
  void operator()(cairo_t* it) const { cairo_destroy(it); }
};
struct ObjectUnref {
  void operator()(gpointer it) const { g_object_unref(it); }
};
struct FontFree {
  void operator()(PangoFontDescription* it) const { pango_font_description_free(it); }
};
struct TextFree {
  void operator()(gchar* it) const { g_free(it); }
};

PangoAlignment alignment_of(Align align) {
  switch (align) {
    case Align::kCenter:
      return PANGO_ALIGN_CENTER;
    case Align::kRight:
      return PANGO_ALIGN_RIGHT;
    case Align::kLeft:
      break;
  }
  return PANGO_ALIGN_LEFT;
}

}  // namespace

struct Canvas::State {
  int width_px;
  int height_px;
  std::unique_ptr<cairo_surface_t, SurfaceDestroy> surface;
  std::unique_ptr<cairo_t, ContextDestroy> cairo;
  std::unique_ptr<PangoLayout, ObjectUnref> layout;

  void set_color(Color color) const {
    cairo_set_source_rgba(cairo.get(), color.red, color.green, color.blue, color.alpha);
  }
  // Lays the text out and tells what it takes.
  TextSize lay_out(std::string_view utf8, const TextStyle& style) const {
    const std::unique_ptr<gchar, TextFree> valid(
        g_utf8_make_valid(utf8.data(), static_cast<gssize>(utf8.size())));
    const std::unique_ptr<PangoFontDescription, FontFree> font(pango_font_description_new());
    pango_font_description_set_family_static(font.get(), "sans-serif");
    pango_font_description_set_absolute_size(font.get(), style.size_px * PANGO_SCALE);
    pango_font_description_set_weight(font.get(),
                                      style.bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    PangoLayout* it = layout.get();
    pango_layout_set_font_description(it, font.get());
    pango_layout_set_width(
        it, style.width_px > 0 ? static_cast<int>(std::ceil(style.width_px * PANGO_SCALE)) : -1);
    pango_layout_set_wrap(it, PANGO_WRAP_WORD_CHAR);
    // A negative height is a number of lines.
    pango_layout_set_height(it, style.lines > 0 ? -style.lines : -1);
    pango_layout_set_ellipsize(it, style.lines > 0 ? PANGO_ELLIPSIZE_END : PANGO_ELLIPSIZE_NONE);
    pango_layout_set_alignment(it, alignment_of(style.align));
    pango_layout_set_text(it, valid.get(), -1);
    int width = 0;
    int height = 0;
    pango_layout_get_size(it, &width, &height);
    return {static_cast<double>(width) / PANGO_SCALE, static_cast<double>(height) / PANGO_SCALE};
  }
};

Canvas::Canvas(int width_px, int height_px) : state_(std::make_unique<State>()) {
  if (width_px < 1 || height_px < 1 || width_px > kMostSidePx || height_px > kMostSidePx) {
    throw Error(ErrorCode::kInvalidArgument,
                "a drawing of " + std::to_string(width_px) + " x " + std::to_string(height_px) +
                    " pixels; give sides of 1 to " + std::to_string(kMostSidePx));
  }
  State& s = *state_;
  s.width_px = width_px;
  s.height_px = height_px;
  s.surface.reset(cairo_image_surface_create(CAIRO_FORMAT_ARGB32, width_px, height_px));
  s.cairo.reset(cairo_create(s.surface.get()));
  if (cairo_status(s.cairo.get()) != CAIRO_STATUS_SUCCESS) {
    throw Error(ErrorCode::kOutOfMemory,
                std::string("a drawing: ") + cairo_status_to_string(cairo_status(s.cairo.get())));
  }
  s.layout.reset(pango_cairo_create_layout(s.cairo.get()));
}

Canvas::~Canvas() = default;

int Canvas::width_px() const noexcept { return state_->width_px; }
int Canvas::height_px() const noexcept { return state_->height_px; }

void Canvas::clear(Color color) {
  cairo_t* cairo = state_->cairo.get();
  cairo_save(cairo);
  cairo_set_operator(cairo, CAIRO_OPERATOR_SOURCE);
  state_->set_color(color);
  cairo_paint(cairo);
  cairo_restore(cairo);
}

void Canvas::fill(const Box& box, Color color, double corner_px) {
  cairo_t* cairo = state_->cairo.get();
  cairo_new_path(cairo);
  if (corner_px > 0) {
    const double r = corner_px;
    const double right = box.left + box.width;
    const double bottom = box.top + box.height;
    cairo_arc(cairo, right - r, box.top + r, r, -kQuarterTurn, 0);
    cairo_arc(cairo, right - r, bottom - r, r, 0, kQuarterTurn);
    cairo_arc(cairo, box.left + r, bottom - r, r, kQuarterTurn, 2 * kQuarterTurn);
    cairo_arc(cairo, box.left + r, box.top + r, r, 2 * kQuarterTurn, 3 * kQuarterTurn);
    cairo_close_path(cairo);
  } else {
    cairo_rectangle(cairo, box.left, box.top, box.width, box.height);
  }
  state_->set_color(color);
  cairo_fill(cairo);
}

void Canvas::line(std::span<const Point> points, Color color, double width_px, double dash_px) {
  if (points.size() < 2) return;
  cairo_t* cairo = state_->cairo.get();
  cairo_new_path(cairo);
  for (const Point& point : points) cairo_line_to(cairo, point.x, point.y);
  cairo_set_line_width(cairo, width_px);
  cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
  cairo_set_dash(cairo, &dash_px, dash_px > 0 ? 1 : 0, 0);
  state_->set_color(color);
  cairo_stroke(cairo);
}

void Canvas::dot(Point middle, double radius_px, Color color) {
  cairo_t* cairo = state_->cairo.get();
  cairo_new_path(cairo);
  cairo_arc(cairo, middle.x, middle.y, radius_px, 0, 4 * kQuarterTurn);
  state_->set_color(color);
  cairo_fill(cairo);
}

Canvas::Clip::Clip(Canvas& canvas, const Box& box) : canvas_(canvas) {
  cairo_t* cairo = canvas_.state_->cairo.get();
  cairo_save(cairo);
  cairo_new_path(cairo);
  cairo_rectangle(cairo, box.left, box.top, box.width, box.height);
  cairo_clip(cairo);
}

Canvas::Clip::~Clip() { cairo_restore(canvas_.state_->cairo.get()); }

TextSize Canvas::text(Point at, std::string_view utf8, const TextStyle& style) {
  const TextSize size = state_->lay_out(utf8, style);
  double left = at.x;
  // A text that breaks is aligned within its width by Pango.
  const double room = style.width_px > 0 ? style.width_px : size.width_px;
  if (style.align == Align::kCenter) left -= room / 2;
  if (style.align == Align::kRight) left -= room;
  cairo_t* cairo = state_->cairo.get();
  cairo_move_to(cairo, left, at.y);
  state_->set_color(style.color);
  pango_cairo_show_layout(cairo, state_->layout.get());
  return size;
}

TextSize Canvas::size_of(std::string_view utf8, const TextStyle& style) const {
  return state_->lay_out(utf8, style);
}

std::span<const uint8_t> Canvas::pixels() {
  cairo_surface_t* surface = state_->surface.get();
  cairo_surface_flush(surface);
  // ARGB32 rows have no gaps: cairo's stride is four bytes a pixel.
  return {cairo_image_surface_get_data(surface),
          static_cast<size_t>(state_->width_px) * state_->height_px * kBytesPerPixel};
}

void Canvas::write_png(const std::string& path) {
  const cairo_status_t status = cairo_surface_write_to_png(state_->surface.get(), path.c_str());
  if (status != CAIRO_STATUS_SUCCESS) {
    throw Error(ErrorCode::kNotFound,
                path + ": the picture cannot be written (" + cairo_status_to_string(status) + ")");
  }
}

}  // namespace m3::drawing
