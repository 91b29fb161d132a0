// The CUDA words that kernels use, and what the primitives call on the host.
#pragma once

#include <math.h>

#include "buffers.hpp"

#define __global__
#define __launch_bounds__(...)

namespace sovit_host {

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

static inline void barrier() { executor.meet_block(); }

static inline void* shared_memory() { return executor.shared_begin(); }

static inline void read_shared(void* to, unsigned from, unsigned size) {
    memcpy(to, executor.shared_place("read", from, size), size);
}

static inline void write_shared(unsigned to, const void* from, unsigned size) {
    memcpy(executor.shared_place("write", to, size), from, size);
}

struct Shuffle {
    float value;
    unsigned source; // lane
    float result;
};

static inline void combine_shuffle(void* const* lanes, unsigned mask) {
    for (unsigned i = 0; i < WARP; ++i) {
        if (!(mask >> i & 1)) continue;
        Shuffle& own = *(Shuffle*)lanes[i];
        const void* source = lanes[own.source];
        // A lane outside the mask has no value to give.
        own.result = source ? ((const Shuffle*)source)->value : float_of(0xffffffffu);
    }
}

static inline float shuffle_xor(unsigned mask, float value, unsigned distance) {
    Shuffle shuffle = {value, (executor.current % WARP) ^ distance, 0.0f};
    if (distance >= WARP) executor.trap("shuffle over %u lanes", distance);
    executor.meet_warp({"a shuffle", mask, combine_shuffle, &shuffle});
    return shuffle.result;
}

static inline void combine_nothing(void* const*, unsigned) {}

static inline void meet_lanes() { executor.meet_warp({"a barrier of its warp", 0xffffffffu, combine_nothing, nullptr}); }

// threadIdx and its like: read from the executor at each use, because threads take turns.
struct Index {
    const unsigned* of;
    operator unsigned() const { return *of; }
};
struct Indices {
    Index x;
};

} // namespace sovit_host

static const sovit_host::Indices threadIdx = {{&sovit_host::executor.current}};
static const sovit_host::Indices blockIdx = {{&sovit_host::executor.block}};
