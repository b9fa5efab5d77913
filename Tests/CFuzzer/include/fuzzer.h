// The entry point of libFuzzer for programs with a main of their own
// (compiler-rt, lib/fuzzer/FuzzerInterface.h and "Using libFuzzer as a library" of its manual).
#ifndef WALRUS_FUZZER_H
#define WALRUS_FUZZER_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *_Nonnull argc, char *_Nullable *_Nonnull *_Nullable argv,
                        int (*_Nonnull callback)(const uint8_t *_Nullable data, size_t size));

#endif
