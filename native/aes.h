#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>

namespace krypton {

constexpr size_t kAesBlockBytes = 16;
constexpr size_t kAes256KeyBytes = 32;

/** Modes that a thread has contexts for, with and without PKCS#5's padding. The numbers are those of src/crypto/cipher.ts. */
enum class AesMode : uint8_t { kEcb = 0, kCbc = 1, kCtr = 2, kGcm = 3, kEcbPadded = 4, kCbcPadded = 5 };
constexpr size_t kAesModes = 6;

/**
 * A context of this thread for AES with a key of `keyBytes` (16, 24 or 32), fetched once. OpenSSL keeps it in ordinary memory:
 * whoever gives it a key ends with `forgetKey`. Throws Refusal where OpenSSL lacks the cipher.
 */
EVP_CIPHER_CTX* aesContext(AesMode mode, size_t keyBytes);

/** Overwrites the key schedule in a context from `aesContext` with that of a public key. */
void forgetKey(EVP_CIPHER_CTX* context);

/** Forgets the key at the end of a block. */
class KeyInUse {
 public:
  explicit KeyInUse(EVP_CIPHER_CTX* context) : context_(context) {}
  KeyInUse(const KeyInUse&) = delete;
  KeyInUse& operator=(const KeyInUse&) = delete;
  ~KeyInUse() { forgetKey(context_); }

 private:
  EVP_CIPHER_CTX* context_;
};

/** CMAC's first subkey (SP 800-38B section 6.1) under an AES-256 key: 16 bytes. */
void cmacSubkey(const uint8_t* key, uint8_t* subkey);

/** The key of 32 bytes that XAES-256-GCM (C2SP) uses with this nonce, of which it takes the first 12 bytes. */
void xaesKey(const uint8_t* key, const uint8_t* subkey, const uint8_t* nonce, uint8_t* derived);

}  // namespace krypton
