#include "aead.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "aes.h"
#include "refusal.h"

namespace krypton {
namespace {

/** The key that AES-256-GCM itself runs under, wiped at its end. */
class GcmKey {
 public:
  GcmKey(Suite suite, const Pinned& key, const uint8_t* nonce) {
    if (key.size() != kAes256KeyBytes) throw WrongArgument("a record is sealed under a key of 32 bytes");
    if (suite == Suite::kAes256Gcm) {
      data_ = key.data();
      return;
    }
    if (key.secretClass() == SecretClass::kWrapping) {
      xaesKey(key.data(), key.prepared(), nonce, derived_);
    } else {
      uint8_t subkey[kAesBlockBytes];
      cmacSubkey(key.data(), subkey);
      xaesKey(key.data(), subkey, nonce, derived_);
      OPENSSL_cleanse(subkey, sizeof subkey);
    }
    data_ = derived_;
  }
  GcmKey(const GcmKey&) = delete;
  GcmKey& operator=(const GcmKey&) = delete;
  ~GcmKey() {
    if (data_ == derived_) OPENSSL_cleanse(derived_, sizeof derived_);
  }
  const uint8_t* data() const { return data_; }

 private:
  uint8_t derived_[kAes256KeyBytes];
  const uint8_t* data_ = nullptr;
};

const uint8_t* gcmNonce(Suite suite, const uint8_t* nonce) { return suite == Suite::kAes256Gcm ? nonce : nonce + 12; }

}  // namespace

size_t nonceBytes(Suite suite) { return suite == Suite::kAes256Gcm ? 12 : 24; }

void sealAead(Suite suite, const Pinned& key, const uint8_t* nonce, Span associated, Span plaintext, uint8_t* sealed) {
  const GcmKey gcmKey(suite, key, nonce);
  EVP_CIPHER_CTX* context = aesContext(AesMode::kGcm, kAes256KeyBytes);
  const KeyInUse inUse(context);
  int written = 0;
  if (EVP_CipherInit_ex2(context, nullptr, gcmKey.data(), gcmNonce(suite, nonce), 1, nullptr) != 1 ||
      EVP_CipherUpdate(context, nullptr, &written, associated.data, static_cast<int>(associated.size)) != 1 ||
      EVP_CipherUpdate(context, sealed, &written, plaintext.data, static_cast<int>(plaintext.size)) != 1 ||
      EVP_CipherFinal_ex(context, sealed + plaintext.size, &written) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, sealed + plaintext.size) != 1) {
    throw Refusal("AES-GCM failed");
  }
}

bool openAead(Suite suite, const Pinned& key, const uint8_t* nonce, Span associated, Span sealed, uint8_t* plaintext) {
  const GcmKey gcmKey(suite, key, nonce);
  EVP_CIPHER_CTX* context = aesContext(AesMode::kGcm, kAes256KeyBytes);
  const KeyInUse inUse(context);
  const size_t length = sealed.size - kTagBytes;
  int written = 0;
  if (EVP_CipherInit_ex2(context, nullptr, gcmKey.data(), gcmNonce(suite, nonce), 0, nullptr) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, const_cast<uint8_t*>(sealed.data + length)) != 1 ||
      EVP_CipherUpdate(context, nullptr, &written, associated.data, static_cast<int>(associated.size)) != 1 ||
      EVP_CipherUpdate(context, plaintext, &written, sealed.data, static_cast<int>(length)) != 1) {
    throw Refusal("AES-GCM failed");
  }
  return EVP_CipherFinal_ex(context, plaintext + length, &written) == 1;
}

}  // namespace krypton
