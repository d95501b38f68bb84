#pragma once

#include <cstddef>
#include <cstdint>

namespace krypton {

/** What keeps the pages of a region from swap and core files, from the most to the least. */
enum class Protection : uint8_t {
  /** memfd_secret: not even the kernel maps them; locked, in no core file, not inherited by a fork. */
  kSecret,
  /** mmap and mlock: locked, left out of core files, zero in a fork. */
  kLocked,
  /** mlock was refused: left out of core files, zero in a fork, and may be swapped. */
  kUnlocked,
};

/** Pages for secrets between two pages that nobody can touch. The pages are zero. */
struct Region {
  uint8_t* data = nullptr;
  size_t size = 0;
  Protection protection = Protection::kUnlocked;
};

/** What the kernel refused so far; 0 where it refused nothing, else its errno. */
struct Refusals {
  int secretPages = 0;
  int lock = 0;
};

/** Maps at least `size` bytes, rounded up to pages. `data` is null when there is no memory at all. Adds to `refusals`. */
Region mapRegion(size_t size, Refusals& refusals);

/** Wipes the region and gives it back. */
void unmapRegion(const Region& region);

/** RLIMIT_MEMLOCK in bytes; negative when there is no limit. */
double lockLimitBytes();

}  // namespace krypton
