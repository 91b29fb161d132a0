// The program that runs one kernel, which is compiled apart:
//
//     c++ -std=c++17 -O1 -DSOVIT_SOURCE='"kernel.cu"' -DSOVIT_ENTRY=the_entry kernel.cpp run.cpp -o kernel
//
// It reads one launch from standard input and writes the buffers that the kernel filled to standard output. All
// numbers are little-endian. Input: grid, block, shared bytes, reverse, copies, number of arguments (4 bytes each), then
// for each argument its kind (4 bytes), `bytes` (8 bytes) and, for scalars, inputs and updated buffers, the bytes
// themselves; then how many blocks are to be run (4 bytes) and their numbers (4 bytes each), none for all. Output: outputs
// and updated buffers, in order; with SOVIT_COUNT the counts of counts.hpp behind them, with SOVIT_TRACE what trace.hpp
// has traced. A trap ends the program with status 70 and a line on standard error; a request that makes no sense with
// status 64.
#include "copies.hpp"
#include "meetings.hpp"
#include "tensor.hpp"

namespace sovit_host {

unsigned long long scalar_flops = 0;

static int fail(char* message, size_t size, const char* text) {
    snprintf(message, size, "%s", text);
    return 1;
}

} // namespace sovit_host

int sovit_run(const sovit_launch* launch, sovit_argument* arguments, unsigned count, char* message, size_t size) {
    using namespace sovit_host;
    if (launch->block == 0 || launch->block > MOST_THREADS) return fail(message, size, "a block has 1 to 1024 threads");
    if (count != entry.count) return fail(message, size, "the kernel takes another number of arguments");

    std::vector<void*> pointers(count), addresses(count);
    buffers.assign(count, Buffer());
    for (unsigned i = 0; i < count; ++i) {
        const sovit_argument& argument = arguments[i];
        const size_t bytes = argument.kind == SOVIT_SCALAR ? (size_t)argument.bytes : sizeof(void*);
        if (entry.sizes[i] != bytes) return fail(message, size, "an argument has another size than the kernel's parameter");
        if (argument.kind == SOVIT_SAME) {
            if (argument.bytes >= i) return fail(message, size, "an argument can only be the same as an earlier one");
            pointers[i] = pointers[argument.bytes];
        } else if (argument.kind != SOVIT_SCALAR) {
            buffers[i].make(argument, i == 0 ? SOVIT_SHIFT : 0);
            pointers[i] = buffers[i].begin;
        }
        addresses[i] = argument.kind == SOVIT_SCALAR ? argument.data : &pointers[i];
    }
    executor.kernel = entry.run;
    executor.arguments = addresses.data();
    executor.reverse = launch->reverse != 0;
    executor.copies = executor.noise = launch->copies;
    executor.grid = launch->grid;
    executor.threads = launch->block;
    executor.failure[0] = '\0';
    if (!executor.run(launch->shared_bytes)) return fail(message, size, executor.failure);

    for (unsigned i = 0; i < count; ++i) {
        Buffer& buffer = buffers[i];
        char text[64];
        snprintf(text, sizeof text, "wrote outside the buffer of argument %u", i);
        if (!buffer.zones_are_whole()) return fail(message, size, text);
        snprintf(text, sizeof text, "wrote to argument %u, which is an input", i);
        if (!buffer.bytes) continue;
        if (buffer.writable) memcpy(arguments[i].data, buffer.begin, buffer.bytes);
        else if (memcmp(arguments[i].data, buffer.begin, buffer.bytes) != 0) return fail(message, size, text);
    }
    return 0;
}

static void get(void* to, size_t bytes) {
    if (fread(to, 1, bytes, stdin) == bytes) return;
    fputs("the request ends too early\n", stderr);
    exit(64);
}

int main() {
    sovit_launch launch;
    unsigned count;
    get(&launch, sizeof launch);
    get(&count, sizeof count);
    if (count > 64) {
        fputs("the request has more than 64 arguments\n", stderr);
        return 64;
    }
    std::vector<sovit_argument> arguments(count);
    std::vector<std::vector<unsigned char>> data(count);
    for (unsigned i = 0; i < count; ++i) {
        sovit_argument& argument = arguments[i];
        get(&argument.kind, sizeof argument.kind);
        get(&argument.bytes, sizeof argument.bytes);
        if (argument.kind > SOVIT_SAME || (argument.kind != SOVIT_SAME && argument.bytes > 1ull << 32)) {
            fputs("the request has an argument of no known kind or of more than 4 GiB\n", stderr);
            return 64;
        }
        if (argument.kind != SOVIT_SAME) data[i].resize((size_t)argument.bytes);
        argument.data = data[i].data();
        if (argument.kind != SOVIT_SAME && argument.kind != SOVIT_OUTPUT) get(argument.data, data[i].size());
    }
    unsigned chosen;
    get(&chosen, sizeof chosen);
    if (chosen > launch.grid) {
        fputs("the request chooses more blocks than there are\n", stderr);
        return 64;
    }
    sovit_host::executor.chosen.resize(chosen);
    for (unsigned& block : sovit_host::executor.chosen) get(&block, sizeof block);
    char message[600];
    if (sovit_run(&launch, arguments.data(), count, message, sizeof message) != 0) {
        fprintf(stderr, "%s\n", message);
        return 70;
    }
    for (unsigned i = 0; i < count; ++i)
        if (arguments[i].kind == SOVIT_OUTPUT || arguments[i].kind == SOVIT_UPDATED)
            fwrite(data[i].data(), 1, data[i].size(), stdout);
    sovit_host::counts.scalar_flops = sovit_host::scalar_flops;
    if (sovit_host::COUNTS) fwrite(&sovit_host::counts, sizeof sovit_host::counts, 1, stdout);
    const std::vector<uint64_t>& traced = sovit_host::traced;
    if (sovit_host::TRACES) fwrite(traced.data(), sizeof(uint64_t), traced.size(), stdout);
    return 0;
}
