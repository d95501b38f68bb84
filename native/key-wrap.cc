#include "key-wrap.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>
#include <string>

#include "refusal.h"

namespace krypton {
namespace {

struct CipherFree {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
  // Freeing wipes the key schedule.
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, CipherFree>;

Context begin(bool isPadded, const Pinned& key, bool wraps) {
  if (key.size() != 16 && key.size() != 24 && key.size() != 32) throw WrongArgument("AES has keys of 16, 24 and 32 bytes");
  const std::string name = "AES-" + std::to_string(key.size() * 8) + (isPadded ? "-WRAP-PAD" : "-WRAP");
  const std::unique_ptr<EVP_CIPHER, CipherFree> cipher(EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr));
  Context context(EVP_CIPHER_CTX_new());
  if (cipher == nullptr || context == nullptr) throw Refusal("OpenSSL has no " + name);
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  if (EVP_CipherInit_ex2(context.get(), cipher.get(), key.data(), nullptr, wraps, nullptr) != 1) {
    throw Refusal("the key wrap does not begin");
  }
  return context;
}

}  // namespace

size_t wrap(bool isPadded, const Pinned& key, Span plaintext, uint8_t* target) {
  if (isPadded ? plaintext.size == 0 : plaintext.size < 16 || plaintext.size % 8 != 0) {
    throw WrongArgument("what is wrapped without padding has 16 bytes or more, a multiple of 8");
  }
  const Context context = begin(isPadded, key, true);
  int written = 0;
  if (EVP_CipherUpdate(context.get(), target, &written, plaintext.data, static_cast<int>(plaintext.size)) != 1) {
    throw Refusal("the key cannot be wrapped");
  }
  return static_cast<size_t>(written);
}

int64_t unwrap(bool isPadded, const Pinned& key, Span wrapped, uint8_t* target) {
  // OpenSSL takes nothing at all for a wrapped key.
  if (wrapped.size < (isPadded ? 16u : 24u) || wrapped.size % 8 != 0) return -1;
  const Context context = begin(isPadded, key, false);
  int written = 0;
  if (EVP_CipherUpdate(context.get(), target, &written, wrapped.data, static_cast<int>(wrapped.size)) == 1) return written;
  OPENSSL_cleanse(target, wrapped.size);
  ERR_clear_error();
  return -1;
}

}  // namespace krypton
