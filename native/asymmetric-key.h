#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "slots.h"
#include "span.h"

namespace krypton {

/** How a key is written down; the last one is public. The numbers are those of src/crypto/asymmetric-key.ts. */
enum class KeyForm : uint32_t { kPkcs1 = 0, kPkcs8 = 1, kSec1 = 2, kSpki = 3 };
constexpr uint32_t kKeyForms = 4;

/** How a signature is made. The numbers are those of src/crypto/signature.ts. */
enum class SignatureScheme : uint32_t { kPkcs1 = 0, kPss = 1, kEcdsa = 2 };
constexpr uint32_t kSignatureSchemes = 3;

/** How RSA encrypts: with the padding of PKCS #1 v1.5, or OAEP. */
enum class RsaPadding : uint32_t { kPkcs1 = 0, kOaep = 1 };
constexpr uint32_t kRsaPaddings = 2;

using ParsedKey = std::shared_ptr<EVP_PKEY>;

/**
 * The asymmetric keys of the process, parsed. OpenSSL keeps the numbers of private ones on the heap, and overwrites them when a key ends. Handles are those of no
 * secret and are never used again; they are good in every thread.
 */
class ParsedKeys {
 public:
  /** That of the process. At the process's end all keys are overwritten. */
  static ParsedKeys& instance();

  /** Takes a key over, which `owner` (an environment's number) ends with. Throws Refusal. */
  Handle add(ParsedKey key, uint32_t owner);
  /** The key stays as long as the caller has it, whoever releases it meanwhile. Throws Refusal for a handle that names none. */
  ParsedKey find(Handle handle);
  /** False when it had ended already. */
  bool release(Handle handle);
  void releaseOwnedBy(uint32_t owner);
  /** Ends all keys; from here on none is taken. */
  void close();

 private:
  struct Entry {
    ParsedKey key;
    uint32_t owner;
  };
  std::mutex mutex_;
  std::unordered_map<Handle, Entry> keys_;
  Handle next_ = 1;
  bool closed_ = false;
};

/** The key in `der`; null when that is none of that form. */
ParsedKey parseKey(KeyForm form, Span der);

/** What may be said of a key. */
struct KeyDescription {
  bool isEc;
  int bits;
  /** Index in `kCurveNames` of an EC key's curve, or their number for another curve. */
  size_t curve;
};
constexpr const char* kCurveNames[] = {"prime256v1", "secp384r1", "secp521r1", "secp256k1"};

KeyDescription describeKey(const EVP_PKEY* key);

/** What a message is signed by. The numbers of digests are those of `kDigestNames`. */
struct Signing {
  SignatureScheme scheme;
  uint32_t digest;
  uint32_t maskDigest;
  uint32_t saltBytes;
};

/** Signs a message, or its digest; returns the length of the signature, for which `target` has room. Throws Refusal. */
size_t signWith(EVP_PKEY* key, const Signing& signing, Span message, bool isDigest, uint8_t* target, size_t room);

/** True if the message, or its digest, was signed so. */
bool verifyWith(EVP_PKEY* key, const Signing& signing, Span message, bool isDigest, Span signature);

/** What RSA's padding needs to be told. */
struct Opening {
  RsaPadding padding;
  uint32_t digest;
  uint32_t maskDigest;
  Span label;
};

/** The bytes of plaintext in `target`, which is as long as the modulus; -1, and none, when it was not encrypted so. */
int64_t decryptWith(EVP_PKEY* key, const Opening& opening, Span data, uint8_t* target, size_t room);

}  // namespace krypton
