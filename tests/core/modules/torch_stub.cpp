// Stands for libtorch: a library of that name.
extern "C" __attribute__((visibility("default"))) int torch_stub() { return 1; }
