// What a launch costs, counted: with SOVIT_COUNT, by warp instruction as a GPU would issue it; else nothing.
//
// Lanes run one after another, so each keeps its accesses until the warp meets. Then the lanes' accesses at the same
// place of the program, of the same turn, are one instruction. Where a lane left out a turn, its later ones are taken
// for earlier ones: at the ragged edge of a matrix, and nowhere else, an instruction may so be split differently.
#pragma once

#include <stdint.h>
#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "cuda.hpp"
#include "trace.hpp"

namespace sovit_host {

#ifdef SOVIT_COUNT
constexpr bool COUNTS = true;
#else
constexpr bool COUNTS = false;
#endif

enum class Kind { READ, WRITE, TABLE, SHARED, COPY };

// In the order in which they leave the program.
struct Counts {
    uint64_t flops, scalar_flops;        // of mma; of floats.hpp
    uint64_t read_bytes, read_sectors;   // distinct bytes an instruction asks for, and the 32-byte sectors they lie in
    uint64_t write_bytes, write_sectors;
    uint64_t table_bytes, table_sectors; // of tables that all rows read
    uint64_t matrix_turns, matrix_conflicts; // ldmatrix: turns of shared memory, and those that conflicts add
    uint64_t shared_turns, shared_conflicts; // reads and writes of threads
    uint64_t copy_turns, copy_conflicts;     // writes of asynchronous copies
    uint64_t barriers, groups;               // of blocks, of the copies of a thread, summed over threads
};

static Counts counts;

struct Access {
    const void* site;
    Kind kind;
    uintptr_t at;
    unsigned size;
};

static std::vector<Access> lanes_accesses[1024];

static inline void count(const void* site, Kind kind, uintptr_t at, unsigned size) {
    if (kind != Kind::SHARED && kind != Kind::COPY) touch_sectors(at, size, kind == Kind::WRITE);
    if (COUNTS && size) lanes_accesses[current].push_back({site, kind, at, size});
}

// Turns of shared memory for the accesses of one instruction, 128 bytes of lanes at a time: the most distinct words
// that a bank of 4 bytes must give. The first number is of turns, the second how many of them conflicts add.
static inline std::pair<uint64_t, uint64_t> turns(const std::vector<std::pair<unsigned, Access>>& list) {
    std::map<unsigned, std::vector<uintptr_t>> phases;
    for (const auto& [lane, access] : list)
        for (unsigned i = 0; i < std::max(access.size / 4, 1u); ++i)
            phases[lane * std::max(access.size, 4u) / 128].push_back(access.at / 4 + i);
    uint64_t sum = 0;
    for (auto& [phase, words] : phases) {
        std::sort(words.begin(), words.end());
        words.erase(std::unique(words.begin(), words.end()), words.end());
        unsigned banks[32] = {}, most = 0;
        for (uintptr_t word : words) most = std::max(most, ++banks[word % 32]);
        sum += most;
    }
    return {sum, sum - phases.size()};
}

static inline void touch(const std::vector<std::pair<unsigned, Access>>& list, uint64_t& bytes, uint64_t& sectors) {
    std::vector<uintptr_t> pairs, touched; // in units of 2 bytes, the smallest access
    for (const auto& [lane, access] : list)
        for (unsigned i = 0; i < access.size; i += 2) {
            pairs.push_back((access.at + i) / 2);
            touched.push_back((access.at + i) / 32);
        }
    const auto distinct = [](std::vector<uintptr_t>& all) {
        std::sort(all.begin(), all.end());
        return (uint64_t)(std::unique(all.begin(), all.end()) - all.begin());
    };
    bytes += 2 * distinct(pairs);
    sectors += distinct(touched);
}

// Counts what a warp has done since it last met.
static inline void count_warp(unsigned warp) {
    if (!COUNTS) return;
    std::map<std::tuple<const void*, Kind, unsigned>, std::vector<std::pair<unsigned, Access>>> instructions;
    for (unsigned lane = 0; lane < WARP; ++lane) {
        std::vector<Access>& own = lanes_accesses[warp * WARP + lane];
        std::map<std::pair<const void*, Kind>, unsigned> turn;
        for (const Access& access : own)
            instructions[{access.site, access.kind, turn[{access.site, access.kind}]++}].push_back({lane, access});
        own.clear();
    }
    for (const auto& [key, list] : instructions) {
        switch (std::get<1>(key)) {
        case Kind::READ: touch(list, counts.read_bytes, counts.read_sectors); break;
        case Kind::WRITE: touch(list, counts.write_bytes, counts.write_sectors); break;
        case Kind::TABLE: touch(list, counts.table_bytes, counts.table_sectors); break;
        case Kind::SHARED: {
            const auto [all, conflicts] = turns(list);
            counts.shared_turns += all;
            counts.shared_conflicts += conflicts;
            break;
        }
        case Kind::COPY: {
            const auto [all, conflicts] = turns(list);
            counts.copy_turns += all;
            counts.copy_conflicts += conflicts;
            break;
        }
        }
    }
}

} // namespace sovit_host
