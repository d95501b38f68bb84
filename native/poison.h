#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace krypton {

/** Tells AddressSanitizer that nobody may touch these bytes of a slab; without it, nothing. */
inline void poison([[maybe_unused]] const void* data, [[maybe_unused]] size_t length) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_POISON_MEMORY_REGION(data, length);
#endif
}

/** Takes `poison` back. */
inline void unpoison([[maybe_unused]] const void* data, [[maybe_unused]] size_t length) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(data, length);
#endif
}

}  // namespace krypton
