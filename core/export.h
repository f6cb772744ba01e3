// Marks what libm3core.so shows to the plugin, the tools and the engine module; everything else stays hidden.
#pragma once

#define M3_API __attribute__((visibility("default")))
