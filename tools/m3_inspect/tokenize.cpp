#include "tools/m3_inspect/tokenize.h"

#include <filesystem>
#include <system_error>

#include "core/model/gguf.h"
#include "core/model/gguf_tokenizer.h"
#include "core/model/hf_tokenizer.h"
#include "core/model/llava_config.h"
#include "core/model/model_config.h"

namespace m3::inspect {
namespace {

bool is_folder(const std::string& model) {
  return !model.starts_with("fake:") && !model.starts_with("random:");
}

}  // namespace

std::vector<int32_t> tokenize(const EngineOptions& options, const std::string& text,
                              std::stop_token stop) {
  if (is_folder(options.model)) {
    const std::string path = find_model(options.model);
    if (is_llava_config(path)) {
      const std::string file = read_llava_config(path).folder + "/tokenizer.json";
      std::error_code ignored;
      if (std::filesystem::exists(file, ignored)) return open_hf_tokenizer(file)->encode(text);
    } else if (const ModelConfig config = read_model_config(path); config.llm_file) {
      return make_tokenizer(Gguf::open(find_base_file(config, *config.llm_file)))->encode(text);
    }
  }
  return shared_engine(options, {}, stop)->tokenize(text);
}

}  // namespace m3::inspect
