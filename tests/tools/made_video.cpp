#include "tests/tools/made_video.h"

#include <gst/gst.h>

#include <unistd.h>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace m3::test {
namespace {

namespace fs = std::filesystem;

fs::path folder() {
  fs::path path = M3_TEST_FILES;
  fs::create_directories(path);
  return path;
}

// Runs a pipeline to its end. %s stands for the file to write, which appears only when it is whole.
std::string make(const std::string& name, std::string pipeline) {
  const fs::path file = folder() / name;
  if (fs::exists(file)) return file;
  const fs::path half = file.string() + "." + std::to_string(getpid()) + ".part";
  pipeline.replace(pipeline.find("%s"), 2, "\"" + half.string() + "\"");
  gst_init(nullptr, nullptr);
  GError* error = nullptr;
  GstElement* element = gst_parse_launch(pipeline.c_str(), &error);
  if (error != nullptr) throw std::runtime_error(error->message);
  gst_element_set_state(element, GST_STATE_PLAYING);
  GstBus* bus = gst_element_get_bus(element);
  GstMessage* end = gst_bus_timed_pop_filtered(
      bus, 60 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  const bool whole = end != nullptr && GST_MESSAGE_TYPE(end) == GST_MESSAGE_EOS;
  if (end != nullptr) gst_message_unref(end);
  gst_object_unref(bus);
  gst_element_set_state(element, GST_STATE_NULL);
  gst_object_unref(element);
  if (!whole) throw std::runtime_error("cannot make " + name);
  fs::rename(half, file);
  return file;
}

std::string name_of(const std::string& file) { return fs::path(file).filename().string(); }

std::string read(const std::string& file) {
  std::ifstream source(file, std::ios::binary);
  return std::string{std::istreambuf_iterator<char>(source), {}};
}

std::string ball(int frames, int width, int height) {
  return "videotestsrc pattern=ball num-buffers=" + std::to_string(frames) +
         " ! video/x-raw,width=" + std::to_string(width) + ",height=" + std::to_string(height) +
         ",framerate=25/1 ! openh264enc ! h264parse ";
}

// Seconds of a tone: 43 blocks of 1024 samples at 44100 a second are a second, near enough.
std::string tone(double seconds) {
  return "audiotestsrc num-buffers=" + std::to_string(std::lround(seconds * 44100 / 1024)) +
         " ! audio/x-raw,rate=44100,channels=1 ! avenc_aac ";
}

}  // namespace

std::string ball_video(int frames) {
  return make("ball-" + std::to_string(frames) + ".mp4",
              ball(frames, 320, 240) + "! mp4mux faststart=true ! filesink location=%s");
}

std::string crowded_video() {
  return make("crowded.mp4", "mp4mux name=mux faststart=true ! filesink location=%s " +
                                 ball(100, 320, 240) + "! queue ! mux. " + ball(50, 160, 120) +
                                 "! queue ! mux. " + tone(4.5) + "! queue ! mux.");
}

std::string sound_only() { return make("sound.m4a", tone(2) + "! mp4mux ! filesink location=%s"); }

std::string red_picture(int red) {
  return make("red-" + std::to_string(red) + ".png",
              "videotestsrc pattern=solid-color foreground-color=" +
                  std::to_string(0xff000000u + (red << 16)) +
                  " num-buffers=1 ! video/x-raw,format=RGB,width=64,height=48 ! pngenc ! filesink "
                  "location=%s");
}

std::string cut(const std::string& file, double part) {
  const std::string bytes = read(file);
  const auto size = static_cast<size_t>(part * static_cast<double>(bytes.size()));
  return text_file("cut-" + std::to_string(size) + "-" + name_of(file), bytes.substr(0, size));
}

std::string damaged(const std::string& file, size_t bytes) {
  std::string content = read(file);
  for (size_t i = content.size() / 2; i < std::min(content.size() / 2 + bytes, content.size());
       ++i) {
    content[i] = static_cast<char>(i * 37);
  }
  return text_file("damaged-" + name_of(file), content);
}

std::string text_file(const std::string& name, const std::string& text) {
  const fs::path file = folder() / name;
  std::ofstream(file, std::ios::binary) << text;
  return file;
}

}  // namespace m3::test
