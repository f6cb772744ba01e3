#include "core/model/llava_chat.h"

namespace m3 {

// A still picture has no marker: with one picture the sequence is the one of training. The line
// break behind it opens the question. A video frame's marker is ours; training had no such thing.
ChatTemplate llava_chat(const Tokenizer& tokenizer) {
  ChatTemplate chat;
  chat.marker_picture = "";
  if (tokenizer.id_of("<|im_start|>")) {
    chat.system = "You are a helpful assistant.";
    chat.prefix = "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n";
    chat.marker_video = "\n{second}s: ";
    chat.question = "\n{question}<|im_end|>\n<|im_start|>assistant\n";
    chat.end = tokenizer.id_of("<|im_end|>") ? "<|im_end|>" : "";
  } else if (tokenizer.id_of("<|start_header_id|>")) {
    chat.system = "You are a helpful assistant.";
    chat.prefix =
        "<|start_header_id|>system<|end_header_id|>\n\n{system}<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\n";
    chat.marker_video = "\n{second}s: ";
    chat.question = "\n{question}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n";
    chat.end = tokenizer.id_of("<|eot_id|>") ? "<|eot_id|>" : "";
  } else {
    chat.system =
        "A chat between a curious user and an artificial intelligence assistant. The assistant "
        "gives helpful, detailed, and polite answers to the user's questions.";
    chat.prefix = "{system} USER: ";
    chat.marker_video = "\n{second}s: ";
    chat.question = "\n{question} ASSISTANT:";
    chat.end = tokenizer.id_of("</s>") ? "</s>" : "";
  }
  return chat;
}

}  // namespace m3
