// Which sectors of global memory each block touches between its barriers: with SOVIT_TRACE; else nothing.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <algorithm>
#include <vector>

namespace sovit_host {

#ifdef SOVIT_TRACE
constexpr bool TRACES = true;
#else
constexpr bool TRACES = false;
#endif

// What the block has touched since its last barrier: sectors of 32 bytes times two, and one more where it wrote.
static std::vector<uint64_t> touched;
// For each block and step its number, how many sectors follow, and these, in order and each once.
static std::vector<uint64_t> traced;

static inline void touch_sectors(uintptr_t at, unsigned size, bool write) {
    if (!TRACES || !size) return;
    for (uint64_t sector = at / 32; sector <= (at + size - 1) / 32; ++sector) touched.push_back(2 * sector + write);
}

static inline void end_step(unsigned block) {
    if (!TRACES) return;
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    traced.push_back(block);
    traced.push_back(touched.size());
    traced.insert(traced.end(), touched.begin(), touched.end());
    touched.clear();
}

} // namespace sovit_host
