#include "../asymmetric-key.h"
#include "../hmac.h"
#include "../refusal.h"
#include "exports.h"


#include <iterator>

namespace krypton {
namespace {

constexpr uint32_t kDigestNumberMax = std::size(kDigestNames) - 1;
/** More salt than any modulus has room for. */
constexpr uint32_t kSaltBytesMax = 4096;

Span spanOf(const Bytes& bytes) {
  if (bytes.size > kCipherBytesMax) throw WrongArgument("the data are longer than any that are taken at once");
  return {bytes.data, bytes.size};
}

/** Arguments 1 to 4. */
Signing signing(const Arguments& arguments) {
  return {static_cast<SignatureScheme>(arguments.number(1, kSignatureSchemes - 1)),
          arguments.number(2, kDigestNumberMax), arguments.number(3, kDigestNumberMax),
          arguments.number(4, kSaltBytesMax)};
}

}  // namespace

/** (secret, form): the handle of the key that an object secret is the DER of; 0 when it is none */
napi_value parseKey(const Arguments& arguments) {
  const Pinned secret = SlotArena::instance().pin(arguments.handle(0));
  const auto form = static_cast<KeyForm>(arguments.number(1, kKeyForms - 1));
  if (secret.secretClass() != SecretClass::kObject) throw WrongArgument("only keys of objects are parsed");
  ParsedKey key = parseKey(form, {secret.data(), secret.size()});
  if (key == nullptr) return arguments.number(0.0);
  const Handle handle = ParsedKeys::instance().add(std::move(key), arguments.environment().number);
  return arguments.number(static_cast<double>(handle));
}

/** (key, target): fills a Float64Array with whether it is an EC key, its length in bits, and its curve */
napi_value describeKey(const Arguments& arguments) {
  const ParsedKey key = ParsedKeys::instance().find(arguments.handle(0));
  const KeyDescription description = describeKey(key.get());
  double* target = arguments.numbers(1, 3);
  target[0] = description.isEc ? 1 : 0;
  target[1] = description.bits;
  target[2] = static_cast<double>(description.curve);
  return nullptr;
}

/** (key): false when it had ended already */
napi_value releaseKey(const Arguments& arguments) {
  return arguments.boolean(ParsedKeys::instance().release(arguments.handle(0)));
}

/** (key, scheme, digest, maskDigest, saltBytes, message, isDigest, target): the bytes of the signature */
napi_value signWithKey(const Arguments& arguments) {
  const ParsedKey key = ParsedKeys::instance().find(arguments.handle(0));
  const Signing how = signing(arguments);
  const Span message = spanOf(arguments.bytes(5));
  const bool isDigest = arguments.number(6, 1) == 1;
  const Bytes target = arguments.bytes(7);
  if (target.size < static_cast<size_t>(EVP_PKEY_get_size(key.get()))) throw WrongArgument("the target is too short");
  return arguments.number(static_cast<double>(signWith(key.get(), how, message, isDigest, target.data, target.size)));
}

/** (key, scheme, digest, maskDigest, saltBytes, message, isDigest, signature): was it signed so? */
napi_value verifyWithKey(const Arguments& arguments) {
  const ParsedKey key = ParsedKeys::instance().find(arguments.handle(0));
  const Signing how = signing(arguments);
  const Span message = spanOf(arguments.bytes(5));
  const bool isDigest = arguments.number(6, 1) == 1;
  return arguments.boolean(verifyWith(key.get(), how, message, isDigest, spanOf(arguments.bytes(7))));
}

/** (key, padding, digest, maskDigest, label, data, target): the bytes of plaintext, or -1 */
napi_value decryptWithKey(const Arguments& arguments) {
  const ParsedKey key = ParsedKeys::instance().find(arguments.handle(0));
  const Opening opening{static_cast<RsaPadding>(arguments.number(1, kRsaPaddings - 1)),
                        arguments.number(2, kDigestNumberMax), arguments.number(3, kDigestNumberMax),
                        spanOf(arguments.bytes(4))};
  const Span data = spanOf(arguments.bytes(5));
  const Bytes target = arguments.bytes(6);
  if (target.size < static_cast<size_t>(EVP_PKEY_get_size(key.get()))) throw WrongArgument("the target is too short");
  return arguments.number(static_cast<double>(decryptWith(key.get(), opening, data, target.data, target.size)));
}

}  // namespace krypton
