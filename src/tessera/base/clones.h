/// base/clones.h — TESSERA_CLONES before a function compiles it for SSE2, AVX2 and AVX-512; the loader takes what the machine has.
/// For plain loops over rows. Products are not fused (-ffp-contract=off), so all three give the same bits.
#pragma once

// A sanitizer's own start-up comes after the loader's choice.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define TESSERA_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define TESSERA_CLONES
#endif
