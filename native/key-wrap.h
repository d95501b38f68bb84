#pragma once

#include <cstddef>
#include <cstdint>

#include "slots.h"
#include "span.h"

namespace krypton {

/** Bytes that wrapping adds, at most: the integrity value, and what pads to a multiple of 8. */
constexpr size_t kWrapBytesMax = 15;

/**
 * AES key wrap: RFC 3394, or with `isPadded` RFC 5649, under a key of 16, 24 or 32 bytes. Returns the bytes in `target`, which has
 * room for `kWrapBytesMax` more than the plaintext. Throws WrongArgument for a length that the form does not have.
 */
size_t wrap(bool isPadded, const Pinned& key, Span plaintext, uint8_t* target);

/** The other way: the bytes of the key in `target`, which has room for as much as is wrapped; -1 when it does not open. */
int64_t unwrap(bool isPadded, const Pinned& key, Span wrapped, uint8_t* target);

}  // namespace krypton
