#pragma once

#include <cstddef>
#include <cstdint>

namespace krypton {

/**
 * Bytes from getrandom(2). OpenSSL's generator lives in the process's memory and repeats itself when a virtual machine is
 * cloned; the kernel's is told of the clone. Throws Refusal.
 */
void randomBytes(uint8_t* target, size_t length);

}  // namespace krypton
