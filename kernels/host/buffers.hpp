// Device memory: each buffer stands between two zones of poison, and accesses of the primitives are checked.
#pragma once

#include <string.h>
#include <vector>

#include "executor.hpp"
#include "host.h"

// Bytes by which the buffer of the first argument misses the alignment of the others.
#ifndef SOVIT_SHIFT
#define SOVIT_SHIFT 0
#endif

namespace sovit_host {

constexpr size_t ZONE = 256; // bytes before and after; also the alignment, as cudaMalloc's

struct Buffer {
    std::vector<unsigned char> memory;
    unsigned char* begin = nullptr;
    size_t bytes = 0;
    bool writable = false;

    // Begins so many bytes behind a multiple of 256.
    void make(const sovit_argument& argument, size_t shift) {
        bytes = (size_t)argument.bytes;
        writable = argument.kind != SOVIT_INPUT;
        memory.assign(bytes + 3 * ZONE, POISON);
        const uintptr_t start = (uintptr_t)memory.data() + ZONE;
        begin = memory.data() + ZONE + (ZONE - start % ZONE) % ZONE + shift;
        if (argument.kind != SOVIT_OUTPUT && bytes) memcpy(begin, argument.data, bytes);
    }

    bool holds(const unsigned char* from, size_t size) const {
        return from >= begin && size <= bytes && (size_t)(from - begin) <= bytes - size;
    }

    // Whether everything outside the buffer is still poison.
    bool zones_are_whole() const {
        for (const unsigned char* p = memory.data(); p < memory.data() + memory.size(); ++p)
            if ((p < begin || p >= begin + bytes) && *p != POISON) return false;
        return true;
    }
};

// By the number of the argument; scalars have an empty one.
static std::vector<Buffer> buffers;

static void check_bytes(const char* verb, const void* place, size_t size, bool write) {
    const unsigned char* from = (const unsigned char*)place;
    for (const Buffer& buffer : buffers)
        if (buffer.holds(from, size) && (buffer.writable || !write)) return;
    for (size_t i = 0; i < buffers.size(); ++i) {
        const Buffer& buffer = buffers[i];
        if (!buffer.begin || from + ZONE < buffer.begin || from >= buffer.begin + buffer.bytes + ZONE) continue;
        const char* why = buffer.holds(from, size) ? ", which is an input" : "";
        executor.trap("%s of %zu bytes at byte %td of argument %zu, which has %zu%s", verb, size, from - buffer.begin, i,
                      buffer.bytes, why);
    }
    executor.trap("%s of %zu bytes outside every buffer", verb, size);
}

static inline void check_access(const char* verb, const void* place, size_t size, bool write) {
    if ((uintptr_t)place % size != 0) executor.trap("misaligned %s of %zu bytes", verb, size);
    check_bytes(verb, place, size, write);
}

void read(void* to, const void* from, size_t size) {
    count(__builtin_return_address(0), Kind::READ, (uintptr_t)from, (unsigned)size);
    check_access("read", from, size, false);
    memcpy(to, from, size);
}

void read_table(void* to, const void* from, size_t size) {
    count(__builtin_return_address(0), Kind::TABLE, (uintptr_t)from, (unsigned)size);
    check_access("read", from, size, false);
    memcpy(to, from, size);
}

void write(void* to, const void* from, size_t size) {
    count(__builtin_return_address(0), Kind::WRITE, (uintptr_t)to, (unsigned)size);
    check_access("write", to, size, true);
    memcpy(to, from, size);
}

} // namespace sovit_host
