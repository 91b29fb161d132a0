// Primitives. All inline PTX stands here: each has a body for the GPU and one for the host executor, and no header is
// needed on the GPU. bf16 travels as bits, two to a word: the even element in the low half.
#ifdef __CUDACC__
#define SOVIT_DEVICE __device__ __forceinline__
#else
#define SOVIT_DEVICE static inline
#endif

// N bf16 that move in one access of 2 N bytes. One alone lies in a low half.
template <int N> struct Vector {
    static_assert(N == 1 || N == 2 || N == 4 || N == 8, "an access moves 2, 4, 8 or 16 bytes");
    static constexpr int WORDS = N > 1 ? N / 2 : 1;
    unsigned int word[WORDS];
};

// Two floats rounded to the nearest bf16, ties to even; NaN becomes 0x7fff.
SOVIT_DEVICE unsigned int to_bf16x2(float low, float high) {
#ifdef __CUDACC__
    unsigned int word;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
    return word;
#else
    return sovit_host::to_bf16(low) | (unsigned int)sovit_host::to_bf16(high) << 16;
#endif
}

// Element `i`, exactly.
template <int N> SOVIT_DEVICE float widen(const Vector<N>& vector, int i) {
    const unsigned int word = vector.word[i / 2];
    const unsigned int bits = i % 2 ? word & 0xffff0000u : word << 16;
#ifdef __CUDACC__
    return __uint_as_float(bits);
#else
    return sovit_host::float_of(bits);
#endif
}

// N floats, each rounded to the nearest bf16.
template <int N> SOVIT_DEVICE Vector<N> narrow(const float* value) {
    Vector<N> vector;
#pragma unroll
    for (int i = 0; i < Vector<N>::WORDS; ++i)
        vector.word[i] = to_bf16x2(value[2 * i], N > 1 ? value[2 * i + 1] : 0.0f);
    return vector;
}

// Reads N bf16 that no one reads again soon. `from` is aligned to 2 N bytes; it may be written later in the kernel.
template <int N> SOVIT_DEVICE Vector<N> load_stream(const unsigned short* from) {
    Vector<N> v;
#ifdef __CUDACC__
    if constexpr (N == 8) {
        asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                     : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]), "=r"(v.word[3])
                     : "l"(from));
    } else if constexpr (N == 4) {
        asm volatile("ld.global.L1::no_allocate.v2.u32 {%0, %1}, [%2];"
                     : "=r"(v.word[0]), "=r"(v.word[1])
                     : "l"(from));
    } else if constexpr (N == 2) {
        asm volatile("ld.global.L1::no_allocate.u32 %0, [%1];" : "=r"(v.word[0]) : "l"(from));
    } else {
        unsigned short half;
        asm volatile("ld.global.L1::no_allocate.u16 %0, [%1];" : "=h"(half) : "l"(from));
        v.word[0] = half;
    }
#else
    sovit_host::read(v.word, from, 2 * N);
#endif
    return v;
}

// Writes N bf16. `to` is aligned to 2 N bytes.
template <int N> SOVIT_DEVICE void store(unsigned short* to, const Vector<N>& v) {
#ifdef __CUDACC__
    if constexpr (N == 8) {
        asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};"
                     :
                     : "l"(to), "r"(v.word[0]), "r"(v.word[1]), "r"(v.word[2]), "r"(v.word[3])
                     : "memory");
    } else if constexpr (N == 4) {
        asm volatile("st.global.v2.u32 [%0], {%1, %2};" : : "l"(to), "r"(v.word[0]), "r"(v.word[1]) : "memory");
    } else if constexpr (N == 2) {
        asm volatile("st.global.u32 [%0], %1;" : : "l"(to), "r"(v.word[0]) : "memory");
    } else {
        asm volatile("st.global.u16 [%0], %1;" : : "l"(to), "h"((unsigned short)v.word[0]) : "memory");
    }
#else
    sovit_host::write(to, v.word, 2 * N);
#endif
}

// Reads N floats of a table that every row reads and no one writes, in accesses of up to 16 bytes.
// `from` is aligned to 4 N bytes, 16 at most.
template <int N> SOVIT_DEVICE void load_table(float* to, const float* from) {
#ifdef __CUDACC__
    if constexpr (N % 4 == 0) {
#pragma unroll
        for (int i = 0; i < N; i += 4)
            asm("ld.global.nc.v4.f32 {%0, %1, %2, %3}, [%4];"
                : "=f"(to[i]), "=f"(to[i + 1]), "=f"(to[i + 2]), "=f"(to[i + 3])
                : "l"(from + i));
    } else if constexpr (N == 2) {
        asm("ld.global.nc.v2.f32 {%0, %1}, [%2];" : "=f"(to[0]), "=f"(to[1]) : "l"(from));
    } else {
        asm("ld.global.nc.f32 %0, [%1];" : "=f"(to[0]) : "l"(from));
    }
#else
    constexpr int STEP = N < 4 ? N : 4;
    for (int i = 0; i < N; i += STEP) sovit_host::read(to + i, from + i, 4 * STEP);
#endif
}

// The sum over the 32 lanes of a warp, the same bits in each of them. Every lane calls it.
SOVIT_DEVICE float warp_sum(float value) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
#ifdef __CUDACC__
        value += __shfl_xor_sync(0xffffffffu, value, distance);
#else
        value += sovit_host::shuffle_xor(0xffffffffu, value, distance);
#endif
    }
    return value;
}

// 1 / sqrt(value), to 2 units in the last place.
SOVIT_DEVICE float reciprocal_root(float value) {
#ifdef __CUDACC__
    return rsqrtf(value);
#else
    return 1.0f / sqrtf(value);
#endif
}

// Waits for every thread of the block.
SOVIT_DEVICE void barrier() {
#ifdef __CUDACC__
    __syncthreads();
#else
    sovit_host::barrier();
#endif
}

// The block's one shared buffer, as large as the launch asked for.
SOVIT_DEVICE float* shared_floats() {
#ifdef __CUDACC__
    extern __shared__ __align__(16) float sovit_shared[];
    return sovit_shared;
#else
    return static_cast<float*>(sovit_host::shared_memory());
#endif
}
