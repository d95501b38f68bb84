#include "kdf.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>

#include "hmac.h"

namespace krypton {
namespace {

void bigEndian(uint32_t number, uint8_t* bytes) {
  bytes[0] = static_cast<uint8_t>(number >> 24);
  bytes[1] = static_cast<uint8_t>(number >> 16);
  bytes[2] = static_cast<uint8_t>(number >> 8);
  bytes[3] = static_cast<uint8_t>(number);
}

}  // namespace

void derive(const Pinned& key, std::string_view label, std::string_view context, uint8_t* derived, size_t length) {
  uint8_t counter[4];
  uint8_t bits[4];
  uint8_t block[kSha256Bytes];
  bigEndian(static_cast<uint32_t>(length * 8), bits);
  HmacSha256 hmac(key);
  uint32_t i = 1;
  for (size_t offset = 0; offset < length; offset += sizeof block, i++) {
    bigEndian(i, counter);
    hmac.update(counter, sizeof counter);
    hmac.update(label.data(), label.size());
    hmac.update("", 1);
    hmac.update(context.data(), context.size());
    hmac.update(bits, sizeof bits);
    hmac.final(block);
    memcpy(derived + offset, block, std::min(sizeof block, length - offset));
  }
  OPENSSL_cleanse(block, sizeof block);
}

}  // namespace krypton
