#pragma once

#include <cstddef>
#include <cstdint>

namespace krypton {

/**
 * Bytes from getrandom(2). OpenSSL's generator lives in the process's memory and repeats itself when a virtual machine is
 * cloned; the kernel's is told of the clone. Throws Refusal.
 */
void randomBytes(uint8_t* target, size_t length);

/**
 * Has OpenSSL's own generator seeded anew, with 32 bytes of `randomBytes` among what it takes: what it makes next, in whatever thread, follows from them. For
 * RSA keys, which OpenSSL makes itself. Throws Refusal.
 */
void seedOpenSsl();

}  // namespace krypton
