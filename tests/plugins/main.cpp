// Starts GStreamer with our plugin and the stock plugins named by the build, and nothing else of
// the machine.
#include <gst/gst.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

namespace {

bool load(const std::string& path) {
  GError* error = nullptr;
  GstPlugin* plugin = gst_plugin_load_file(path.c_str(), &error);
  if (!plugin) {
    std::fprintf(stderr, "%s\n", error->message);
    g_clear_error(&error);
    return false;
  }
  gst_object_unref(plugin);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  // No scanner in a child process and no registry on disk: sanitizers see all there is.
  gst_registry_fork_set_enabled(FALSE);
  setenv("GST_PLUGIN_SYSTEM_PATH_1_0", "", 1);
  setenv("GST_PLUGIN_PATH_1_0", "", 1);
  setenv("GST_PLUGIN_PATH", "", 1);
  setenv("GST_REGISTRY_UPDATE", "no", 1);
  setenv("GST_REGISTRY", "/dev/null", 1);
  gst_init(nullptr, nullptr);
  g_log_set_always_fatal(static_cast<GLogLevelFlags>(G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK));
  std::istringstream stock(M3_STOCK_PLUGINS);
  bool loaded = load(M3_PLUGIN);
  for (std::string path; stock >> path;) loaded = load(path) && loaded;
  return loaded ? RUN_ALL_TESTS() : 1;
}
