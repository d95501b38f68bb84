#pragma once

#include <cstddef>
#include <cstdint>

#include "aes.h"
#include "slots.h"
#include "span.h"

namespace krypton {

/** The longest IV that OpenSSL takes for GCM. */
constexpr size_t kGcmIvBytesMax = 128;

/**
 * AES under a client's key of 16, 24 or 32 bytes. Returns the bytes of ciphertext in `target`, which has room for a block more than the
 * data; GCM's tag goes to `tag`, of 12 to 16 bytes. Throws WrongArgument for a key or an IV of another length than the mode has.
 */
size_t encrypt(AesMode mode, const Pinned& key, Span iv, Span associated, Span data, uint8_t* target, uint8_t* tag,
               size_t tagBytes);

/**
 * The other way. Returns the bytes of plaintext, or -1 when padding, tag or length are wrong: then nothing of it is left in `target`,
 * which has room for as much as the data.
 */
int64_t decrypt(AesMode mode, const Pinned& key, Span iv, Span associated, Span data, Span tag, uint8_t* target);

}  // namespace krypton
