// What a kernel sees of the host: CUDA's words, and what the primitives call.
//
// This is all that a kernel is compiled with, hence short: run.cpp, compiled once, holds the bodies.
#pragma once

#include <stddef.h>
#include <string.h>

// Of <math.h>, which in C++ is most of what a kernel would be compiled with.
extern "C" {
float fmaxf(float, float) noexcept;
float fminf(float, float) noexcept;
float sqrtf(float) noexcept;
float exp2f(float) noexcept;
float erfcf(float) noexcept;
}

#define __global__
#define __launch_bounds__(...)

namespace sovit_host {

constexpr unsigned WARP = 32;

// The thread that runs, in its block, and the block.
extern unsigned current, block;

// What kernels compiled with SOVIT_FLOATS have computed; see floats.hpp.
extern unsigned long long scalar_flops;

// buffers.hpp
void read(void* to, const void* from, size_t size);
void read_table(void* to, const void* from, size_t size);
void write(void* to, const void* from, size_t size);

// copies.hpp
void copy_async(unsigned to, const void* from, unsigned bytes);
void commit_copies();
void wait_copies(unsigned in_flight);

// meetings.hpp
void barrier();
void meet_lanes();
float shuffle_xor(unsigned mask, float value, unsigned distance);
void* shared_memory();
void read_shared(void* to, unsigned from, unsigned size);
void write_shared(unsigned to, const void* from, unsigned size);

// tensor.hpp
void load_matrices(unsigned* word, unsigned at, unsigned count, bool transposed);
void multiply(float* d, const unsigned* a, const unsigned* b, unsigned depth, bool fp16);

static inline float float_of(unsigned int bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// The nearest bf16, ties to even; NaN becomes 0x7fff, as cvt.rn does.
static inline unsigned short to_bf16(float value) {
    if (value != value) return 0x7fff;
    unsigned int bits;
    memcpy(&bits, &value, sizeof bits);
    return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// The nearest fp16, ties to even, and infinity from 65520 on; NaN becomes 0x7fff, as cvt.rn does.
static inline unsigned short to_fp16(float value) {
    if (value != value) return 0x7fff;
    unsigned int bits;
    memcpy(&bits, &value, sizeof bits);
    const unsigned int sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits >= 0x477ff000) return (unsigned short)(sign | 0x7c00);
    // Above 2^-14 the exponent is by 112 less. Below, the steps are those of a float between a half and 1.
    if (bits >= 0x38800000) return (unsigned short)(sign | (bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13);
    const float shifted = float_of(bits) + 0.5f;
    memcpy(&bits, &shifted, sizeof bits);
    return (unsigned short)(sign | (bits - 0x3f000000));
}

static inline float float_of_fp16(unsigned short half) {
    const unsigned int sign = (half & 0x8000u) << 16, size = half & 0x7fffu;
    if (size >= 0x7c00) return float_of(sign | 0x7f800000 | size << 13); // infinity and NaN
    if (size >= 0x0400) return float_of(sign | ((size << 13) + 0x38000000));
    const float steps = (float)size * 5.9604645e-8f; // 2^-24
    return sign ? -steps : steps;
}

// threadIdx and its like: read at each use, because threads take turns.
struct Index {
    const unsigned* of;
    operator unsigned() const { return *of; }
};
struct Indices {
    Index x;
};

// A kernel as run.cpp launches it.
struct Entry {
    unsigned count;        // of parameters
    const unsigned* sizes; // of each, in bytes
    void (*run)(void* const* addresses);
};
extern const Entry entry;

} // namespace sovit_host

static const sovit_host::Indices threadIdx = {{&sovit_host::current}};
static const sovit_host::Indices blockIdx = {{&sovit_host::block}};
