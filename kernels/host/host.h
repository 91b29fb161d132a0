/* The host executor's C interface: runs one kernel, compiled into the same program, on the CPU.
 *
 * A kernel is compiled together with run.cpp (see there); the program that results offers this function to whoever
 * links it, and a `main` that speaks the same over standard input and output. */
#ifndef SOVIT_HOST_H
#define SOVIT_HOST_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What an argument of the kernel is. */
enum sovit_kind {
    SOVIT_SCALAR = 0,  /* `bytes` bytes at `data` are the value itself */
    SOVIT_INPUT = 1,   /* a buffer that the kernel must not write */
    SOVIT_OUTPUT = 2,  /* a buffer that starts as poison and is copied back to `data` */
    SOVIT_UPDATED = 3, /* a buffer that starts as `data` and is copied back to it */
    SOVIT_SAME = 4     /* the buffer of the argument with the number `bytes` */
};

typedef struct {
    unsigned int kind;
    unsigned long long bytes;
    void* data;
} sovit_argument;

typedef struct {
    unsigned int grid;         /* blocks */
    unsigned int block;        /* threads of a block, 1024 at most */
    unsigned int shared_bytes; /* dynamic shared memory of a block */
    unsigned int reverse;      /* 0: blocks and threads run from the first; 1: from the last */
    unsigned int copies;       /* asynchronous copies land 0: where the kernel waits; 1: at once; else: at random */
} sovit_launch;

/* Runs the kernel once. Returns 0, or 1 with a line of text in `message`: a trap, a deadlock, a broken guard zone. */
int sovit_run(const sovit_launch* launch, sovit_argument* arguments, unsigned int count, char* message, size_t size);

#ifdef __cplusplus
}
#endif
#endif
