// A kernel, and how it is called: the part of the program that differs from kernel to kernel.
#include "floats.hpp"

#include SOVIT_SOURCE

namespace sovit_host {

template <class T> static T take(void* const*& addresses) { return *(const T*)*addresses++; }

template <class... A> struct Call {
    static constexpr unsigned SIZES[] = {sizeof(A)...};

    // In braces, arguments are read from the first to the last.
    Call(void (*kernel)(A...), A... values) { kernel(values...); }
    static void run(void* const* addresses) { Call{SOVIT_ENTRY, take<A>(addresses)...}; }
};

template <class... A> constexpr Entry entry_of(void (*)(A...)) { return {sizeof...(A), Call<A...>::SIZES, Call<A...>::run}; }

const Entry entry = entry_of(SOVIT_ENTRY);

} // namespace sovit_host
