#include "hmac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstring>
#include <memory>

#include "refusal.h"

namespace krypton {
namespace {

/*
 * SHA-256 through its plain functions, on a context that lies in our own memory: an EVP_MAC keeps the key, and what it made of the
 * key, on the ordinary heap, and takes three times as long to be given a key (native/README.md).
 */
void stateAfterPad(const uint8_t* block, uint8_t pad, uint8_t* state) {
  uint8_t padded[SHA256_CBLOCK];
  for (size_t i = 0; i < sizeof padded; i++) padded[i] = block[i] ^ pad;
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Transform(&context, padded);
  memcpy(state, context.h, kSha256Bytes);
  OPENSSL_cleanse(padded, sizeof padded);
  OPENSSL_cleanse(&context, sizeof context);
}

struct MacFree {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

}  // namespace

void hmacSha256States(const uint8_t* key, size_t length, uint8_t* states) {
  uint8_t block[SHA256_CBLOCK] = {};
  if (length > sizeof block) {
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, key, length);
    SHA256_Final(block, &context);
    OPENSSL_cleanse(&context, sizeof context);
  } else if (length > 0) {
    memcpy(block, key, length);
  }
  stateAfterPad(block, 0x36, states);
  stateAfterPad(block, 0x5c, states + kSha256Bytes);
  OPENSSL_cleanse(block, sizeof block);
}

HmacSha256::HmacSha256(const Pinned& key) {
  if (key.secretClass() == SecretClass::kSystem) {
    memcpy(states_, key.prepared(), sizeof states_);
  } else {
    hmacSha256States(key.data(), key.size(), states_);
  }
  SHA256_Init(&context_);
  begin(states_);
}

HmacSha256::~HmacSha256() {
  OPENSSL_cleanse(states_, sizeof states_);
  OPENSSL_cleanse(&context_, sizeof context_);
}

void HmacSha256::begin(const uint8_t* state) {
  memcpy(context_.h, state, kSha256Bytes);
  context_.Nl = SHA256_CBLOCK * 8;
  context_.Nh = 0;
  context_.num = 0;
}

void HmacSha256::update(const void* data, size_t length) { SHA256_Update(&context_, data, length); }

void HmacSha256::final(uint8_t* mac) {
  SHA256_Final(mac, &context_);
  SHA256_Init(&context_);
  begin(states_ + kSha256Bytes);
  SHA256_Update(&context_, mac, kSha256Bytes);
  SHA256_Final(mac, &context_);
  SHA256_Init(&context_);
  begin(states_);
}

size_t hmacOf(uint32_t digest, const Pinned& key, const uint8_t* data, size_t length, uint8_t* mac) {
  if (digest == kSha256Number) {
    HmacSha256 hmac(key);
    hmac.update(data, length);
    hmac.final(mac);
    return kSha256Bytes;
  }
  const std::unique_ptr<EVP_MAC, MacFree> algorithm(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  const std::unique_ptr<EVP_MAC_CTX, MacFree> context(EVP_MAC_CTX_new(algorithm.get()));
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>(kDigestNames[digest]), 0),
      OSSL_PARAM_construct_end(),
  };
  // OpenSSL takes a key of no bytes for none at all; HMAC fills a short key with zeros, so one zero is the same key.
  static constexpr uint8_t kZero = 0;
  const uint8_t* bytes = key.size() == 0 ? &kZero : key.data();
  size_t written = 0;
  if (context == nullptr || EVP_MAC_init(context.get(), bytes, key.size() == 0 ? 1 : key.size(), parameters) != 1 ||
      EVP_MAC_update(context.get(), data, length) != 1 ||
      EVP_MAC_final(context.get(), mac, &written, kDigestBytesMax) != 1) {
    throw Refusal(std::string("OpenSSL has no HMAC with ") + kDigestNames[digest]);
  }
  return written;
}

}  // namespace krypton
