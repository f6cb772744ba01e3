#include "plugins/llm_properties.h"

#include <string>
#include <vector>

#include "plugins/when_busy.h"

namespace m3 {
namespace {

enum {
  PROP_0,
  PROP_WINDOW_TOKENS,
  PROP_MEMORY_LOCATION,
  PROP_QUESTION,
  PROP_INTERVAL,
  PROP_SYSTEM_PROMPT,
  PROP_MAX_NEW_TOKENS,
  PROP_TEMPERATURE,
  PROP_TOP_P,
  PROP_SEED,
  PROP_STOP,
  PROP_DEADLINE,
  PROP_CONVERSATION,
  PROP_ANSWER_FORMAT,
  PROP_WHEN_BUSY,
  PROP_FRAME_MESSAGES,
  PROP_STREAM,
  PROP_STATS,
};

static_assert(PROP_STATS == kLlmStatsId);

std::vector<std::string> texts_of(const GValue* array) {
  const guint count = gst_value_array_get_size(array);
  std::vector<std::string> texts;
  texts.reserve(count);
  for (guint i = 0; i < count; ++i) {
    texts.emplace_back(m3::text_of(gst_value_array_get_value(array, i)));
  }
  return texts;
}

void set_texts(GValue* array, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    GValue value = G_VALUE_INIT;
    g_value_init(&value, G_TYPE_STRING);
    g_value_set_string(&value, text.c_str());
    gst_value_array_append_and_take_value(array, &value);
  }
}

}  // namespace

bool set_llm_property(ResponderSettings& settings, guint id, const GValue* value) {
  switch (id) {
    case PROP_WINDOW_TOKENS:
      settings.window_tokens = g_value_get_int(value);
      break;
    case PROP_MEMORY_LOCATION:
      settings.memory_location = text_of(value);
      break;
    case PROP_QUESTION:
      settings.question = text_of(value);
      break;
    case PROP_INTERVAL:
      settings.interval = g_value_get_double(value);
      break;
    case PROP_SYSTEM_PROMPT:
      settings.system_prompt = text_of(value);
      break;
    case PROP_MAX_NEW_TOKENS:
      settings.max_new_tokens = g_value_get_int(value);
      break;
    case PROP_TEMPERATURE:
      settings.temperature = g_value_get_double(value);
      break;
    case PROP_TOP_P:
      settings.top_p = g_value_get_double(value);
      break;
    case PROP_SEED:
      settings.seed = g_value_get_uint64(value);
      break;
    case PROP_STOP:
      settings.stop = texts_of(value);
      break;
    case PROP_DEADLINE:
      settings.deadline = g_value_get_double(value);
      break;
    case PROP_CONVERSATION:
      settings.conversation = text_of(value);
      break;
    case PROP_ANSWER_FORMAT:
      settings.answer_format = text_of(value);
      break;
    case PROP_WHEN_BUSY:
      settings.when_busy = static_cast<GstM3WhenBusy>(g_value_get_enum(value));
      break;
    case PROP_FRAME_MESSAGES:
      settings.frame_messages = g_value_get_boolean(value);
      break;
    case PROP_STREAM:
      settings.stream = text_of(value);
      break;
    default:
      return false;
  }
  return true;
}

bool get_llm_property(const ResponderSettings& settings, guint id, GValue* value) {
  switch (id) {
    case PROP_WINDOW_TOKENS:
      g_value_set_int(value, settings.window_tokens);
      break;
    case PROP_MEMORY_LOCATION:
      set_text(value, settings.memory_location);
      break;
    case PROP_QUESTION:
      set_text(value, settings.question);
      break;
    case PROP_INTERVAL:
      g_value_set_double(value, settings.interval);
      break;
    case PROP_SYSTEM_PROMPT:
      set_text(value, settings.system_prompt);
      break;
    case PROP_MAX_NEW_TOKENS:
      g_value_set_int(value, settings.max_new_tokens);
      break;
    case PROP_TEMPERATURE:
      g_value_set_double(value, settings.temperature);
      break;
    case PROP_TOP_P:
      g_value_set_double(value, settings.top_p);
      break;
    case PROP_SEED:
      g_value_set_uint64(value, settings.seed);
      break;
    case PROP_STOP:
      set_texts(value, settings.stop);
      break;
    case PROP_DEADLINE:
      g_value_set_double(value, settings.deadline);
      break;
    case PROP_CONVERSATION:
      set_text(value, settings.conversation);
      break;
    case PROP_ANSWER_FORMAT:
      g_value_set_string(value, settings.answer_format.c_str());
      break;
    case PROP_WHEN_BUSY:
      g_value_set_enum(value, settings.when_busy);
      break;
    case PROP_FRAME_MESSAGES:
      g_value_set_boolean(value, settings.frame_messages);
      break;
    case PROP_STREAM:
      g_value_set_string(value, settings.stream.c_str());
      break;
    default:
      return false;
  }
  return true;
}

Specs llm_properties() {
  const ResponderSettings defaults;
  return {
      g_param_spec_int("window-tokens", "Window tokens",
                       "Visual tokens that the window holds at most (0 = what the model was "
                       "trained for, else 1024)",
                       0, 16777216, defaults.window_tokens, kMutableReady),
      g_param_spec_string("memory-location", "Memory location",
                          "Folder of the recall store (none; refused by this version)", nullptr,
                          kMutableReady),
      g_param_spec_string("question", "Question",
                          "A question asked of every stream, see interval (none = no question)",
                          nullptr, kMutablePlaying),
      g_param_spec_double("interval", "Interval",
                          "Seconds of stream time between answers to the question (0 = once at "
                          "the end)",
                          0, 1e9, defaults.interval, kMutablePlaying),
      g_param_spec_string("system-prompt", "System prompt",
                          "Text that opens the window (none = the model's own)", nullptr,
                          kMutableReady),
      g_param_spec_int("max-new-tokens", "Longest answer",
                       "Tokens of an answer at most; a longer one ends with finish=length", 1,
                       1048576, defaults.max_new_tokens, kMutablePlaying),
      g_param_spec_double("temperature", "Temperature",
                          "Randomness of the choice of tokens (0 = always the likeliest one)", 0, 2,
                          defaults.temperature, kMutablePlaying),
      g_param_spec_double("top-p", "Top-p",
                          "Share of probability that tokens are chosen from; used with a "
                          "temperature above 0",
                          0.001, 1, defaults.top_p, kMutablePlaying),
      g_param_spec_uint64("seed", "Seed",
                          "Start of the random numbers; used with a temperature above 0", 0,
                          G_MAXUINT64, defaults.seed, kMutablePlaying),
      gst_param_spec_array(
          "stop", "Stop texts",
          "Texts that end an answer and are cut from it, such as <\"\\n\", \"User:\"> (none)",
          g_param_spec_string(
              "text", "Text", "A text that ends an answer", nullptr,
              static_cast<GParamFlags>(int{G_PARAM_READWRITE} | int{G_PARAM_STATIC_STRINGS})),
          kMutablePlaying),
      g_param_spec_double("deadline", "Deadline",
                          "Seconds after which an answer ends with what there is and "
                          "finish=cancelled (0 = never)",
                          0, 86400, defaults.deadline, kMutablePlaying),
      g_param_spec_string(
          "conversation", "Conversation",
          "Name of the conversation that questions of ask, ask-at and the question "
          "pad belong to: later ones follow the earlier ones and their answers, and "
          "see what the first one saw; a flush ends it (none = each by itself)",
          nullptr, kMutablePlaying),
      g_param_spec_string("answer-format", "Answer format",
                          "What an answer may look like: text; json, choices:A,B and schema:FILE "
                          "are refused by this version",
                          defaults.answer_format.c_str(), kMutableReady),
      when_busy_property(),
      g_param_spec_boolean("frame-messages", "Frame messages",
                           "Post an element message m3-frame for every frame: what was seen and "
                           "how many tokens it got",
                           defaults.frame_messages, kMutablePlaying),
      g_param_spec_string("stream", "Stream name", "Name of this stream in messages and JSON lines",
                          defaults.stream.c_str(), kMutablePlaying),
      g_param_spec_boxed("stats", "Statistics",
                         "What came of the stream's frames so far: frames, frames_encoded, "
                         "frames_reused, frames_sampled_out, frames_dropped, visual_tokens, "
                         "text_tokens, seconds (of the stream), wall_seconds",
                         GST_TYPE_STRUCTURE, kReadOnly),
  };
}

}  // namespace m3
