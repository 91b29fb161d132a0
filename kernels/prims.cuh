// Primitives. All inline PTX stands here: each has a body for the GPU and one for the host executor, and no header is
// needed on the GPU. Floats of 16 bits travel as bits, two to a word: the even element in the low half.
#ifdef __CUDACC__
#define SOVIT_DEVICE __device__ __forceinline__
#else
#define SOVIT_DEVICE static inline
#endif

// N floats of 16 bits that move in one access of 2 N bytes. One alone lies in a low half.
template <int N> struct Vector {
    static_assert(N == 1 || N == 2 || N == 4 || N == 8, "an access moves 2, 4, 8 or 16 bytes");
    static constexpr int WORDS = N > 1 ? N / 2 : 1;
    unsigned int word[WORDS];
};

// Two floats rounded to the nearest, ties to even; NaN becomes 0x7fff, and what is beyond fp16 its infinity.
template <Half TO = HALF> SOVIT_DEVICE unsigned int to_halves(float low, float high) {
#ifdef __CUDACC__
    unsigned int word;
    if constexpr (TO == Half::BF16) asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
    else asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
    return word;
#else
    const auto to_half = [](float value) {
        return TO == Half::BF16 ? sovit_host::to_bf16(value) : sovit_host::to_fp16(value);
    };
    return to_half(low) | (unsigned int)to_half(high) << 16;
#endif
}

// The float of these bits.
SOVIT_DEVICE float float_of(unsigned int bits) {
#ifdef __CUDACC__
    return __uint_as_float(bits);
#else
    return sovit_host::float_of(bits);
#endif
}

// The float of an fp16 in the lower half of a word, exactly.
SOVIT_DEVICE float float_of_fp16(unsigned int bits) {
#ifdef __CUDACC__
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"((unsigned short)bits));
    return value;
#else
    return sovit_host::float_of_fp16((unsigned short)bits);
#endif
}

// Element `i`, exactly.
template <Half FROM = HALF, int N> SOVIT_DEVICE float widen(const Vector<N>& vector, int i) {
    const unsigned int word = vector.word[i / 2];
    if constexpr (FROM == Half::BF16) return float_of(i % 2 ? word & 0xffff0000u : word << 16);
    else return float_of_fp16(i % 2 ? word >> 16 : word);
}

// N floats, each rounded to the nearest.
template <int N, Half TO = HALF> SOVIT_DEVICE Vector<N> narrow(const float* value) {
    Vector<N> vector;
#pragma unroll
    for (int i = 0; i < Vector<N>::WORDS; ++i)
        vector.word[i] = to_halves<TO>(value[2 * i], N > 1 ? value[2 * i + 1] : 0.0f);
    return vector;
}

// Any function of three bits for each bit of three words: TABLE holds it for 0xf0, 0xcc and 0xaa.
template <int TABLE> SOVIT_DEVICE unsigned int logic(unsigned int a, unsigned int b, unsigned int c) {
    unsigned int result = 0;
#ifdef __CUDACC__
    asm("lop3.b32 %0, %1, %2, %3, %4;" : "=r"(result) : "r"(a), "r"(b), "r"(c), "n"(TABLE));
#else
    for (int i = 0; i < 8; ++i)
        if (TABLE >> i & 1) result |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
#endif
    return result;
}

// The two lower bytes of a word, each in a half of its own.
SOVIT_DEVICE unsigned int spread_bytes(unsigned int word) {
#ifdef __CUDACC__
    return __byte_perm(word, 0, 0x4140);
#else
    return (word & 255) | (word >> 8 & 255) << 16;
#endif
}

// Two halves less two others, each rounded to the nearest.
template <Half OF = HALF> SOVIT_DEVICE unsigned int subtract(unsigned int from, unsigned int what) {
#ifdef __CUDACC__
    unsigned int word;
    // sm_80 has no difference of bf16; 0xbf80 is minus one.
    if constexpr (OF == Half::BF16) asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(word) : "r"(what), "r"(0xbf80bf80u), "r"(from));
    else asm("sub.rn.f16x2 %0, %1, %2;" : "=r"(word) : "r"(from), "r"(what));
    return word;
#else
    Vector<2> a, b;
    a.word[0] = from, b.word[0] = what;
    return to_halves<OF>(widen<OF>(a, 0) - widen<OF>(b, 0), widen<OF>(a, 1) - widen<OF>(b, 1));
#endif
}

// The two lower bytes of a word, each less 128, as halves, exactly.
template <Half TO = HALF> SOVIT_DEVICE unsigned int halves_of_bytes(unsigned int word) {
    const unsigned int bytes = spread_bytes(word);
    // In fp16: 1024 and a byte, less 1152.
    if constexpr (TO == Half::FP16) return subtract<TO>(bytes | 0x64006400u, 0x64806480u);
    // In bf16: 128 and a byte's lower seven bits, less 128 where its eighth is set and 256 where not.
    const unsigned int seven = logic<0xea>(bytes, 0x007f007fu, 0x43004300u); // a & b | c
    return subtract<TO>(seven, logic<0x6a>(bytes, 0x00800080u, 0x43804380u)); // a & b ^ c
}

// Reads N halves that no one reads again soon. `from` is aligned to 2 N bytes; it may be written later in the kernel.
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

// Reads a byte that other blocks read too and no one writes.
SOVIT_DEVICE unsigned int load_byte(const void* from) {
    unsigned int word = 0;
#ifdef __CUDACC__
    asm("ld.global.nc.u8 %0, [%1];" : "=r"(word) : "l"(from));
#else
    sovit_host::read(&word, from, 1);
#endif
    return word;
}

// Writes N halves. `to` is aligned to 2 N bytes.
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

// Writes N floats. `to` is aligned to 4 N bytes.
template <int N = 4> SOVIT_DEVICE void store_floats(float* to, const float* from) {
    static_assert(N == 2 || N == 4, "an access moves 8 or 16 bytes");
#ifdef __CUDACC__
    if constexpr (N == 4) {
        asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};"
                     :
                     : "l"(to), "f"(from[0]), "f"(from[1]), "f"(from[2]), "f"(from[3])
                     : "memory");
    } else {
        asm volatile("st.global.v2.f32 [%0], {%1, %2};" : : "l"(to), "f"(from[0]), "f"(from[1]) : "memory");
    }
#else
    sovit_host::write(to, from, 4 * N);
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
    for (int i = 0; i < N; i += STEP) sovit_host::read_table(to + i, from + i, 4 * STEP);
#endif
}

// The value of the lane whose number differs in the bits of `distance`. Every lane of the warp calls it.
SOVIT_DEVICE float exchange(float value, int distance) {
#ifdef __CUDACC__
    return __shfl_xor_sync(0xffffffffu, value, distance);
#else
    return sovit_host::shuffle_xor(0xffffffffu, value, distance);
#endif
}

// The sum over the 32 lanes of a warp, the same bits in each of them. Every lane calls it.
SOVIT_DEVICE float warp_sum(float value) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) value += exchange(value, distance);
    return value;
}

// The sum over four neighbouring lanes, the first of them a multiple of four. Every lane of the warp calls it.
SOVIT_DEVICE float quad_sum(float value) {
#pragma unroll
    for (int distance = 1; distance < 4; distance *= 2) value += exchange(value, distance);
    return value;
}

// The largest value of the same four lanes.
SOVIT_DEVICE float quad_max(float value) {
#pragma unroll
    for (int distance = 1; distance < 4; distance *= 2) value = fmaxf(value, exchange(value, distance));
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

// Waits for the other lanes of the warp and shows each what the others wrote. Every lane calls it.
SOVIT_DEVICE void warp_barrier() {
#ifdef __CUDACC__
    __syncwarp();
#else
    sovit_host::meet_lanes();
#endif
}

#ifdef __CUDACC__
extern __shared__ __align__(128) unsigned char sovit_shared[];
#endif

// The block's one shared buffer, as large as the launch asked for.
SOVIT_DEVICE float* shared_floats() {
#ifdef __CUDACC__
    return reinterpret_cast<float*>(sovit_shared);
#else
    return static_cast<float*>(sovit_host::shared_memory());
#endif
}

// Where the shared buffer begins, as the primitives below address shared memory: in bytes.
SOVIT_DEVICE unsigned int shared_address() {
#ifdef __CUDACC__
    return (unsigned int)__cvta_generic_to_shared(sovit_shared);
#else
    return 0;
#endif
}

// Reads N floats of shared memory; `from` is aligned to 4 N bytes.
template <int N> SOVIT_DEVICE void load_shared(float* to, unsigned int from) {
    static_assert(N == 1 || N == 2 || N == 4, "an access moves 4, 8 or 16 bytes");
#ifdef __CUDACC__
    if constexpr (N == 4) {
        asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                     : "=f"(to[0]), "=f"(to[1]), "=f"(to[2]), "=f"(to[3])
                     : "r"(from)
                     : "memory");
    } else if constexpr (N == 2) {
        asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(to[0]), "=f"(to[1]) : "r"(from) : "memory");
    } else {
        asm volatile("ld.shared.f32 %0, [%1];" : "=f"(to[0]) : "r"(from) : "memory");
    }
#else
    sovit_host::read_shared(to, from, 4 * N);
#endif
}

// Writes N floats to shared memory; `to` is aligned to 4 N bytes.
template <int N> SOVIT_DEVICE void store_shared(unsigned int to, const float* from) {
    static_assert(N == 1 || N == 2 || N == 4, "an access moves 4, 8 or 16 bytes");
#ifdef __CUDACC__
    if constexpr (N == 4) {
        asm volatile("st.shared.v4.f32 [%0], {%1, %2, %3, %4};"
                     :
                     : "r"(to), "f"(from[0]), "f"(from[1]), "f"(from[2]), "f"(from[3])
                     : "memory");
    } else if constexpr (N == 2) {
        asm volatile("st.shared.v2.f32 [%0], {%1, %2};" : : "r"(to), "f"(from[0]), "f"(from[1]) : "memory");
    } else {
        asm volatile("st.shared.f32 [%0], %1;" : : "r"(to), "f"(from[0]) : "memory");
    }
#else
    sovit_host::write_shared(to, from, 4 * N);
#endif
}

// Reads 8 halves of shared memory; `from` is aligned to 16 bytes.
SOVIT_DEVICE Vector<8> load_shared_row(unsigned int from) {
    Vector<8> v;
#ifdef __CUDACC__
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]), "=r"(v.word[3])
                 : "r"(from)
                 : "memory");
#else
    sovit_host::read_shared(v.word, from, 16);
#endif
    return v;
}

// Writes 2 halves, in a word, to shared memory; `to` is aligned to 4 bytes.
SOVIT_DEVICE void store_shared_pair(unsigned int to, unsigned int word) {
#ifdef __CUDACC__
    asm volatile("st.shared.u32 [%0], %1;" : : "r"(to), "r"(word) : "memory");
#else
    sovit_host::write_shared(to, &word, 4);
#endif
}

// Writes N halves to shared memory; `to` is aligned to 2 N bytes.
template <int N> SOVIT_DEVICE void store_shared_row(unsigned int to, const Vector<N>& v) {
#ifdef __CUDACC__
    if constexpr (N == 8) {
        asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};"
                     :
                     : "r"(to), "r"(v.word[0]), "r"(v.word[1]), "r"(v.word[2]), "r"(v.word[3])
                     : "memory");
    } else if constexpr (N == 4) {
        asm volatile("st.shared.v2.u32 [%0], {%1, %2};" : : "r"(to), "r"(v.word[0]), "r"(v.word[1]) : "memory");
    } else if constexpr (N == 2) {
        asm volatile("st.shared.u32 [%0], %1;" : : "r"(to), "r"(v.word[0]) : "memory");
    } else {
        asm volatile("st.shared.u16 [%0], %1;" : : "r"(to), "h"((unsigned short)v.word[0]) : "memory");
    }
#else
    sovit_host::write_shared(to, v.word, 2 * N);
#endif
}

// Reads N bytes of shared memory, the first in the low byte, zeros above them; `from` is aligned to N bytes.
template <int N> SOVIT_DEVICE unsigned int load_shared_bytes(unsigned int from) {
    static_assert(N == 1 || N == 2 || N == 4, "an access moves 1, 2 or 4 bytes");
    unsigned int word = 0;
#ifdef __CUDACC__
    if constexpr (N == 4) {
        asm volatile("ld.shared.u32 %0, [%1];" : "=r"(word) : "r"(from) : "memory");
    } else if constexpr (N == 2) {
        unsigned short half;
        asm volatile("ld.shared.u16 %0, [%1];" : "=h"(half) : "r"(from) : "memory");
        word = half;
    } else {
        asm volatile("ld.shared.u8 %0, [%1];" : "=r"(word) : "r"(from) : "memory");
    }
#else
    sovit_host::read_shared(&word, from, N);
#endif
    return word;
}

// Starts a copy of 16 bytes to shared memory: the first `bytes` from `from`, zeros behind them. With 0 bytes `from` is
// not read and may point anywhere. Both places are aligned to 16 bytes; what is copied stays out of L1.
SOVIT_DEVICE void copy_async(unsigned int to, const void* from, int bytes) {
#ifdef __CUDACC__
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" : : "r"(to), "l"(from), "r"(bytes) : "memory");
#else
    sovit_host::copy_async(to, from, (unsigned)bytes);
#endif
}

// Makes the thread's copies since the last call one group; a group may be empty.
SOVIT_DEVICE void commit_copies() {
#ifdef __CUDACC__
    asm volatile("cp.async.commit_group;" : : : "memory");
#else
    sovit_host::commit_copies();
#endif
}

// Waits until at most the last N of the thread's groups are in flight. Other threads see the rest after a barrier.
template <int N> SOVIT_DEVICE void wait_copies() {
#ifdef __CUDACC__
    asm volatile("cp.async.wait_group %0;" : : "n"(N) : "memory");
#else
    sovit_host::wait_copies(N);
#endif
}

// Reads COUNT 8 x 8 matrices of halves from shared memory, a word of each to every lane: lane l gets elements 2 (l % 4)
// and the next of row l / 4. Lane l gives the place of row l % 8 of matrix l / 8, 16 bytes that are aligned to 16;
// lanes from 8 COUNT on give nothing. With TRANSPOSED each matrix is read by its columns. Every lane calls it.
template <int COUNT, bool TRANSPOSED = false> SOVIT_DEVICE void load_matrices(unsigned int* word, unsigned int row) {
    static_assert(COUNT == 2 || COUNT == 4, "two or four matrices");
#ifdef __CUDACC__
    if constexpr (COUNT == 4 && TRANSPOSED) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(word[0]), "=r"(word[1]), "=r"(word[2]), "=r"(word[3])
                     : "r"(row)
                     : "memory");
    } else if constexpr (COUNT == 4) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(word[0]), "=r"(word[1]), "=r"(word[2]), "=r"(word[3])
                     : "r"(row)
                     : "memory");
    } else if constexpr (TRANSPOSED) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                     : "=r"(word[0]), "=r"(word[1])
                     : "r"(row)
                     : "memory");
    } else {
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                     : "=r"(word[0]), "=r"(word[1])
                     : "r"(row)
                     : "memory");
    }
#else
    sovit_host::load_matrices(word, row, COUNT, TRANSPOSED);
#endif
}

// D += A B over a warp, in float: A is 16 x DEPTH, B DEPTH x 8, both of OF. A's 8 x 8 matrices stand in the order of its
// columns: the upper half of rows, the lower, then the next 8 columns. B is given by its columns. A lane holds elements
// 2 (l % 4) and the next of row l / 4 of D in d[0], d[1], of row l / 4 + 8 in d[2], d[3]. Every lane calls it.
template <int DEPTH, Half OF = HALF> SOVIT_DEVICE void multiply(float* d, const unsigned int* a, const unsigned int* b) {
    static_assert(DEPTH == 8 || DEPTH == 16, "the depths of products");
#ifdef __CUDACC__
    if constexpr (DEPTH == 16 && OF == Half::FP16) {
        asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    } else if constexpr (OF == Half::FP16) {
        asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
            "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(b[0]));
    } else if constexpr (DEPTH == 16) {
        asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    } else {
        asm("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 "
            "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(b[0]));
    }
#else
    sovit_host::multiply(d, a, b, DEPTH, OF == Half::FP16);
#endif
}

// 2 to the power of `value`, to 2 units in the last place; results below the smallest normal float are 0.
SOVIT_DEVICE float power_of_two(float value) {
#ifdef __CUDACC__
    float power;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(value));
    return power;
#else
    const float power = exp2f(value);
    return power < 1.17549435e-38f ? 0.0f : power;
#endif
}

// 1 / value, to 1 unit in the last place; of infinity it is 0.
SOVIT_DEVICE float reciprocal(float value) {
#ifdef __CUDACC__
    float quotient;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(quotient) : "f"(value));
    return quotient;
#else
    return 1.0f / value;
#endif
}
