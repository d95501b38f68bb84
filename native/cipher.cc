#include "cipher.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "refusal.h"

namespace krypton {
namespace {

bool isGcm(AesMode mode) { return mode == AesMode::kGcm; }
bool isEcb(AesMode mode) { return mode == AesMode::kEcb || mode == AesMode::kEcbPadded; }

EVP_CIPHER_CTX* contextFor(AesMode mode, const Pinned& key, Span iv) {
  if (key.secretClass() != SecretClass::kObject) throw WrongArgument("only an object's key encrypts and decrypts data");
  if (key.size() != 16 && key.size() != 24 && key.size() != 32) throw WrongArgument("AES has keys of 16, 24 and 32 bytes");
  const bool fits = isGcm(mode) ? iv.size >= 1 && iv.size <= kGcmIvBytesMax
                                : iv.size == (isEcb(mode) ? 0 : kAesBlockBytes);
  if (!fits) throw WrongArgument("the IV has a length that the mode does not have");
  return aesContext(mode, key.size());
}

/** A context under a key. Leaves it as contexts are kept: with a public key, and GCM's usual IV. */
class Operation {
 public:
  Operation(AesMode mode, const Pinned& key, Span iv, bool encrypts)
      : context_(contextFor(mode, key, iv)), hasOwnIvLength_(isGcm(mode) && iv.size != kUsualGcmIv) {
    const bool begun =
        (!hasOwnIvLength_ || setIvLength(iv.size)) &&
        EVP_CipherInit_ex2(context_, nullptr, key.data(), isEcb(mode) ? nullptr : iv.data, encrypts, nullptr) == 1;
    if (begun) return;
    end();
    throw Refusal("the cipher does not begin");
  }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  ~Operation() { end(); }

  EVP_CIPHER_CTX* context() { return context_; }

 private:
  static constexpr size_t kUsualGcmIv = 12;

  bool setIvLength(size_t bytes) {
    return EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(bytes), nullptr) == 1;
  }
  void end() {
    if (hasOwnIvLength_) setIvLength(kUsualGcmIv);
    forgetKey(context_);
  }

  EVP_CIPHER_CTX* context_;
  bool hasOwnIvLength_;
};

bool cover(Operation& operation, Span associated) {
  int written = 0;
  return associated.size == 0 || EVP_CipherUpdate(operation.context(), nullptr, &written, associated.data,
                                                  static_cast<int>(associated.size)) == 1;
}

}  // namespace

size_t encrypt(AesMode mode, const Pinned& key, Span iv, Span associated, Span data, uint8_t* target, uint8_t* tag,
               size_t tagBytes) {
  Operation operation(mode, key, iv, true);
  int written = 0;
  int last = 0;
  if (!cover(operation, associated) ||
      EVP_CipherUpdate(operation.context(), target, &written, data.data, static_cast<int>(data.size)) != 1 ||
      EVP_CipherFinal_ex(operation.context(), target + written, &last) != 1) {
    throw Refusal("the data cannot be encrypted");
  }
  if (isGcm(mode) &&
      EVP_CIPHER_CTX_ctrl(operation.context(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tagBytes), tag) != 1) {
    throw Refusal("the data cannot be encrypted");
  }
  return static_cast<size_t>(written) + static_cast<size_t>(last);
}

int64_t decrypt(AesMode mode, const Pinned& key, Span iv, Span associated, Span data, Span tag, uint8_t* target) {
  Operation operation(mode, key, iv, false);
  int written = 0;
  int last = 0;
  const bool isRight =
      (!isGcm(mode) || EVP_CIPHER_CTX_ctrl(operation.context(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size),
                                           const_cast<uint8_t*>(tag.data)) == 1) &&
      cover(operation, associated) &&
      EVP_CipherUpdate(operation.context(), target, &written, data.data, static_cast<int>(data.size)) == 1 &&
      EVP_CipherFinal_ex(operation.context(), target + written, &last) == 1;
  if (isRight) return int64_t{written} + last;
  OPENSSL_cleanse(target, data.size);
  ERR_clear_error();
  return -1;
}

}  // namespace krypton
