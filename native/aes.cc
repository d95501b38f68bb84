#include "aes.h"

#include <openssl/crypto.h>

#include <cstring>
#include <string>

#include "refusal.h"

namespace krypton {
namespace {

constexpr const char* kModeNames[kAesModes] = {"ECB", "CBC", "CTR", "GCM", "ECB", "CBC"};
constexpr size_t kKeySizes = 3;

/** The contexts of a thread, made when they are first asked for and freed when it ends. */
struct Contexts {
  EVP_CIPHER_CTX* byModeAndKey[kAesModes][kKeySizes] = {};

  Contexts() = default;
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;
  ~Contexts() {
    for (auto& ofMode : byModeAndKey) {
      for (EVP_CIPHER_CTX* context : ofMode) EVP_CIPHER_CTX_free(context);
    }
  }
};

EVP_CIPHER_CTX* makeContext(AesMode mode, size_t keyBytes) {
  const std::string name = "AES-" + std::to_string(keyBytes * 8) + "-" + kModeNames[static_cast<size_t>(mode)];
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr);
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  const bool isPadded = mode == AesMode::kEcbPadded || mode == AesMode::kCbcPadded;
  const bool made = cipher != nullptr && context != nullptr &&
                    EVP_CipherInit_ex2(context, cipher, nullptr, nullptr, 1, nullptr) == 1 &&
                    EVP_CIPHER_CTX_set_padding(context, isPadded) == 1;
  EVP_CIPHER_free(cipher);
  if (made) return context;
  EVP_CIPHER_CTX_free(context);
  throw Refusal("OpenSSL has no " + name);
}

void encryptBlocks(const uint8_t* key, const uint8_t* blocks, size_t bytes, uint8_t* encrypted) {
  EVP_CIPHER_CTX* context = aesContext(AesMode::kEcb, kAes256KeyBytes);
  const KeyInUse inUse(context);
  int written = 0;
  if (EVP_CipherInit_ex2(context, nullptr, key, nullptr, 1, nullptr) != 1 ||
      EVP_CipherUpdate(context, encrypted, &written, blocks, static_cast<int>(bytes)) != 1) {
    throw Refusal("AES failed");
  }
}

}  // namespace

EVP_CIPHER_CTX* aesContext(AesMode mode, size_t keyBytes) {
  thread_local Contexts contexts;
  EVP_CIPHER_CTX*& context = contexts.byModeAndKey[static_cast<size_t>(mode)][keyBytes / 8 - 2];
  if (context == nullptr) context = makeContext(mode, keyBytes);
  return context;
}

void forgetKey(EVP_CIPHER_CTX* context) {
  static constexpr uint8_t kPublicKey[kAes256KeyBytes] = {};
  EVP_CipherInit_ex2(context, nullptr, kPublicKey, nullptr, 1, nullptr);
}

void cmacSubkey(const uint8_t* key, uint8_t* subkey) {
  static constexpr uint8_t kZeros[kAesBlockBytes] = {};
  encryptBlocks(key, kZeros, kAesBlockBytes, subkey);
  // Doubling in GF(2^128), without a branch on the key.
  const uint8_t carry = subkey[0] >> 7;
  for (size_t i = 0; i + 1 < kAesBlockBytes; i++) {
    subkey[i] = static_cast<uint8_t>(subkey[i] << 1 | subkey[i + 1] >> 7);
  }
  subkey[kAesBlockBytes - 1] = static_cast<uint8_t>(subkey[kAesBlockBytes - 1] << 1 ^ carry * 0x87);
}

void xaesKey(const uint8_t* key, const uint8_t* subkey, const uint8_t* nonce, uint8_t* derived) {
  uint8_t blocks[2 * kAesBlockBytes] = {0, 1, 'X', 0};
  blocks[kAesBlockBytes + 1] = 2;
  blocks[kAesBlockBytes + 2] = 'X';
  memcpy(blocks + 4, nonce, 12);
  memcpy(blocks + kAesBlockBytes + 4, nonce, 12);
  for (size_t i = 0; i < sizeof blocks; i++) blocks[i] ^= subkey[i % kAesBlockBytes];
  encryptBlocks(key, blocks, sizeof blocks, derived);
  OPENSSL_cleanse(blocks, sizeof blocks);
}

}  // namespace krypton
