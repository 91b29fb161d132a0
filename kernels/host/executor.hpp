// The executor: a block's threads as fibers that give way at every meeting point.
//
// Blocks run one after another. A thread runs until it meets others: a warp operation parks it until every lane of the
// mask has come, a barrier until every thread of the block has. Whoever comes last does the work for all. When no one
// can run and not all are done, the block is deadlocked, and the report says who waits for what.
//
// To grow: a new warp operation is a new `combine` for `meet_warp` (ldmatrix, mma); a group of warps or an mbarrier is
// a new State with its own condition; asynchronous copies are queued by their primitive and run where the kernel waits
// for them, or when no thread is ready, never earlier: late and poisoned is how a missing wait shows.
#pragma once

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <vector>

#include "fiber.hpp"

namespace sovit_host {

constexpr unsigned WARP = 32;
constexpr unsigned MOST_THREADS = 1024;
constexpr unsigned char POISON = 0xff; // as bf16, float and double: NaN

constexpr size_t SHARED_ZONE = 256;

enum class State { READY, WAIT_WARP, WAIT_BLOCK, DONE };

// A warp operation: `combine` reads and writes what each lane of `mask` brought.
struct Meeting {
    const char* name;
    unsigned mask;
    void (*combine)(void* const* lanes, unsigned mask);
    void* brought;
};

struct Thread {
    Fiber fiber;
    State state;
    Meeting meeting;
};

struct Executor {
    // The kernel's call with its arguments bound; runs in each thread.
    void (*kernel)(void*) = nullptr;
    void* arguments = nullptr;
    bool reverse = false;

    unsigned grid = 0, threads = 0;
    unsigned block = 0, current = 0; // the block and the thread that run
    unsigned at_barrier = 0, done = 0;
    std::vector<Thread> pool; // grows to the largest block and keeps its stacks
    std::vector<unsigned char> shared;
    Fiber main;
    char failure[512] = "";

    // Runs every block; false with `failure` set if one of them trapped or came to a halt.
    bool run(unsigned shared_bytes) {
        if (pool.size() < threads) pool.resize(threads);
        for (unsigned n = 0; n < grid && !failure[0]; ++n) {
            block = reverse ? grid - 1 - n : n;
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
        for (unsigned i = 0; i < threads; ++i)
            if (pool[i].state == State::WAIT_BLOCK) pool[i].state = State::READY;
    }

    void meet_warp(const Meeting& meeting) {
        const unsigned first = current / WARP * WARP, lane = current % WARP;
        if (!(meeting.mask >> lane & 1)) trap("%s with mask %08x, which leaves out its own lane", meeting.name, meeting.mask);
        pool[current].meeting = meeting;
        void* brought[WARP] = {};
        bool complete = true;
        for (unsigned i = 0; i < WARP; ++i) {
            if (!(meeting.mask >> i & 1)) continue;
            const unsigned other = first + i;
            if (other >= threads || pool[other].state == State::DONE)
                trap("%s with mask %08x, but lane %u is not there", meeting.name, meeting.mask, i);
            const Thread& thread = pool[other];
            if (other != current && thread.state != State::WAIT_WARP) {
                complete = false;
                continue;
            }
            if (thread.meeting.mask != meeting.mask || thread.meeting.combine != meeting.combine)
                trap("%s with mask %08x, while lane %u is in %s with mask %08x", meeting.name, meeting.mask, i,
                     thread.meeting.name, thread.meeting.mask);
            brought[i] = thread.meeting.brought;
        }
        if (!complete) return park(State::WAIT_WARP);
        meeting.combine(brought, meeting.mask);
        for (unsigned i = 0; i < WARP; ++i)
            if ((meeting.mask >> i & 1) && first + i != current) pool[first + i].state = State::READY;
    }

private:
    void run_block() {
        at_barrier = done = 0;
        for (unsigned i = 0; i < threads; ++i) {
            pool[i].state = State::READY;
            pool[i].fiber.start(body);
        }
        while (done < threads) {
            bool progress = false;
            for (unsigned n = 0; n < threads; ++n) {
                current = reverse ? threads - 1 - n : n;
                if (pool[current].state != State::READY) continue;
                progress = true;
                switch_fiber(main, pool[current].fiber);
                if (failure[0]) return;
            }
            if (!progress) return report_deadlock();
        }
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

// The one executor of the program.
static Executor executor;

void Executor::body() {
    executor.kernel(executor.arguments);
    ++executor.done;
    executor.park(State::DONE);
    abort(); // no one resumes a thread that is done
}

} // namespace sovit_host
