// The fixed texts around pictures and questions that LLaVA checkpoints were trained with, told by
// the special tokens of their tokenizer. Their own templates are programs (Jinja), which are not
// run. Threads: a pure function.
#pragma once

#include "core/export.h"
#include "core/model/chat_template.h"
#include "core/model/tokenizer.h"

namespace m3 {

// ChatML where the tokenizer has <|im_start|>, Llama 3's where it has <|start_header_id|>, else
// LLaVA-1.5's (vicuna_v1). The texts leave out what the tokenizer's opening_ids() hold.
M3_API ChatTemplate llava_chat(const Tokenizer& tokenizer);

}  // namespace m3
