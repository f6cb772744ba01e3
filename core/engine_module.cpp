#include "core/engine_module.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <dlfcn.h>
#include <link.h>

#include "core/error.h"
#include "core/trainer.h"

namespace m3 {
namespace {

constexpr char kTorchFile[] = "libtorch_cpu.so";

std::vector<std::string> module_folders() {
  std::vector<std::string> folders;
  const char* variable = std::getenv("M3_ENGINE_PATH");
  std::string_view rest = variable ? variable : "";
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(':'), rest.size());
    if (end > 0) folders.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  folders.emplace_back(M3_MODULE_DIR);
  return folders;
}

std::string find_module() {
  std::string searched;
  for (const std::string& folder : module_folders()) {
    const std::filesystem::path path = std::filesystem::path(folder) / kEngineModuleFile;
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path.string();
    searched += (searched.empty() ? "" : ", ") + folder;
  }
  throw Error(ErrorCode::kNotFound,
              std::string("The engine module ") + kEngineModuleFile +
                  " is in none of: " + searched +
                  ". Build the project with libtorch (scripts/setup prepares it) or set "
                  "M3_ENGINE_PATH to the folder that holds the module");
}

// The file that `file_name` was mapped from into this process; empty when it is not mapped.
std::string mapped_library(const char* file_name) {
  struct Search {
    const char* file_name;
    std::string found;
  } search{file_name, {}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        Search& search = *static_cast<Search*>(data);
        const char* slash = std::strrchr(info->dlpi_name, '/');
        const char* base = slash ? slash + 1 : info->dlpi_name;
        if (std::strncmp(base, search.file_name, std::strlen(search.file_name)) != 0) return 0;
        search.found = info->dlpi_name;
        return 1;
      },
      &search);
  return search.found;
}

// Where the dynamic linker looks first for `file_name` on behalf of `handle`; empty when it is in
// none of the folders.
std::string searched_library(void* handle, const char* file_name) {
  Dl_serinfo size{};
  if (dlinfo(handle, RTLD_DI_SERINFOSIZE, &size) != 0) return {};
  std::vector<std::max_align_t> room(size.dls_size / sizeof(std::max_align_t) + 1);
  auto* info = reinterpret_cast<Dl_serinfo*>(room.data());
  if (dlinfo(handle, RTLD_DI_SERINFOSIZE, info) != 0) return {};
  if (dlinfo(handle, RTLD_DI_SERINFO, info) != 0) return {};
  for (unsigned i = 0; i < info->dls_cnt; ++i) {
    const auto path = std::filesystem::path(info->dls_serpath[i].dls_name) / file_name;
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path.string();
  }
  return {};
}

[[noreturn]] void throw_not_opened(const std::string& path, const std::string& why,
                                   const std::string& mapped_torch) {
  if (why.find("libtorch") != std::string::npos || why.find("libc10") != std::string::npos) {
    if (why.find("cannot open shared object file") != std::string::npos) {
      throw Error(ErrorCode::kNotFound,
                  "libtorch, which the engine module " + path + " needs, was not found (" + why +
                      "). Install the libtorch it was built with (scripts/setup) or add its lib "
                      "folder to LD_LIBRARY_PATH");
    }
  }
  std::string text = "The engine module " + path + " cannot be opened (" + why + ").";
  if (!mapped_torch.empty()) {
    text += " This process had already loaded " + mapped_torch + ";";
    text += " use the libtorch that the module was built with, or another process";
  } else {
    text += " Rebuild the project against the installed libtorch";
  }
  throw Error(ErrorCode::kMismatch, text);
}

[[noreturn]] void throw_other_abi(const std::string& path, int found, int wanted) {
  throw Error(ErrorCode::kMismatch, "The engine module " + path + " has interface version " +
                                        std::to_string(found) + ", this library needs " +
                                        std::to_string(wanted) +
                                        ". Rebuild or reinstall both together");
}

const EngineModule& checked_module(void* handle, const std::string& path) {
  const auto* module = static_cast<const EngineModule*>(dlsym(handle, kEngineModuleEntry));
  if (module == nullptr) {
    throw Error(ErrorCode::kMismatch, path + " is no engine module (it has no symbol " +
                                          kEngineModuleEntry +
                                          "). Rebuild the project or correct M3_ENGINE_PATH");
  }
  if (module->abi != kEngineAbi) throw_other_abi(path, module->abi, kEngineAbi);
  return *module;
}

// An engine module that is open, and the file that it is.
struct OpenModule {
  std::string path;
  void* handle = nullptr;
};

OpenModule open_module() {
  const std::string path = find_module();
  const std::string torch_before = mapped_library(kTorchFile);
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) throw_not_opened(path, dlerror(), torch_before);

  if (!torch_before.empty()) {
    // The linker bound the module to the libtorch that was there, whatever its version: nothing of
    // it may be called unless it is the very file that the module would have got by itself.
    const std::string own = searched_library(handle, kTorchFile);
    std::error_code ignored;
    if (!own.empty() && !std::filesystem::equivalent(own, torch_before, ignored)) {
      throw Error(ErrorCode::kMismatch, "This process had already loaded " + torch_before +
                                            ", but the engine module " + path + " was built with " +
                                            own +
                                            ". Use one libtorch for both, or another process");
    }
  }
  return {path, handle};
}

}  // namespace

const EngineModule& open_engine_module() {
  const OpenModule module = open_module();
  return checked_module(module.handle, module.path);
}

const TrainerModule& open_trainer_module() {
  const OpenModule module = open_module();
  checked_module(module.handle, module.path);
  const auto* trainer =
      static_cast<const TrainerModule*>(dlsym(module.handle, kTrainerModuleEntry));
  if (trainer == nullptr)
    throw Error(ErrorCode::kUnsupported, "The engine module " + module.path + " cannot train");
  if (trainer->abi != kTrainerAbi) throw_other_abi(module.path, trainer->abi, kTrainerAbi);
  return *trainer;
}

}  // namespace m3
