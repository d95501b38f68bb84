#pragma once

#include <cstddef>
#include <cstdint>

#include "slots.h"
#include "span.h"

namespace krypton {

/** The suites of records, as in src/crypto/aead.ts; 0x03 is 0x02 under a key that TypeScript has derived. */
enum class Suite : uint8_t { kAes256Gcm = 1, kXaes256Gcm = 2 };

constexpr size_t kTagBytes = 16;

/** Bytes of the suite's nonce. */
size_t nonceBytes(Suite suite);

/** Seals `plaintext` under a key of 32 bytes: ciphertext and tag into `sealed`, which has room for both. Throws Refusal. */
void sealAead(Suite suite, const Pinned& key, const uint8_t* nonce, Span associated, Span plaintext, uint8_t* sealed);

/**
 * Opens `sealed`, ciphertext and tag, into `plaintext`. False when it is not what was sealed; then what lies in `plaintext` is
 * nobody's to read. Throws Refusal.
 */
bool openAead(Suite suite, const Pinned& key, const uint8_t* nonce, Span associated, Span sealed, uint8_t* plaintext);

}  // namespace krypton
