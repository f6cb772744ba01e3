// A library that is no engine module.
extern "C" __attribute__((visibility("default"))) int something_else() { return 1; }
