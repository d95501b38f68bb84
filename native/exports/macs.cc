#include <openssl/crypto.h>

#include <cstring>
#include <string_view>

#include "../hmac.h"
#include "../kdf.h"
#include "../refusal.h"
#include "../slots.h"
#include "exports.h"

namespace krypton {
namespace {

constexpr size_t kIdentifierBytes = 16;
constexpr uint32_t kDigestNumberMax = std::size(kDigestNames) - 1;

std::string_view text(const Bytes& bytes) { return {reinterpret_cast<const char*>(bytes.data), bytes.size}; }

/** A MAC over what the KDF begins with would be a derived key: only a client's own key may be asked for one. */
void checkInput(const Pinned& key, const Bytes& data) {
  if (key.secretClass() == SecretClass::kObject || data.size < 3) return;
  if (data.data[0] == 0 && data.data[1] == 0 && data.data[2] == 0) {
    throw WrongArgument("a key of another class than object gives no MAC over the input of a derivation");
  }
}

}  // namespace

napi_value hmac(const Arguments& arguments) {
  const Pinned key = SlotArena::instance().pin(arguments.handle(0));
  const uint32_t digest = arguments.number(1, kDigestNumberMax);
  const Bytes data = arguments.bytes(2);
  checkInput(key, data);
  uint8_t mac[kDigestBytesMax];
  const size_t length = hmacOf(digest, key, data.data, data.size, mac);
  memcpy(arguments.at(3, length).data, mac, length);
  return nullptr;
}

napi_value verifyHmac(const Arguments& arguments) {
  const Pinned key = SlotArena::instance().pin(arguments.handle(0));
  const uint32_t digest = arguments.number(1, kDigestNumberMax);
  const Bytes data = arguments.range(2);
  const Bytes tag = arguments.range(5);
  checkInput(key, data);
  uint8_t expected[kDigestBytesMax];
  const size_t length = hmacOf(digest, key, data.data, data.size, expected);
  // What is shorter could be guessed.
  const bool isRight = tag.size >= 8 && tag.size <= length && CRYPTO_memcmp(expected, tag.data, tag.size) == 0;
  OPENSSL_cleanse(expected, sizeof expected);
  return arguments.boolean(isRight);
}

napi_value deriveSecret(const Arguments& arguments) {
  const Pinned key = SlotArena::instance().pin(arguments.handle(0));
  const Bytes label = arguments.bytes(1);
  const Bytes context = arguments.bytes(2);
  const SecretClass secretClass = arguments.secretClass(3);
  if (secretClass == SecretClass::kObject && key.secretClass() != SecretClass::kObject) {
    throw WrongArgument("what is derived from a key of another class than object is of another class too");
  }
  Draft draft = SlotArena::instance().draft(secretClass, kSha256Bytes, arguments.environment().number);
  derive(key, text(label), text(context), draft.data(), draft.size());
  return arguments.number(static_cast<double>(draft.publish()));
}

napi_value deriveIdentifier(const Arguments& arguments) {
  const Pinned key = SlotArena::instance().pin(arguments.handle(0));
  const std::string_view label = text(arguments.bytes(1));
  const Bytes context = arguments.bytes(2);
  const Bytes target = arguments.at(3, kIdentifierBytes);
  // The only derivation that leaves a key of any class: what such a label names is public.
  if (!label.ends_with("-id")) throw WrongArgument("the label of an identifier ends with -id");
  derive(key, label, text(context), target.data, target.size);
  return nullptr;
}

napi_value deriveBytes(const Arguments& arguments) {
  const Pinned key = SlotArena::instance().pin(arguments.handle(0));
  const Bytes label = arguments.bytes(1);
  const Bytes context = arguments.bytes(2);
  const Bytes target = arguments.bytes(3);
  if (key.secretClass() != SecretClass::kObject) {
    throw WrongArgument("nothing is derived into a buffer from a key of another class than object");
  }
  derive(key, text(label), text(context), target.data, target.size);
  return nullptr;
}

}  // namespace krypton
