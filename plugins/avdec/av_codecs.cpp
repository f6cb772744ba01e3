#include "plugins/avdec/av_codecs.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "plugins/glue.h"

namespace m3 {
namespace {

struct Codec {
  AVCodecID id;
  const char* caps;
  bool has_headers;  // the caps' codec_data can't be left out or changed while a decoder runs
};

constexpr Codec kCodecs[] = {
    {AV_CODEC_ID_H264,
     "video/x-h264, stream-format=(string){ avc, avc3, byte-stream }, alignment=(string)au", true},
    {AV_CODEC_ID_HEVC,
     "video/x-h265, stream-format=(string){ hvc1, hev1, byte-stream }, alignment=(string)au", true},
    {AV_CODEC_ID_AV1,
     "video/x-av1, stream-format=(string)obu-stream, alignment=(string){ tu, frame }", false},
    {AV_CODEC_ID_VP9, "video/x-vp9", false},
    {AV_CODEC_ID_VP8, "video/x-vp8", false},
    {AV_CODEC_ID_MPEG4,
     "video/mpeg, mpegversion=(int)4, systemstream=(boolean)false; "
     "video/x-divx, divxversion=(int)[ 4, 5 ]; video/x-xvid",
     true},
    {AV_CODEC_ID_MPEG2VIDEO,
     "video/mpeg, mpegversion=(int)2, systemstream=(boolean)false, parsed=(boolean)true", true},
    {AV_CODEC_ID_MPEG1VIDEO,
     "video/mpeg, mpegversion=(int)1, systemstream=(boolean)false, parsed=(boolean)true", true},
    {AV_CODEC_ID_MJPEG, "image/jpeg", false},
};

struct CapsUnref {
  void operator()(GstCaps* caps) const { gst_caps_unref(caps); }
};

const Codec* codec_of(const GstCaps* caps) {
  const auto fits = [caps](const Codec& codec) {
    const std::unique_ptr<GstCaps, CapsUnref> taken(gst_caps_from_string(codec.caps));
    return gst_caps_is_subset(caps, taken.get()) && avcodec_find_decoder(codec.id);
  };
  const auto* found = std::find_if(std::begin(kCodecs), std::end(kCodecs), fits);
  return found == std::end(kCodecs) ? nullptr : found;
}

// Encoders left marks that FFmpeg's MPEG-4 decoder works around, told by the container's name for
// them.
uint32_t tag_of(const GstStructure* stream) {
  if (gst_structure_has_name(stream, "video/x-xvid")) return MKTAG('X', 'V', 'I', 'D');
  if (gst_structure_has_name(stream, "video/x-divx")) {
    gint version = 0;
    gst_structure_get_int(stream, "divxversion", &version);
    return version == 5 ? MKTAG('D', 'X', '5', '0') : MKTAG('D', 'I', 'V', 'X');
  }
  return 0;
}

void set_headers(const GstStructure* stream, AVCodecParameters& parameters) {
  // A byte stream carries its headers itself.
  const gchar* format = gst_structure_get_string(stream, "stream-format");
  if (format && std::strcmp(format, "byte-stream") == 0) return;
  const GValue* value = gst_structure_get_value(stream, "codec_data");
  if (!value || !GST_VALUE_HOLDS_BUFFER(value)) return;
  GstBuffer* buffer = gst_value_get_buffer(value);
  const gsize size = gst_buffer_get_size(buffer);
  if (size == 0) return;
  parameters.extradata = static_cast<uint8_t*>(av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE));
  if (!parameters.extradata) {
    throw Error(ErrorCode::kOutOfMemory,
                "No memory for " + std::to_string(size) + " bytes of codec_data in the caps");
  }
  parameters.extradata_size =
      static_cast<int>(gst_buffer_extract(buffer, 0, parameters.extradata, size));
}

}  // namespace

GstCaps* new_encoded_caps() {
  GstCaps* caps = gst_caps_new_empty();
  for (const Codec& codec : kCodecs) {
    if (avcodec_find_decoder(codec.id)) gst_caps_append(caps, gst_caps_from_string(codec.caps));
  }
  return caps;
}

AvPtr<AVCodecParameters> codec_parameters_of(const GstCaps* caps) {
  const Codec* codec = codec_of(caps);
  const GstStructure* stream = gst_caps_get_structure(caps, 0);
  if (!codec) {
    throw Error(ErrorCode::kUnsupported,
                std::string("No decoder of this FFmpeg takes ") + gst_structure_get_name(stream) +
                    " as its caps describe it; put the codec's parser before the element");
  }
  auto parameters = av_owned(avcodec_parameters_alloc());
  parameters->codec_type = AVMEDIA_TYPE_VIDEO;
  parameters->codec_id = codec->id;
  parameters->codec_tag = tag_of(stream);
  // A hint only: the stream itself tells. Two fields in one packet of MJPEG are known by it.
  gst_structure_get_int(stream, "width", &parameters->width);
  gst_structure_get_int(stream, "height", &parameters->height);
  if (codec->has_headers || codec->id == AV_CODEC_ID_AV1) set_headers(stream, *parameters);
  return parameters;
}

bool same_decoder(const AVCodecParameters& a, const AVCodecParameters& b) {
  if (a.codec_id != b.codec_id || a.codec_tag != b.codec_tag) return false;
  const bool has_headers =
      std::any_of(std::begin(kCodecs), std::end(kCodecs),
                  [&](const Codec& codec) { return codec.id == a.codec_id && codec.has_headers; });
  return !has_headers ||
         (a.extradata_size == b.extradata_size &&
          (a.extradata_size == 0 || std::memcmp(a.extradata, b.extradata, a.extradata_size) == 0));
}

}  // namespace m3
