#include "core/vision/image_file.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <new>
#include <span>

#include <png.h>
#include <turbojpeg.h>

#include "core/error.h"
#include "core/model/mapped_file.h"

namespace m3 {
namespace {

constexpr int kMaxSidePx = 16384;  // as FrameView

using Bytes = std::span<const unsigned char>;

[[noreturn]] void refuse(ErrorCode code, const std::string& path, const std::string& text) {
  throw Error(code, "Picture " + path + ": " + text);
}

bool starts_with(Bytes bytes, std::initializer_list<unsigned char> signature) {
  return bytes.size() >= signature.size() &&
         std::equal(signature.begin(), signature.end(), bytes.begin());
}

Image sized_image(const std::string& path, int64_t width, int64_t height) {
  if (width < 1 || height < 1) refuse(ErrorCode::kCorrupt, path, "the file tells no size");
  if (width > kMaxSidePx || height > kMaxSidePx) {
    refuse(ErrorCode::kUnsupported, path,
           std::to_string(width) + "x" + std::to_string(height) + " pixels are not in 1.." +
               std::to_string(kMaxSidePx) + " a side");
  }
  Image image;
  image.width_px = static_cast<int>(width);
  image.height_px = static_cast<int>(height);
  image.rgb.resize(static_cast<size_t>(width) * height * 3);
  return image;
}

Image read_jpeg(const std::string& path, Bytes bytes) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), &tjDestroy);
  if (!decoder) refuse(ErrorCode::kOutOfMemory, path, "no JPEG decoder could be made");
  const auto check = [&](int status) {
    if (status == 0) return;
    refuse(ErrorCode::kCorrupt, path,
           std::string("not a whole JPEG file (") + tjGetErrorStr2(decoder.get()) + ")");
  };
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colorspace = 0;
  check(tjDecompressHeader3(decoder.get(), bytes.data(), bytes.size(), &width, &height,
                            &subsampling, &colorspace));
  if (colorspace == TJCS_CMYK || colorspace == TJCS_YCCK) {
    refuse(ErrorCode::kUnsupported, path, "a JPEG in printing colours (CMYK); convert it to RGB");
  }
  Image image = sized_image(path, width, height);
  // A progressive file may repeat its scans without end: the limit makes that an error.
  check(tjDecompress2(decoder.get(), bytes.data(), bytes.size(), image.rgb.data(), width, 0, height,
                      TJPF_RGB, TJFLAG_LIMITSCANS));
  return image;
}

Image read_png(const std::string& path, Bytes bytes) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, void (*)(png_imagep)> owner(&png, &png_image_free);
  const auto check = [&](int good) {
    if (good == 0) {
      refuse(ErrorCode::kCorrupt, path, std::string("not a whole PNG file (") + png.message + ")");
    }
  };
  check(png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()));
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  Image image = sized_image(path, png.width, png.height);
  if ((png.format & PNG_FORMAT_FLAG_ALPHA) == 0) {
    png.format = PNG_FORMAT_RGB;
    check(png_image_finish_read(&png, nullptr, image.rgb.data(), 0, nullptr));
    return image;
  }
  // Asked for without alpha, libpng would lay the colours over a background; they are wanted as
  // stored.
  png.format = PNG_FORMAT_RGBA;
  std::vector<unsigned char> rgba(static_cast<size_t>(png.width) * png.height * 4);
  check(png_image_finish_read(&png, nullptr, rgba.data(), 0, nullptr));
  for (size_t i = 0, o = 0; i < rgba.size(); i += 4, o += 3) {
    std::memcpy(&image.rgb[o], &rgba[i], 3);
  }
  return image;
}

}  // namespace

FrameView Image::view() const {
  FrameView view;
  view.format = PixelFormat::kRgb;
  view.width_px = width_px;
  view.height_px = height_px;
  view.planes[0] = {rgb.data(), ptrdiff_t{3} * width_px};
  return view;
}

Image read_image(const std::string& path) {
  const auto file = MappedFile::open(path);
  const Bytes bytes(reinterpret_cast<const unsigned char*>(file->bytes().data()),
                    file->bytes().size());
  try {
    if (starts_with(bytes, {0xFF, 0xD8, 0xFF})) return read_jpeg(path, bytes);
    if (starts_with(bytes, {0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A})) {
      return read_png(path, bytes);
    }
  } catch (const std::bad_alloc&) {
    refuse(ErrorCode::kOutOfMemory, path, "not enough memory for its pixels");
  }
  refuse(ErrorCode::kUnsupported, path, "neither a JPEG nor a PNG file; convert it to one of them");
}

}  // namespace m3
