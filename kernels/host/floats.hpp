// A float that counts: with SOVIT_FLOATS a kernel has it in the place of `float`. Additions, subtractions and
// multiplications count one each; comparisons, roots, powers, quotients, and what the compiler knows do not.
#pragma once

#include "cuda.hpp"

#ifdef SOVIT_FLOATS
namespace sovit_host {

struct Float {
    float value;

    Float() = default;
    constexpr Float(float value) : value(value) {}
    explicit operator float() const { return value; }

    friend Float operator+(Float a, Float b) { return ++scalar_flops, a.value + b.value; }
    friend Float operator-(Float a, Float b) { return ++scalar_flops, a.value - b.value; }
    friend Float operator*(Float a, Float b) { return ++scalar_flops, a.value * b.value; }
    friend Float operator/(Float a, Float b) { return a.value / b.value; }
    friend bool operator<(Float a, Float b) { return a.value < b.value; }
    friend bool operator>(Float a, Float b) { return b < a; }
    Float& operator+=(Float other) { return *this = *this + other; }
    Float& operator-=(Float other) { return *this = *this - other; }
    Float& operator*=(Float other) { return *this = *this * other; }

    friend Float fmaxf(Float a, Float b) { return ::fmaxf(a.value, b.value); }
    friend Float sqrtf(Float a) { return ::sqrtf(a.value); }
    friend Float exp2f(Float a) { return ::exp2f(a.value); }
    friend Float erfcf(Float a) { return ::erfcf(a.value); }
};

static inline unsigned short to_bf16(Float value) { return to_bf16(value.value); }
static inline unsigned short to_fp16(Float value) { return to_fp16(value.value); }
static inline Float shuffle_xor(unsigned mask, Float value, unsigned distance) {
    return shuffle_xor(mask, value.value, distance);
}
static inline void multiply(Float* d, const unsigned* a, const unsigned* b, unsigned depth, bool fp16) {
    multiply(&d->value, a, b, depth, fp16);
}

} // namespace sovit_host

#define float sovit_host::Float
#endif
