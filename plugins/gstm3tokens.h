// Visual tokens on a GStreamer pad: a GstMemory that holds an m3::Tokens, and the caps of such a
// stream. Mapped for reading it is the scale shown, [scale, embedding-dim] float32, read back from
// wherever the tokens lie on first use. Threads: as any GstMemory; immutable.
#pragma once

#include <gst/gst.h>

#include <optional>
#include <string>

#include "core/engine.h"
#include "core/tokens.h"

// Fields: model-id (16 hex digits over weights and config), embedding-dim (width of a token), dtype
// (as the engine computes), ladder (the scales that the model was trained for, ascending).
#define M3_TOKENS_CAPS "application/x-m3-tokens"

namespace m3 {

// A memory of tokens.scale() * tokens.dim() floats. tokens must not be empty.
GstMemory* new_tokens_memory(const Tokens& tokens);

// The tokens in the buffer's memories, one of each: the frame, then a closer look at a part of it.
// At most this many.
inline constexpr guint kMostTiles = 2;

// Tokens of one memory of the buffer, counted from 0; none when there is none or it holds something
// else.
std::optional<Tokens> tokens_in(GstBuffer* buffer, guint tile = 0);

GstCaps* new_tokens_caps(const ModelInfo& info);
// The caps' model-id. Throws kMismatch when the caps are not of a stream of tokens.
std::string model_id_of(const GstCaps* caps);

}  // namespace m3
