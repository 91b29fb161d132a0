// Where threads meet, and the shared memory between them.
#pragma once

#include "executor.hpp"

namespace sovit_host {

void barrier() { executor.meet_block(); }

void* shared_memory() { return executor.shared_begin(); }

void read_shared(void* to, unsigned from, unsigned size) {
    count(__builtin_return_address(0), Kind::SHARED, from, size);
    memcpy(to, executor.shared_place("read", from, size), size);
}

void write_shared(unsigned to, const void* from, unsigned size) {
    count(__builtin_return_address(0), Kind::SHARED, to, size);
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

float shuffle_xor(unsigned mask, float value, unsigned distance) {
    Shuffle shuffle = {value, (current % WARP) ^ distance, 0.0f};
    if (distance >= WARP) executor.trap("shuffle over %u lanes", distance);
    executor.meet_warp({"a shuffle", mask, combine_shuffle, &shuffle});
    return shuffle.result;
}

static inline void combine_nothing(void* const*, unsigned) {}

void meet_lanes() { executor.meet_warp({"a barrier of its warp", 0xffffffffu, combine_nothing, nullptr}); }

} // namespace sovit_host
