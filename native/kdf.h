#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "slots.h"

namespace krypton {

/** SP 800-108r1 section 4.1, KDF in counter mode with HMAC-SHA-256: `length` bytes into `derived`. */
void derive(const Pinned& key, std::string_view label, std::string_view context, uint8_t* derived, size_t length);

}  // namespace krypton
