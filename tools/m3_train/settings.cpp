#include "tools/m3_train/settings.h"

#include <nlohmann/json.hpp>

#include "core/model/json_file.h"

namespace m3::train {
namespace {

constexpr double kRateOfFull = 2e-5;

}  // namespace

Settings read_settings(const std::string& path) {
  JsonObject file = JsonObject::read(path);
  Settings settings;
  const auto whole = [&](const char* key, int& value, int least, int most) {
    if (file.contains(key)) value = static_cast<int>(file.integer(key, least, most));
  };
  const auto number = [&](const char* key, double& value, double least, double most) {
    if (file.contains(key)) value = file.number(key, least, most);
  };
  whole("batch", settings.batch, 1, 1024);
  if (file.contains("full")) settings.full = file.boolean("full");
  if (settings.full) settings.rate = kRateOfFull;
  number("rate", settings.rate, 0, 1);
  number("projector_rate", settings.projector_rate, 0, 1);
  whole("warmup_steps", settings.warmup_steps, 0, 100'000);
  number("clip", settings.clip, 0, 1e9);
  if (file.contains("all_scales")) settings.all_scales = file.boolean("all_scales");
  if (file.contains("scale_weights")) {
    settings.scale_weights = file.numbers("scale_weights", 0, 1e6);
    double sum = 0;
    for (const double weight : settings.scale_weights) sum += weight;
    if (sum <= 0) file.fail("scale_weights", "must not all be 0");
  }
  whole("rank", settings.rank, 0, 4096);
  number("pictures_first", settings.pictures_first, 0, 1);
  number("long_windows", settings.long_windows, 0, 1);
  whole("start_pictures", settings.start_pictures, 1, 1'000'000);
  whole("check_every", settings.check_every, 1, 1'000'000);
  whole("save_seconds", settings.save_seconds, 0, 86'400);
  number("features_gb", settings.features_gb, 0, 100'000);
  file.check_all_read();
  return settings;
}

std::string text_of(const Settings& settings) {
  return nlohmann::json{{"batch", settings.batch},
                        {"rate", settings.rate},
                        {"projector_rate", settings.projector_rate},
                        {"warmup_steps", settings.warmup_steps},
                        {"clip", settings.clip},
                        {"all_scales", settings.all_scales},
                        {"scale_weights", settings.scale_weights},
                        {"rank", settings.rank},
                        {"full", settings.full},
                        {"pictures_first", settings.pictures_first},
                        {"long_windows", settings.long_windows},
                        {"start_pictures", settings.start_pictures}}
      .dump();
}

}  // namespace m3::train
