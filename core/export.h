// Marks what libm3core.so shows to plugin, tools and engine module; the rest stays hidden.
#pragma once

#define M3_API __attribute__((visibility("default")))
