// Stackful fibers: one for each CUDA thread, one stack each, switched by hand.
//
// On x86-64 a switch is a dozen instructions; elsewhere, or with SOVIT_UCONTEXT, it is `swapcontext`.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if !defined(SOVIT_UCONTEXT) && !defined(__x86_64__)
#define SOVIT_UCONTEXT
#endif
#ifdef SOVIT_UCONTEXT
#include <ucontext.h>
#endif

namespace sovit_host {

constexpr size_t STACK_BYTES = 64 << 10;

// Memory for one stack, with a page below it that no one may touch, so that an overflow stops the program.
static char* new_stack() {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void* memory = mmap(nullptr, STACK_BYTES + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) != 0) {
        fputs("no memory for the stacks of the threads\n", stderr);
        abort();
    }
    return (char*)memory + page;
}

#ifdef SOVIT_UCONTEXT

struct Fiber {
    ucontext_t context;
    char* stack = nullptr;

    // Makes the next switch to this fiber call `body`, which never returns.
    void start(void (*body)()) {
        if (!stack) stack = new_stack();
        getcontext(&context);
        context.uc_stack.ss_sp = stack;
        context.uc_stack.ss_size = STACK_BYTES;
        context.uc_link = nullptr;
        makecontext(&context, body, 0);
    }
};

static inline void switch_fiber(Fiber& from, Fiber& to) { swapcontext(&from.context, &to.context); }

#else

extern "C" void sovit_switch(void** save, void* load) asm("sovit_switch");

// System V: what a call must keep is rbx, rbp and r12 to r15; the rest is the caller's to save.
asm(R"(
.text
.p2align 4
sovit_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");

struct Fiber {
    void* top = nullptr; // where its registers lie while it does not run
    char* stack = nullptr;

    // Makes the next switch to this fiber call `body`, which never returns.
    void start(void (*body)()) {
        if (!stack) stack = new_stack();
        // Six registers, the return into `body`, and a word that aligns its frame as after a call.
        uintptr_t* frame = (uintptr_t*)(stack + STACK_BYTES) - 8;
        for (int i = 0; i < 8; ++i) frame[i] = 0;
        frame[6] = (uintptr_t)body;
        top = frame;
    }
};

static inline void switch_fiber(Fiber& from, Fiber& to) { sovit_switch(&from.top, to.top); }

#endif

} // namespace sovit_host
