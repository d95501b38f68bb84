#include "random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/random.h>

#include <array>
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

void seedOpenSsl() {
  std::array<uint8_t, 32> seed;
  randomBytes(seed.data(), seed.size());
  RAND_add(seed.data(), static_cast<int>(seed.size()), static_cast<double>(seed.size()));
  OPENSSL_cleanse(seed.data(), seed.size());
}

}  // namespace krypton
