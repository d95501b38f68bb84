#pragma once

#include <openssl/sha.h>

#include <cstddef>
#include <cstdint>

#include "slots.h"

namespace krypton {

constexpr size_t kSha256Bytes = 32;

/** The chaining values of SHA-256 after HMAC's inner and outer pad: 64 bytes from which every HMAC under `key` begins. */
void hmacSha256States(const uint8_t* key, size_t length, uint8_t* states);

/** HMAC-SHA-256 (FIPS 198-1), in memory of its own that is wiped at its end. */
class HmacSha256 {
 public:
  /** `key` may be of any class; a system secret has its states ready. */
  explicit HmacSha256(const Pinned& key);
  HmacSha256(const HmacSha256&) = delete;
  HmacSha256& operator=(const HmacSha256&) = delete;
  ~HmacSha256();

  void update(const void* data, size_t length);
  /** Writes the 32 bytes of the MAC; then it begins anew under the same key. */
  void final(uint8_t* mac);

 private:
  void begin(const uint8_t* state);

  uint8_t states_[Prepared::kSystemBytes];
  SHA256_CTX context_;
};

/** Digests of HMAC besides SHA-256. The numbers are those of src/crypto/mac.ts. */
constexpr const char* kDigestNames[] = {"SHA1",       "SHA2-224",   "SHA2-256", "SHA2-384", "SHA2-512", "SHA2-512/224",
                                        "SHA2-512/256", "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512"};
constexpr uint32_t kSha256Number = 2;
constexpr size_t kDigestBytesMax = 64;

/** HMAC of `data` with the digest of that number; returns the length of the MAC. Throws Refusal where OpenSSL lacks it. */
size_t hmacOf(uint32_t digest, const Pinned& key, const uint8_t* data, size_t length, uint8_t* mac);

}  // namespace krypton
