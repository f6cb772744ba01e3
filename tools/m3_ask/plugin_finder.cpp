#include "tools/m3_ask/plugin_finder.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "core/error.h"
#include "tools/common/process.h"
#include "tools/m3_ask/gst_ptr.h"

namespace m3::ask {
namespace {

constexpr char kPluginFile[] = "libgstmatryoshka.so";

bool load(const std::filesystem::path& file) {
  std::error_code missing;
  if (!std::filesystem::exists(file, missing)) return false;
  GError* raw_error = nullptr;
  const GstPtr<GstPlugin> plugin(gst_plugin_load_file(file.c_str(), &raw_error));
  const GstPtr<GError> error(raw_error);
  if (error)
    throw Error(ErrorCode::kNotFound, "cannot load " + file.string() + ": " + error->message);
  return plugin != nullptr;
}

}  // namespace

void start_gstreamer() {
  gst_init(nullptr, nullptr);
  // What the log says at levels that tools switch on for themselves is not for people.
  if (std::getenv("GST_DEBUG") == nullptr) gst_debug_remove_log_function(gst_debug_log_default);
  const char* path = std::getenv("GST_PLUGIN_PATH");
  if (path == nullptr || *path == '\0') {
    const std::filesystem::path here = tools::executable_folder();
    if (load(here / ".." / "plugins" / kPluginFile) ||
        load(std::filesystem::path(M3_PLUGINS_DIR) / kPluginFile))
      return;
  }
  const GstPtr<GstElementFactory> factory(gst_element_factory_find("m3qa"));
  if (!factory) {
    throw Error(ErrorCode::kNotFound,
                std::string("there is no element m3qa: set GST_PLUGIN_PATH to the folder of ") +
                    kPluginFile);
  }
}

}  // namespace m3::ask
