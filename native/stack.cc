#include "stack.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace krypton {
namespace {

/** The 16 KiB of a TLS read lie a few KiB below the event loop's own frames, those of JavaScript that we are called from as well. */
constexpr size_t kStackBytes = 32 * 1024;

}  // namespace

[[gnu::noinline]] void wipeStackBelow() {
  uint8_t stack[kStackBytes];
  memset(stack, 0, sizeof stack);
  // Tells the compiler that somebody reads it, so that the writes stay.
  asm volatile("" : : "r"(stack) : "memory");
}

}  // namespace krypton
