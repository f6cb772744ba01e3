// The fixed texts around pictures and questions that LLaVA checkpoints were trained with. A
// checkpoint's own template is a program (Jinja), which is not run: it is recognised by the marks
// that it holds. Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/export.h"
#include "core/model/chat_template.h"
#include "core/model/tokenizer.h"

namespace m3 {

enum class ChatKind {
  kVicuna,  // LLaVA-1.5's (vicuna_v1)
  kChatMl,  // <|im_start|> and <|im_end|>
  kLlama3,  // <|start_header_id|>, <|end_header_id|> and <|eot_id|>
};

// A chat template that lies in a model's folder.
struct FoundChat {
  std::string path;              // of its file
  std::optional<ChatKind> kind;  // none: it is not one that this build knows
};

// chat_template.jinja, or `chat_template` in chat_template.json, processor_config.json or
// tokenizer_config.json: the first that there is. Throws kCorrupt and kNotFound, naming the file.
M3_API std::optional<FoundChat> find_chat(const std::string& folder);
M3_API std::optional<ChatKind> recognise_chat(std::string_view jinja);

// For a person: "vicuna, by its chat_template.json".
M3_API std::string describe_chat(const std::optional<FoundChat>& found);

// The texts of the kind that was found. Where none was, or one that is not known, or the tokenizer
// lacks its tokens: ChatML where the tokenizer has <|im_start|>, Llama 3's where it has
// <|start_header_id|>, else vicuna's. The texts leave out what the tokenizer's opening_ids() hold.
M3_API ChatTemplate llava_chat(const Tokenizer& tokenizer,
                               const std::optional<FoundChat>& found = {});

}  // namespace m3
