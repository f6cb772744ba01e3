#include "tests/plugins/avdec/clips.h"

#include <gst/app/gstappsink.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string_view>

namespace m3::test {
namespace {

// Moves, has sharp detail, and every frame differs: 50 frames of 25 a second.
#define M3_SOURCE "-f lavfi -i testsrc2=size=176x144:rate=25:duration=2 "
#define M3_ODD M3_SOURCE "-vf scale=177:145 "

class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "m3avdec-XXXXXX";
    if (mkdtemp(name.data())) path_ = name;
  }
  ~Folder() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

const std::filesystem::path& folder() {
  static const Folder made;
  return made.path();
}

bool run_ffmpeg(std::string arguments, const std::string& file) {
  arguments = std::regex_replace(arguments, std::regex("@"), file);
  std::istringstream parts(arguments);
  for (std::string part; std::getline(parts, part, ';');) {
    const std::string command = "cd " + folder().string() +
                                " && " M3_FFMPEG " -nostdin -v error -y -threads 2 " + part +
                                " >ffmpeg.log 2>&1";
    if (std::system(command.c_str()) != 0) {
      std::ifstream log(folder() / "ffmpeg.log");
      ADD_FAILURE() << command << "\n" << log.rdbuf();
      return false;
    }
  }
  return true;
}

uint64_t hash(uint64_t seed, const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  return seed * 0x9E3779B97F4A7C15U + std::hash<std::string_view>()(bytes);
}

void hash_pixels(GstBuffer* buffer, const GstVideoInfo& info, Shown& shown) {
  GstVideoFrame frame;
  if (!gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ)) {
    ADD_FAILURE() << "a picture cannot be read";
    return;
  }
  uint64_t all = 0;
  for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&frame); ++plane) {
    gint components[GST_VIDEO_MAX_COMPONENTS];
    gst_video_format_info_component(info.finfo, plane, components);
    const auto bytes = static_cast<size_t>(GST_VIDEO_FRAME_COMP_WIDTH(&frame, components[0])) *
                       GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, components[0]);
    const auto* row = static_cast<const uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, plane));
    for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, components[0]); ++y) {
      all = hash(all, row, bytes);
      row += GST_VIDEO_FRAME_PLANE_STRIDE(&frame, plane);
    }
    if (plane == 0) shown.luma = all;
  }
  shown.pixels = all;
  gst_video_frame_unmap(&frame);
}

GstPadProbeReturn accept_any_layout(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
  GstQuery* query = GST_PAD_PROBE_INFO_QUERY(info);
  if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION) return GST_PAD_PROBE_OK;
  gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
  return GST_PAD_PROBE_HANDLED;
}

// Waits for the next message up to `limit`; false: there was none.
bool take_message(GstBus* bus, GstClockTime limit, Decoded& decoded) {
  const MessagePtr message(gst_bus_timed_pop_filtered(
      bus, limit,
      static_cast<GstMessageType>(int{GST_MESSAGE_WARNING} | int{GST_MESSAGE_ERROR} |
                                  int{GST_MESSAGE_EOS})));
  if (!message) return false;
  const GstMessageType type = GST_MESSAGE_TYPE(message.get());
  if (type == GST_MESSAGE_WARNING) decoded.warnings.push_back(error_of(message));
  if (type == GST_MESSAGE_ERROR) decoded.errors.push_back(error_of(message));
  decoded.ended |= type != GST_MESSAGE_WARNING;
  return true;
}

std::string text_of_caps(const GstCaps* caps) {
  gchar* text = gst_caps_to_string(caps);
  const std::string without = std::regex_replace(
      text, std::regex(", multiview-(mode=\\(string\\)mono|flags=[^ ]*?)(?=,|$)"), "");
  g_free(text);
  return without;
}

void add_sample(GstSample* sample, const DecodeOptions& options, Decoded& decoded) {
  GstBuffer* buffer = gst_sample_get_buffer(sample);
  GstVideoInfo info;
  if (!gst_video_info_from_caps(&info, gst_sample_get_caps(sample))) ADD_FAILURE();
  const std::string caps = text_of_caps(gst_sample_get_caps(sample));
  if (decoded.caps.empty() || decoded.caps.back() != caps) decoded.caps.push_back(caps);
  Shown& shown = decoded.shown.emplace_back();
  shown.pts = GST_BUFFER_PTS(buffer);
  shown.duration = GST_BUFFER_DURATION(buffer);
  // Not whether the memory is a pool's.
  shown.flags = GST_BUFFER_FLAGS(buffer) & ~static_cast<guint>(GST_BUFFER_FLAG_TAG_MEMORY);
  hash_pixels(buffer, info, shown);
  decoded.read_only |= GST_MEMORY_IS_READONLY(gst_buffer_peek_memory(buffer, 0)) != 0;
  const GstMetaInfo* meta_info = gst_meta_get_info("GstM3CodecMeta");
  const GstMeta* meta = meta_info ? gst_buffer_get_meta(buffer, meta_info->api) : nullptr;
  shown.has_meta = meta != nullptr;
  if (meta && options.keep_motion) {
    shown.codec = reinterpret_cast<const GstM3CodecMeta*>(meta)->motion;
  }
}

}  // namespace

const std::vector<Clip> kClips = {
    {"h264_bframes.mp4",
     M3_SOURCE "-c:v libx264 -pix_fmt yuv420p -x264-params bframes=3:b-pyramid=normal:ref=4 @",
     "qtdemux ! h264parse", "avdec_h264"},
    {"h264_interlaced.ts",
     M3_SOURCE "-c:v libx264 -pix_fmt yuv420p -flags +ilme+ildct -x264-params tff=1 @",
     "tsdemux ! h264parse", "avdec_h264"},
    {"h264_444_odd.mkv", M3_ODD "-c:v libx264 -pix_fmt yuv444p @", "matroskademux ! h264parse",
     "avdec_h264"},
    {"h264_10bit.mkv", M3_SOURCE "-c:v libx264 -pix_fmt yuv420p10le @", "matroskademux ! h264parse",
     "avdec_h264"},
    {"h264_times_vary.mkv",
     M3_SOURCE "-vf \"select='not(mod(n,7))+not(mod(n,3))'\" -vsync vfr -c:v libx264 "
               "-pix_fmt yuv420p @",
     "matroskademux ! h264parse", "avdec_h264"},
    {"h264_no_times.h264", M3_SOURCE "-c:v libx264 -bf 2 -pix_fmt yuv420p @", "h264parse",
     "avdec_h264"},
    // Byte streams one after the other; the parser tells the new size where it begins.
    {"h264_sizes.h264",
     M3_SOURCE
     "-c:v libx264 -bf 2 -pix_fmt yuv420p small.h264;"
     "-f lavfi -i testsrc2=size=320x240:rate=25:duration=1 -c:v libx264 -bf 2 -pix_fmt yuv420p "
     "large.h264;-i 'concat:small.h264|large.h264|small.h264' -c copy @",
     "h264parse", "avdec_h264"},
    {"hevc_10bit.mkv",
     M3_SOURCE "-c:v libx265 -pix_fmt yuv420p10le "
               "-x265-params log-level=none:open-gop=1:keyint=20 @",
     "matroskademux ! h265parse", "avdec_h265"},
    {"hevc.mp4",
     M3_SOURCE "-c:v libx265 -pix_fmt yuv420p -tag:v hvc1 -x265-params log-level=none:bframes=4 @",
     "qtdemux ! h265parse", "avdec_h265"},
    {"hevc_fields.ts",
     M3_SOURCE "-c:v libx265 -pix_fmt yuv420p -x265-params log-level=none:interlace=tff @",
     "tsdemux ! h265parse", "avdec_h265"},
    {"vp9_odd.webm",
     M3_ODD "-c:v libvpx-vp9 -auto-alt-ref 1 -lag-in-frames 16 -b:v 300k -speed 6 @",
     "matroskademux", "avdec_vp9"},
    // In two passes, so that frames are hidden that others are predicted from.
    {"vp8_hidden.webm",
     "-f lavfi -i mandelbrot=size=176x144:rate=25 -t 2 -c:v libvpx -auto-alt-ref 1 "
     "-lag-in-frames 25 -b:v 200k -pass 1 -f null /dev/null;"
     "-f lavfi -i mandelbrot=size=176x144:rate=25 -t 2 -c:v libvpx -auto-alt-ref 1 "
     "-lag-in-frames 25 -b:v 200k -pass 2 @",
     "matroskademux", "avdec_vp8"},
    {"av1.mkv", M3_SOURCE "-c:v libsvtav1 -preset 10 -pix_fmt yuv420p @",
     "matroskademux ! av1parse", "av1dec"},
    {"mpeg4_bframes.avi", M3_ODD "-c:v mpeg4 -bf 2 -q:v 4 -vtag DX50 @", "avidemux", "avdec_mpeg4"},
    {"mpeg4_bframes.mp4", M3_SOURCE "-c:v mpeg4 -bf 2 -q:v 4 @", "qtdemux", "avdec_mpeg4"},
    {"mjpeg_odd.avi", M3_ODD "-c:v mjpeg -pix_fmt yuvj422p -q:v 3 @", "avidemux ! jpegparse",
     "avdec_mjpeg"},
    {"mpeg2_interlaced.ts", M3_SOURCE "-c:v mpeg2video -flags +ilme+ildct -top 1 -bf 2 -q:v 4 @",
     "tsdemux ! mpegvideoparse", "avdec_mpeg2video"},
    {"mpeg1.mpg", M3_SOURCE "-c:v mpeg1video -bf 2 -q:v 4 @", "mpegpsdemux ! mpegvideoparse",
     "avdec_mpegvideo"},
};

const Clip& clip(const std::string& name) {
  for (const Clip& clip : kClips) {
    if (clip.name == name) return clip;
  }
  ADD_FAILURE() << "no clip is called " << name;
  return kClips.front();
}

bool can_make_clips(std::string* why) {
  static const std::string missing = [] {
    if (std::string_view(M3_FFMPEG).empty()) return std::string("the program ffmpeg");
    std::istringstream plugins(M3_CLIP_PLUGINS);
    for (std::string path; plugins >> path;) {
      GstPlugin* plugin = gst_plugin_load_file(path.c_str(), nullptr);
      if (!plugin) return path;
      gst_object_unref(plugin);
    }
    return std::string();
  }();
  *why = missing + " is not installed";
  return missing.empty();
}

const std::string& path_of(const Clip& clip) {
  static std::map<std::string, std::string> made;
  std::string& path = made[clip.name];
  if (path.empty()) {
    path = folder() / clip.name;
    EXPECT_TRUE(run_ffmpeg(clip.make, clip.name));
  }
  return path;
}

uint64_t Decoded::count(const char* field) const {
  guint64 value = UINT64_MAX;
  if (stats) gst_structure_get_uint64(stats.get(), field, &value);
  return value;
}

Decoded decode(const std::string& file, const std::string& head, const std::string& decoder,
               DecodeOptions options) {
  Decoded decoded;
  const ElementPtr line = pipeline("filesrc location=" + file + " ! " + head + " ! " + decoder +
                                   " name=decoder ! appsink name=sink sync=false max-buffers=4");
  if (!line) return decoded;
  const ElementPtr sink(gst_bin_get_by_name(GST_BIN(line.get()), "sink"));
  const ElementPtr element(gst_bin_get_by_name(GST_BIN(line.get()), "decoder"));
  if (options.any_layout) {
    GstPad* pad = gst_element_get_static_pad(sink.get(), "sink");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, accept_any_layout, nullptr,
                      nullptr);
    gst_object_unref(pad);
  }
  GstBus* bus = gst_element_get_bus(line.get());
  gst_element_set_state(line.get(), GST_STATE_PLAYING);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    GstSample* sample = gst_app_sink_try_pull_sample(GST_APP_SINK(sink.get()), 100 * GST_MSECOND);
    if (sample) {
      add_sample(sample, options, decoded);
      gst_sample_unref(sample);
      continue;
    }
    while (take_message(bus, 0, decoded)) continue;
    if (decoded.ended) break;
  }
  while (take_message(bus, 0, decoded)) continue;
  gst_object_unref(bus);
  if (decoder.starts_with("m3avdec")) {
    GstStructure* stats = nullptr;
    g_object_get(element.get(), "stats", &stats, nullptr);
    decoded.stats.reset(stats);
  }
  gst_element_set_state(line.get(), GST_STATE_NULL);
  return decoded;
}

}  // namespace m3::test
