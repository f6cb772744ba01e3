#include "plugins/gstm3tokens.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include "core/error.h"

#define GST_M3_TOKENS_ALLOCATOR_TYPE (gst_m3_tokens_allocator_get_type())

namespace {

constexpr char kMemoryType[] = "M3Tokens";

struct GstM3TokensMemory {
  GstMemory memory;  // NOLINT(cppcoreguidelines-pro-type-member-init): GStreamer fills it in
  m3::Tokens tokens;
  std::once_flag read_once;
  std::vector<float> values;  // what is shown, read back at the first map
};

struct GstM3TokensAllocator {
  GstAllocator parent;
};
struct GstM3TokensAllocatorClass {
  GstAllocatorClass parent_class;
};

GType gst_m3_tokens_allocator_get_type();
G_DEFINE_FINAL_TYPE(GstM3TokensAllocator, gst_m3_tokens_allocator, GST_TYPE_ALLOCATOR)

GstM3TokensMemory* as_tokens(GstMemory* memory) {
  return reinterpret_cast<GstM3TokensMemory*>(memory);
}

void gst_m3_tokens_memory_free(GstAllocator* allocator, GstMemory* memory) {
  delete as_tokens(memory);
}

gpointer gst_m3_tokens_memory_map(GstMemory* memory, gsize max_size, GstMapFlags flags) {
  if (flags & GST_MAP_WRITE) return nullptr;
  GstM3TokensMemory* self = as_tokens(memory);
  try {
    std::call_once(self->read_once, [&] {
      std::vector<float> values(static_cast<size_t>(self->tokens.scale()) *
                                static_cast<size_t>(self->tokens.dim()));
      self->tokens.shown()->read(values);
      self->values = std::move(values);
    });
  } catch (const std::exception& error) {
    GST_ERROR("Visual tokens could not be read back: %s", error.what());
    return nullptr;
  }
  return self->values.data();
}

void gst_m3_tokens_memory_unmap(GstMemory* memory) {}

GstMemory* gst_m3_tokens_memory_copy(GstMemory* memory, gssize offset, gssize size) {
  if (offset == 0 && (size == -1 || static_cast<gsize>(size) == memory->size)) {
    return m3::new_tokens_memory(as_tokens(memory)->tokens);
  }
  // A part of the floats is no longer a square of tokens: plain bytes.
  GstMapInfo map;
  if (!gst_memory_map(memory, &map, GST_MAP_READ)) return nullptr;
  const gsize count = size == -1 ? map.size - static_cast<gsize>(offset) : static_cast<gsize>(size);
  GstMemory* bytes = gst_allocator_alloc(nullptr, count, nullptr);
  gst_memory_unmap(memory, &map);
  GstMapInfo target;
  if (!gst_memory_map(bytes, &target, GST_MAP_WRITE)) {
    gst_memory_unref(bytes);
    return nullptr;
  }
  std::copy_n(map.data + offset, count, target.data);
  gst_memory_unmap(bytes, &target);
  return bytes;
}

GstMemory* gst_m3_tokens_memory_share(GstMemory* memory, gssize offset, gssize size) {
  return nullptr;
}

gboolean gst_m3_tokens_memory_is_span(GstMemory* first, GstMemory* second, gsize* offset) {
  return FALSE;
}

void gst_m3_tokens_allocator_class_init(GstM3TokensAllocatorClass* klass) {
  auto* allocator_class = GST_ALLOCATOR_CLASS(klass);
  allocator_class->alloc = nullptr;  // only new_tokens_memory() makes them
  allocator_class->free = gst_m3_tokens_memory_free;
}

void gst_m3_tokens_allocator_init(GstM3TokensAllocator* self) {
  GstAllocator* allocator = GST_ALLOCATOR(self);
  allocator->mem_type = kMemoryType;
  allocator->mem_map = gst_m3_tokens_memory_map;
  allocator->mem_unmap = gst_m3_tokens_memory_unmap;
  allocator->mem_copy = gst_m3_tokens_memory_copy;
  allocator->mem_share = gst_m3_tokens_memory_share;
  allocator->mem_is_span = gst_m3_tokens_memory_is_span;
  GST_OBJECT_FLAG_SET(allocator, GST_ALLOCATOR_FLAG_CUSTOM_ALLOC);
}

GstAllocator* tokens_allocator() {
  static GstAllocator* const allocator = [] {
    auto* made = GST_ALLOCATOR(g_object_new(GST_M3_TOKENS_ALLOCATOR_TYPE, nullptr));
    gst_object_ref_sink(made);
    // One for the life of the process: not a leak.
    GST_OBJECT_FLAG_SET(made, GST_OBJECT_FLAG_MAY_BE_LEAKED);
    return made;
  }();
  return allocator;
}

}  // namespace

namespace m3 {

GstMemory* new_tokens_memory(const Tokens& tokens) {
  auto* memory = new GstM3TokensMemory;
  memory->tokens = tokens;
  const gsize size =
      static_cast<gsize>(tokens.scale()) * static_cast<gsize>(tokens.dim()) * sizeof(float);
  gst_memory_init(&memory->memory, GST_MEMORY_FLAG_READONLY, tokens_allocator(), nullptr, size,
                  alignof(float) - 1, 0, size);
  return &memory->memory;
}

std::optional<Tokens> tokens_in(GstBuffer* buffer, guint tile) {
  const guint count = gst_buffer_n_memory(buffer);
  if (tile >= count || count > kMostTiles) return std::nullopt;
  GstMemory* memory = gst_buffer_peek_memory(buffer, tile);
  if (!gst_memory_is_type(memory, kMemoryType)) return std::nullopt;
  return as_tokens(memory)->tokens;
}

GstCaps* new_tokens_caps(const ModelInfo& info) {
  GValue ladder = G_VALUE_INIT;
  gst_value_array_init(&ladder, static_cast<guint>(info.ladder.size()));
  for (const int scale : info.ladder) {
    GValue value = G_VALUE_INIT;
    g_value_init(&value, G_TYPE_INT);
    g_value_set_int(&value, scale);
    gst_value_array_append_and_take_value(&ladder, &value);
  }
  GstCaps* caps = gst_caps_new_simple(M3_TOKENS_CAPS, "model-id", G_TYPE_STRING, info.id.c_str(),
                                      "embedding-dim", G_TYPE_INT, info.embedding_dim, "dtype",
                                      G_TYPE_STRING, info.dtype.c_str(), nullptr);
  gst_caps_set_value(caps, "ladder", &ladder);
  g_value_unset(&ladder);
  return caps;
}

std::string model_id_of(const GstCaps* caps) {
  const GstStructure* structure = gst_caps_get_structure(caps, 0);
  const gchar* id = gst_structure_get_string(structure, "model-id");
  if (!gst_structure_has_name(structure, M3_TOKENS_CAPS) || !id) {
    throw Error(ErrorCode::kMismatch,
                "The stream is not one of visual tokens with a model-id; put m3encode before it");
  }
  return id;
}

}  // namespace m3
