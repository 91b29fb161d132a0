// The executor: a block's threads as fibers that give way at every meeting point.
//
// Blocks run one after another, and so do warps. A thread runs until it meets others: a warp operation parks it until
// every lane of the mask has come, a barrier until every thread of the block has. Whoever comes last does the work for
// all. When no one can run and not all are done, the block is deadlocked, and the report says who waits for what.
//
// To grow: a new warp operation is a new `combine` for `meet_warp` (see tensor.hpp); a group of warps or an mbarrier is
// a new State with its own condition. Asynchronous copies stand in copies.hpp.
#pragma once

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <vector>

#include "counts.hpp"
#include "cuda.hpp"
#include "fiber.hpp"

namespace sovit_host {

constexpr unsigned MOST_THREADS = 1024;
constexpr unsigned char POISON = 0xff; // as bf16, fp16, float and double: NaN

constexpr size_t SHARED_ZONE = 256;

enum class State { READY, WAIT_WARP, WAIT_BLOCK, DONE };

// A warp operation: `combine` reads and writes what each lane of `mask` brought.
struct Meeting {
    const char* name;
    unsigned mask;
    void (*combine)(void* const* lanes, unsigned mask);
    void* brought;
};

// An asynchronous copy that has not landed: `bytes` from global memory and zeros up to 16, to an offset in shared memory.
struct Copy {
    unsigned to;
    const void* from;
    unsigned bytes;
    unsigned group;
};

struct Thread {
    Fiber fiber;
    State state;
    Meeting meeting;
    std::vector<Copy> copies; // in flight, the oldest first
    unsigned groups;          // of copies, committed so far
};

struct Executor {
    // The kernel's call, which runs in each thread, and the addresses of its arguments.
    void (*kernel)(void* const*) = nullptr;
    void* const* arguments = nullptr;
    bool reverse = false;
    unsigned copies = 0; // when asynchronous copies land, as in host.h
    unsigned noise = 0;  // the state of their random order

    unsigned grid = 0, threads = 0;
    std::vector<unsigned> chosen; // the blocks to run; all of the grid where it is empty
    unsigned at_barrier = 0, done = 0;
    unsigned waiting[MOST_THREADS / WARP], gone[MOST_THREADS / WARP]; // lanes of each warp: in a warp operation, done
    std::vector<Thread> pool; // grows to the largest block and keeps its stacks
    std::vector<unsigned char> shared;
    Fiber main;
    char failure[512] = "";

    // Runs every block, or those that were chosen; false with `failure` set if one of them trapped or came to a halt.
    bool run(unsigned shared_bytes) {
        if (pool.size() < threads) pool.resize(threads);
        const unsigned count = chosen.empty() ? grid : (unsigned)chosen.size();
        for (unsigned n = 0; n < count && !failure[0]; ++n) {
            block = reverse ? count - 1 - n : n;
            if (!chosen.empty()) block = chosen[block];
            shared.assign(shared_bytes + SHARED_ZONE, POISON);
            run_block();
            for (size_t i = 0; i < SHARED_ZONE - 16 && !failure[0]; ++i)
                if (shared_begin()[shared_bytes + i] != POISON)
                    snprintf(failure, sizeof failure, "block %u: wrote beyond its %u bytes of shared memory", block, shared_bytes);
        }
        return !failure[0];
    }

    // The block's shared memory, 16-byte aligned, poisoned, with a zone of poison behind it.
    unsigned char* shared_begin() {
        const uintptr_t start = (uintptr_t)shared.data();
        return shared.data() + (16 - start % 16) % 16;
    }

    // `size` bytes at an offset of the shared memory; traps where they are not aligned to `size` or not inside.
    unsigned char* shared_place(const char* verb, unsigned at, unsigned size) {
        const size_t bytes = shared.size() - SHARED_ZONE;
        if (at % size != 0) trap("misaligned %s of %u bytes at byte %u of shared memory", verb, size, at);
        if (at > bytes || bytes - at < size) trap("%s of %u bytes at byte %u of %zu of shared memory", verb, size, at, bytes);
        return shared_begin() + at;
    }

    // Stops the kernel with a message. Called by a thread, it does not return.
    [[noreturn]] void trap(const char* format, ...) __attribute__((format(printf, 2, 3))) {
        int at = snprintf(failure, sizeof failure, "block %u, thread %u: ", block, current);
        va_list list;
        va_start(list, format);
        vsnprintf(failure + at, sizeof failure - (size_t)at, format, list);
        va_end(list);
        park(State::DONE);
        abort(); // no one resumes a thread after a trap
    }

    // Gives way; returns when someone has made this thread ready.
    void park(State state) {
        Thread& self = pool[current];
        self.state = state;
        switch_fiber(self.fiber, main);
    }

    void meet_block() {
        if (++at_barrier < threads) return park(State::WAIT_BLOCK);
        at_barrier = 0;
        ++counts.barriers;
        count_block();
        for (unsigned i = 0; i < threads; ++i)
            if (pool[i].state == State::WAIT_BLOCK) pool[i].state = State::READY;
    }

    void meet_warp(const Meeting& meeting) {
        const unsigned warp = current / WARP, lane = current % WARP;
        if (!(meeting.mask >> lane & 1)) trap("%s with mask %08x, which leaves out its own lane", meeting.name, meeting.mask);
        const unsigned there = threads - warp * WARP < WARP ? (1u << (threads - warp * WARP)) - 1 : 0xffffffffu;
        if (const unsigned missing = meeting.mask & (gone[warp] | ~there))
            trap("%s with mask %08x, but lane %u is not there", meeting.name, meeting.mask, (unsigned)__builtin_ctz(missing));
        pool[current].meeting = meeting;
        waiting[warp] |= 1u << lane;
        if ((waiting[warp] & meeting.mask) != meeting.mask) return park(State::WAIT_WARP);

        count_warp(warp);
        Thread* const lanes = &pool[warp * WARP];
        void* brought[WARP] = {};
        for (unsigned i = 0; i < WARP; ++i) {
            if (!(meeting.mask >> i & 1)) continue;
            const Meeting& other = lanes[i].meeting;
            if (other.mask != meeting.mask || other.combine != meeting.combine)
                trap("%s with mask %08x, while lane %u is in %s with mask %08x", meeting.name, meeting.mask, i, other.name,
                     other.mask);
            brought[i] = other.brought;
        }
        meeting.combine(brought, meeting.mask);
        waiting[warp] &= ~meeting.mask;
        for (unsigned i = 0; i < WARP; ++i)
            if ((meeting.mask >> i & 1) && i != lane) lanes[i].state = State::READY;
    }

private:
    void count_block() {
        end_step(block);
        for (unsigned warp = 0; warp * WARP < threads; ++warp) count_warp(warp);
    }

    void run_block() {
        at_barrier = done = 0;
        memset(waiting, 0, sizeof waiting);
        memset(gone, 0, sizeof gone);
        for (unsigned i = 0; i < threads; ++i) {
            pool[i].state = State::READY;
            pool[i].copies.clear();
            pool[i].groups = 0;
            pool[i].fiber.start(body);
        }
        while (done < threads) {
            bool progress = false;
            const unsigned warps = (threads + WARP - 1) / WARP;
            for (unsigned n = 0; n < warps; ++n)
                while (run_warp(reverse ? warps - 1 - n : n)) {
                    if (failure[0]) return;
                    progress = true;
                }
            if (!progress) return report_deadlock();
        }
        count_block();
    }

    // Lets each lane that is ready run once; false if none was. A warp runs as far as it can before the next one starts,
    // so that warps are as far apart as barriers allow.
    bool run_warp(unsigned warp) {
        bool progress = false;
        for (unsigned n = 0; n < WARP && !failure[0]; ++n) {
            current = warp * WARP + (reverse ? WARP - 1 - n : n);
            if (current >= threads || pool[current].state != State::READY) continue;
            progress = true;
            switch_fiber(main, pool[current].fiber);
        }
        return progress;
    }

    static void body();

    void report_deadlock() {
        unsigned in_warp = 0;
        const Thread* example = nullptr;
        for (unsigned i = 0; i < threads; ++i)
            if (pool[i].state == State::WAIT_WARP) {
                ++in_warp;
                example = &pool[i];
            }
        snprintf(failure, sizeof failure,
                 "block %u: deadlock: %u threads wait at a barrier, %u lanes wait in %s, %u threads have left", block,
                 at_barrier, in_warp, example ? example->meeting.name : "warp operations", done);
    }
};

// The one executor of the program, and who runs on it.
static Executor executor;
unsigned current = 0, block = 0;

void Executor::body() {
    executor.kernel(executor.arguments);
    const unsigned current = sovit_host::current;
    if (const size_t left = executor.pool[current].copies.size()) executor.trap("left with %zu copies in flight", left);
    executor.gone[current / WARP] |= 1u << current % WARP;
    ++executor.done;
    executor.park(State::DONE);
    abort(); // no one resumes a thread that is done
}

} // namespace sovit_host
