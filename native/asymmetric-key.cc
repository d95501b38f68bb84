#include "asymmetric-key.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <cstring>
#include <iterator>

#include "hmac.h"
#include "refusal.h"

namespace krypton {
namespace {

struct ContextFree {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
  void operator()(PKCS8_PRIV_KEY_INFO* info) const { PKCS8_PRIV_KEY_INFO_free(info); }
};
using Context = std::unique_ptr<EVP_PKEY_CTX, ContextFree>;
using Digest = std::unique_ptr<EVP_MD, ContextFree>;

Digest fetch(uint32_t number) {
  Digest digest(EVP_MD_fetch(nullptr, kDigestNames[number], nullptr));
  if (digest == nullptr) throw Refusal(std::string("OpenSSL has no ") + kDigestNames[number]);
  return digest;
}

Context contextOf(EVP_PKEY* key) {
  Context context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (context == nullptr) throw Refusal("OpenSSL cannot use the key");
  return context;
}

/** A message's digest. */
struct Hashed {
  Hashed(uint32_t number, Span message, bool isDigest) : digest(fetch(number)) {
    if (isDigest) {
      size = static_cast<unsigned int>(EVP_MD_get_size(digest.get()));
      if (message.size != size) throw Refusal("the digest has another length");
      memcpy(bytes, message.data, size);
    } else if (EVP_Digest(message.data, message.size, bytes, &size, digest.get(), nullptr) != 1) {
      throw Refusal("the message could not be hashed");
    }
  }

  Digest digest;
  uint8_t bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
};

bool configure(EVP_PKEY_CTX* context, const Signing& signing, const Hashed& hashed) {
  if (signing.scheme != SignatureScheme::kEcdsa) {
    const int padding = signing.scheme == SignatureScheme::kPss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
    if (EVP_PKEY_CTX_set_rsa_padding(context, padding) != 1) return false;
  }
  if (EVP_PKEY_CTX_set_signature_md(context, hashed.digest.get()) != 1) return false;
  if (signing.scheme != SignatureScheme::kPss) return true;
  const Digest mask = fetch(signing.maskDigest);
  return EVP_PKEY_CTX_set_rsa_mgf1_md(context, mask.get()) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, static_cast<int>(signing.saltBytes)) == 1;
}

/** The largest integer that a number of JavaScript holds. */
constexpr Handle kHandleMax = (Handle{1} << 53) - 1;

}  // namespace

ParsedKeys& ParsedKeys::instance() {
  static ParsedKeys* const keys = [] {
    auto* made = new ParsedKeys();
    std::atexit([] { instance().close(); });
    return made;
  }();
  return *keys;
}

Handle ParsedKeys::add(ParsedKey key, uint32_t owner) {
  const std::lock_guard lock(mutex_);
  if (closed_) throw Refusal("the process ends: no key is taken any more");
  if (next_ == kHandleMax) throw Refusal("there were more keys than handles");
  keys_.emplace(next_, Entry{std::move(key), owner});
  return next_++;
}

ParsedKey ParsedKeys::find(Handle handle) {
  const std::lock_guard lock(mutex_);
  const auto found = keys_.find(handle);
  if (found == keys_.end()) throw Refusal("a key was used after it was wiped");
  return found->second.key;
}

bool ParsedKeys::release(Handle handle) {
  ParsedKey last;
  const std::lock_guard lock(mutex_);
  const auto found = keys_.find(handle);
  if (found == keys_.end()) return false;
  last = std::move(found->second.key);
  keys_.erase(found);
  return true;
}

void ParsedKeys::releaseOwnedBy(uint32_t owner) {
  const std::lock_guard lock(mutex_);
  std::erase_if(keys_, [owner](const auto& entry) { return entry.second.owner == owner; });
}

void ParsedKeys::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  keys_.clear();
}

ParsedKey parseKey(KeyForm form, Span der) {
  const uint8_t* at = der.data;
  const auto size = static_cast<long>(der.size);
  EVP_PKEY* key = nullptr;
  if (form == KeyForm::kPkcs8) {
    const std::unique_ptr<PKCS8_PRIV_KEY_INFO, ContextFree> info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, size));
    if (info != nullptr) key = EVP_PKCS82PKEY(info.get());
  } else if (form == KeyForm::kSpki) {
    key = d2i_PUBKEY(nullptr, &at, size);
  } else {
    key = d2i_PrivateKey(form == KeyForm::kPkcs1 ? EVP_PKEY_RSA : EVP_PKEY_EC, nullptr, &at, size);
  }
  ParsedKey parsed(key, EVP_PKEY_free);
  ERR_clear_error();
  return key == nullptr || at != der.data + der.size ? nullptr : parsed;
}

KeyDescription describeKey(const EVP_PKEY* key) {
  char name[32] = {};
  const bool isEc = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
  if (isEc) EVP_PKEY_get_group_name(key, name, sizeof name, nullptr);
  size_t curve = 0;
  while (curve < std::size(kCurveNames) && strcmp(name, kCurveNames[curve]) != 0) curve++;
  return {isEc, EVP_PKEY_get_bits(key), curve};
}

size_t signWith(EVP_PKEY* key, const Signing& signing, Span message, bool isDigest, uint8_t* target, size_t room) {
  const Hashed hashed(signing.digest, message, isDigest);
  const Context context = contextOf(key);
  size_t written = room;
  if (EVP_PKEY_sign_init(context.get()) != 1 || !configure(context.get(), signing, hashed) ||
      EVP_PKEY_sign(context.get(), target, &written, hashed.bytes, hashed.size) != 1) {
    throw Refusal("the key does not sign so");
  }
  return written;
}

bool verifyWith(EVP_PKEY* key, const Signing& signing, Span message, bool isDigest, Span signature) {
  const Hashed hashed(signing.digest, message, isDigest);
  const Context context = contextOf(key);
  if (EVP_PKEY_verify_init(context.get()) != 1 || !configure(context.get(), signing, hashed)) {
    throw Refusal("the key does not verify so");
  }
  const bool isValid =
      EVP_PKEY_verify(context.get(), signature.data, signature.size, hashed.bytes, hashed.size) == 1;
  ERR_clear_error();
  return isValid;
}

int64_t decryptWith(EVP_PKEY* key, const Opening& opening, Span data, uint8_t* target, size_t room) {
  const Context context = contextOf(key);
  const bool isOaep = opening.padding == RsaPadding::kOaep;
  bool ready = EVP_PKEY_decrypt_init(context.get()) == 1 &&
               EVP_PKEY_CTX_set_rsa_padding(context.get(), isOaep ? RSA_PKCS1_OAEP_PADDING : RSA_PKCS1_PADDING) == 1;
  if (isOaep) {
    const Digest digest = fetch(opening.digest);
    const Digest mask = fetch(opening.maskDigest);
    ready = ready && EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), digest.get()) == 1 &&
            EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), mask.get()) == 1;
    if (ready && opening.label.size > 0) {
      void* label = OPENSSL_memdup(opening.label.data, opening.label.size);
      ready = EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), label, static_cast<int>(opening.label.size)) == 1;
      if (!ready) OPENSSL_free(label);
    }
  }
  if (!ready) throw Refusal("the key does not decrypt so");
  size_t written = room;
  const bool opened = EVP_PKEY_decrypt(context.get(), target, &written, data.data, data.size) == 1;
  // What went wrong is told to nobody, in no way.
  ERR_clear_error();
  if (opened) return static_cast<int64_t>(written);
  OPENSSL_cleanse(target, room);
  return -1;
}

}  // namespace krypton
