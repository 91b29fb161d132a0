// Asynchronous copies: late or early as the launch asks, so that a missing wait and an early refill both show.
//
// A copy that lands where the kernel waits leaves poison for whoever reads too soon; one that lands at once overwrites
// what a slower thread still needs; at random, a copy lands at any later step of its thread, in any order.
#pragma once

#include "buffers.hpp"

namespace sovit_host {

constexpr unsigned LATE = 0, AT_ONCE = 1; // of Executor::copies; every other number seeds a random order

static inline void land(const Copy& copy) {
    unsigned char* to = executor.shared_place("copy", copy.to, 16);
    memset(to + copy.bytes, 0, 16 - copy.bytes);
    if (copy.bytes) memcpy(to, copy.from, copy.bytes);
}

// Lets copies of the running thread land that need not wait for anything, where the order is random.
static inline void drift() {
    if (executor.copies == LATE || executor.copies == AT_ONCE) return;
    std::vector<Copy>& copies = executor.pool[current].copies;
    for (size_t i = copies.size(); i-- > 0;) {
        executor.noise = executor.noise * 1664525u + 1013904223u;
        if (executor.noise >> 30) continue;
        land(copies[i]);
        copies.erase(copies.begin() + (std::ptrdiff_t)i);
    }
}

void copy_async(unsigned to, const void* from, unsigned bytes) {
    executor.shared_place("copy", to, 16);
    count(__builtin_return_address(0), Kind::READ, (uintptr_t)from, bytes);
    count(__builtin_return_address(0), Kind::COPY, to, 16);
    if (bytes > 16) executor.trap("an asynchronous copy of %u bytes", bytes);
    if (bytes && (uintptr_t)from % 16 != 0) executor.trap("misaligned copy of 16 bytes");
    if (bytes) check_bytes("copy", from, bytes, false);
    drift();
    Thread& thread = executor.pool[current];
    const Copy copy = {to, from, bytes, thread.groups};
    if (executor.copies == AT_ONCE) land(copy);
    else thread.copies.push_back(copy);
}

void commit_copies() {
    drift();
    ++counts.groups;
    ++executor.pool[current].groups;
}

// Lands every committed group but the last `in_flight`.
void wait_copies(unsigned in_flight) {
    drift();
    Thread& thread = executor.pool[current];
    size_t kept = 0;
    for (const Copy& copy : thread.copies) {
        if (copy.group + in_flight < thread.groups) land(copy);
        else thread.copies[kept++] = copy;
    }
    thread.copies.resize(kept);
}

} // namespace sovit_host
