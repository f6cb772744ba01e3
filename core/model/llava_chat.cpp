#include "core/model/llava_chat.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "core/model/json_file.h"
#include "core/model/mapped_file.h"

namespace m3 {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestTemplate = size_t{1} << 20;  // bytes; what lies behind is not looked at

std::optional<ChatKind> recognise_file(const fs::path& file) {
  const auto mapped = MappedFile::open(file.string());
  const std::span<const std::byte> bytes = mapped->bytes();
  return recognise_chat(
      {reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kLongestTemplate)});
}

// One template, or several with names, of which "default" counts.
std::optional<std::string> template_in(const fs::path& file) {
  JsonObject object = JsonObject::read(file.string());
  if (!object.has_value("chat_template")) return std::nullopt;
  if (!object.is_array("chat_template")) return object.text("chat_template");
  std::optional<std::string> found;
  for (JsonObject& one : object.objects("chat_template")) {
    if (!found || one.text("name") == "default") found = one.text("template");
  }
  return found;
}

bool has_tokens_of(const Tokenizer& tokenizer, ChatKind kind) {
  switch (kind) {
    case ChatKind::kChatMl:
      return tokenizer.id_of("<|im_start|>").has_value();
    case ChatKind::kLlama3:
      return tokenizer.id_of("<|start_header_id|>").has_value();
    case ChatKind::kVicuna:
      return true;
  }
  return false;
}

ChatKind kind_of(const Tokenizer& tokenizer, const std::optional<FoundChat>& found) {
  if (found && found->kind && has_tokens_of(tokenizer, *found->kind)) return *found->kind;
  for (const ChatKind kind : {ChatKind::kChatMl, ChatKind::kLlama3}) {
    if (has_tokens_of(tokenizer, kind)) return kind;
  }
  return ChatKind::kVicuna;
}

const char* name_of(ChatKind kind) {
  switch (kind) {
    case ChatKind::kChatMl:
      return "ChatML";
    case ChatKind::kLlama3:
      return "Llama 3";
    case ChatKind::kVicuna:
      return "vicuna";
  }
  return "";
}

}  // namespace

std::optional<ChatKind> recognise_chat(std::string_view jinja) {
  const auto holds = [&](std::string_view text) {
    return jinja.find(text) != std::string_view::npos;
  };
  if (holds("<|start_header_id|>") && holds("<|eot_id|>")) return ChatKind::kLlama3;
  if (holds("<|im_start|>") && holds("<|im_end|>")) return ChatKind::kChatMl;
  if (holds("ASSISTANT:")) return ChatKind::kVicuna;
  return std::nullopt;
}

std::optional<FoundChat> find_chat(const std::string& folder) {
  std::error_code ignored;
  if (const fs::path file = fs::path(folder) / "chat_template.jinja"; fs::exists(file, ignored)) {
    return FoundChat{file.string(), recognise_file(file)};
  }
  for (const char* name :
       {"chat_template.json", "processor_config.json", "tokenizer_config.json"}) {
    const fs::path file = fs::path(folder) / name;
    if (!fs::exists(file, ignored)) continue;
    if (const auto text = template_in(file)) {
      return FoundChat{file.string(), recognise_chat(*text)};
    }
  }
  return std::nullopt;
}

std::string describe_chat(const std::optional<FoundChat>& found) {
  if (!found) return "by the tokenizer's special tokens, else vicuna; the folder has no template";
  const std::string file = fs::path(found->path).filename().string();
  if (found->kind) return std::string(name_of(*found->kind)) + ", by its " + file;
  return "by the tokenizer's special tokens, else vicuna; the template in " + file +
         " is not one that this build knows (vicuna, ChatML, Llama 3)";
}

// A still picture has no marker: with one picture the sequence is the one of training. The line
// break behind it opens the question. A video frame's marker is ours; training had no such thing.
ChatTemplate llava_chat(const Tokenizer& tokenizer, const std::optional<FoundChat>& found) {
  ChatTemplate chat;
  chat.marker_picture = "";
  chat.marker_video = "\n{second}s: ";
  chat.system = "You are a helpful assistant.";
  std::string user;  // what opens a later turn
  switch (kind_of(tokenizer, found)) {
    case ChatKind::kChatMl:
      user = "<|im_start|>user\n";
      chat.prefix = "<|im_start|>system\n{system}<|im_end|>\n" + user;
      chat.question_alone = "{question}<|im_end|>\n<|im_start|>assistant\n";
      chat.end = "<|im_end|>";
      chat.question_again = "\n" + user + chat.question_alone;
      break;
    case ChatKind::kLlama3:
      user = "<|start_header_id|>user<|end_header_id|>\n\n";
      chat.prefix = "<|start_header_id|>system<|end_header_id|>\n\n{system}<|eot_id|>" + user;
      chat.question_alone = "{question}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n";
      chat.end = "<|eot_id|>";
      chat.question_again = user + chat.question_alone;
      break;
    case ChatKind::kVicuna:
      chat.system =
          "A chat between a curious user and an artificial intelligence assistant. The assistant "
          "gives helpful, detailed, and polite answers to the user's questions.";
      chat.prefix = "{system} USER: ";
      chat.question_alone = "{question} ASSISTANT:";
      chat.end = "</s>";
      chat.question_again = "USER: " + chat.question_alone;
      break;
  }
  chat.question = "\n" + chat.question_alone;
  if (!tokenizer.id_of(chat.end)) chat.end.clear();
  return chat;
}

}  // namespace m3
