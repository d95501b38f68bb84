#include "random.h"

#include <sys/random.h>

#include <cerrno>

#include "refusal.h"

namespace krypton {

void randomBytes(uint8_t* target, size_t length) {
  while (length > 0) {
    const ssize_t got = getrandom(target, length, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw Refusal("the kernel gives no random bytes");
    target += got;
    length -= static_cast<size_t>(got);
  }
}

}  // namespace krypton
