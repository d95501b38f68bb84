#include "secure-memory.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace krypton {
namespace {

size_t pageBytes() {
  static const size_t bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

/** Puts secret pages at `address`; false, with errno, where the kernel has none or the limit of locked memory is reached. */
bool mapSecretPages(uint8_t* address, size_t size) {
#ifdef SYS_memfd_secret
  const int descriptor = static_cast<int>(syscall(SYS_memfd_secret, O_CLOEXEC));
  if (descriptor < 0) return false;
  const bool mapped = ftruncate(descriptor, static_cast<off_t>(size)) == 0 &&
                      mmap(address, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, descriptor, 0) != MAP_FAILED;
  const int cause = errno;
  close(descriptor);
  errno = cause;
  // WIPEONFORK is refused for shared pages: a fork gets none of them.
  return mapped && madvise(address, size, MADV_DONTFORK) == 0;
#else
  (void)address;
  (void)size;
  errno = ENOSYS;
  return false;
#endif
}

bool mapOrdinaryPages(uint8_t* address, size_t size) {
  return mmap(address, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED &&
         madvise(address, size, MADV_DONTDUMP) == 0 && madvise(address, size, MADV_WIPEONFORK) == 0;
}

}  // namespace

Region mapRegion(size_t wanted, Refusals& refusals) {
  const size_t page = pageBytes();
  const size_t size = (wanted + page - 1) / page * page;
  // The whole range is taken first, so that nothing else lies beside the secrets: what is left at both ends are the guards.
  void* range = mmap(nullptr, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) return {};
  uint8_t* data = static_cast<uint8_t*>(range) + page;
  // A kernel without them will not learn it; one whose limit is reached may have room again.
  if (refusals.secretPages != ENOSYS) {
    if (mapSecretPages(data, size)) return {data, size, Protection::kSecret};
    refusals.secretPages = errno;
  }
  if (!mapOrdinaryPages(data, size)) {
    munmap(range, size + 2 * page);
    return {};
  }
  if (mlock(data, size) == 0) return {data, size, Protection::kLocked};
  refusals.lock = errno;
  return {data, size, Protection::kUnlocked};
}

void unmapRegion(const Region& region) {
  OPENSSL_cleanse(region.data, region.size);
  const size_t page = pageBytes();
  munmap(region.data - page, region.size + 2 * page);
}

double lockLimitBytes() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return -1;
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace krypton
