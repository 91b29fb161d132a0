// Warp operations on matrices, by the layouts of the PTX manual: ldmatrix and mma.sync. An ldmatrix whose rows meet in a
// bank is right but slow; no kernel here has one, so it is a trap.
#pragma once

#include "executor.hpp"

namespace sovit_host {

// An 8 x 8 matrix of floats of 16 bits lies across a warp: lane l holds elements 2 (l % 4) and the next of row l / 4, in one word.
struct Matrices {
    unsigned at; // where a row of 16 bytes begins; lane l gives row l % 8 of matrix l / 8
    unsigned count;
    bool transposed;
    unsigned word[4];
};

static inline void combine_matrices(void* const* lanes, unsigned) {
    const unsigned count = ((const Matrices*)lanes[0])->count;
    for (unsigned m = 0; m < count; ++m) {
        unsigned short element[8][8];
        ++counts.matrix_turns;
        unsigned banks = 0; // that the matrix has come from, in pieces of 16 bytes: reading one twice takes two turns
        for (unsigned row = 0; row < 8; ++row) {
            const unsigned at = ((const Matrices*)lanes[8 * m + row])->at;
            memcpy(element[row], executor.shared_place("ldmatrix", at, 16), 16);
            const bool meets = banks >> at / 16 % 8 & 1;
            counts.matrix_turns += meets;
            counts.matrix_conflicts += meets;
            if (!COUNTS && meets) executor.trap("two rows of a matrix share a bank, at byte %u of shared memory", at);
            banks |= 1u << at / 16 % 8;
        }
        for (unsigned lane = 0; lane < WARP; ++lane) {
            Matrices& own = *(Matrices*)lanes[lane];
            const unsigned row = lane / 4, column = lane % 4 * 2;
            const unsigned low = own.transposed ? element[column][row] : element[row][column];
            const unsigned high = own.transposed ? element[column + 1][row] : element[row][column + 1];
            own.word[m] = low | high << 16;
        }
    }
}

void load_matrices(unsigned* word, unsigned at, unsigned count, bool transposed) {
    Matrices matrices = {at, count, transposed, {}};
    executor.meet_warp({"ldmatrix", 0xffffffffu, combine_matrices, &matrices});
    memcpy(word, matrices.word, count * sizeof *word);
}

// One lane's part of D = A B + D with A 16 x DEPTH, B DEPTH x 8 and D 16 x 8; DEPTH is 8 or 16.
struct Product {
    float* d;
    const unsigned* a;
    const unsigned* b;
};

typedef float Eight __attribute__((vector_size(32)));

template <int DEPTH, bool FP16> static void combine_product(void* const* lanes, unsigned) {
    counts.flops += 2 * 16 * 8 * DEPTH;
    float a[16][DEPTH];
    Eight b[DEPTH], d[16];
    const auto pair = [](unsigned word, float& low, float& high) {
        low = FP16 ? float_of_fp16((unsigned short)word) : float_of(word << 16);
        high = FP16 ? float_of_fp16((unsigned short)(word >> 16)) : float_of(word & 0xffff0000u);
    };
    for (unsigned lane = 0; lane < WARP; ++lane) {
        const Product& own = *(const Product*)lanes[lane];
        const unsigned group = lane / 4, place = lane % 4 * 2;
        for (unsigned half = 0; half < DEPTH / 8; ++half) {
            const unsigned k = 8 * half + place;
            pair(own.a[2 * half], a[group][k], a[group][k + 1]);
            pair(own.a[2 * half + 1], a[group + 8][k], a[group + 8][k + 1]);
            float low, high;
            pair(own.b[half], low, high);
            b[k][group] = low;
            b[k + 1][group] = high;
        }
        for (unsigned i = 0; i < 4; ++i) d[group + i / 2 * 8][place + i % 2] = own.d[i];
    }
    for (unsigned row = 0; row < 16; ++row)
        for (unsigned k = 0; k < DEPTH; ++k) d[row] += a[row][k] * b[k];
    for (unsigned lane = 0; lane < WARP; ++lane) {
        const Product& own = *(const Product*)lanes[lane];
        for (unsigned i = 0; i < 4; ++i) own.d[i] = d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
    }
}

void multiply(float* d, const unsigned* a, const unsigned* b, unsigned depth, bool fp16) {
    Product product = {d, a, b};
    const auto shallow = fp16 ? combine_product<8, true> : combine_product<8, false>;
    const auto deep = fp16 ? combine_product<16, true> : combine_product<16, false>;
    executor.meet_warp({"mma", 0xffffffffu, depth == 8 ? shallow : deep, &product});
}

} // namespace sovit_host
