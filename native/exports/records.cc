#include <openssl/err.h>

#include <cstring>

#include "../aead.h"
#include "../refusal.h"
#include "../slots.h"
#include "exports.h"

namespace krypton {
namespace {

Suite suite(const Arguments& arguments, size_t index) {
  const uint32_t number = arguments.number(index, static_cast<uint32_t>(Suite::kXaes256Gcm));
  if (number == 0) throw WrongArgument("there is no suite 0");
  return static_cast<Suite>(number);
}

Span span(const Bytes& bytes) {
  if (bytes.size > kCipherBytesMax) throw WrongArgument("a record is longer than any that is sealed");
  return {bytes.data, bytes.size};
}

/** Where ciphertext and tag go: the record from `sealedOffset` on. */
uint8_t* sealedInto(const Arguments& arguments, size_t plaintextSize) {
  const Bytes record = arguments.bytes(2);
  const uint32_t offset = arguments.number(7, static_cast<uint32_t>(record.size));
  if (record.size - offset != plaintextSize + kTagBytes) throw WrongArgument("a record has a wrong length");
  return record.data + offset;
}

}  // namespace

/** (suite, key, record, nonceOffset, associated, associatedLength, plaintext: Uint8Array or handle, sealedOffset) */
napi_value sealRecord(const Arguments& arguments) {
  const Suite used = suite(arguments, 0);
  const Pinned key = SlotArena::instance().pin(arguments.handle(1));
  const Bytes nonce = arguments.at(2, nonceBytes(used));
  const Bytes associated = arguments.bytes(4);
  const uint32_t associatedLength = arguments.number(5, static_cast<uint32_t>(associated.size));
  const Span covered = span({associated.data, associatedLength});
  if (!arguments.isNumber(6)) {
    const Span plaintext = span(arguments.bytes(6));
    sealAead(used, key, nonce.data, covered, plaintext, sealedInto(arguments, plaintext.size));
    return nullptr;
  }
  const Pinned secret = SlotArena::instance().pin(arguments.handle(6));
  if (secret.secretClass() != SecretClass::kObject && key.secretClass() == SecretClass::kObject) {
    throw WrongArgument("a key that can be copied out seals no secret that cannot");
  }
  sealAead(used, key, nonce.data, covered, {secret.data(), secret.size()}, sealedInto(arguments, secret.size()));
  return nullptr;
}

/** (suite, key, record, nonceOffset, associated, associatedLength, sealedOffset, class): the handle, or 0 when it does not open */
napi_value openRecord(const Arguments& arguments) {
  const Suite used = suite(arguments, 0);
  const Pinned key = SlotArena::instance().pin(arguments.handle(1));
  const Bytes record = arguments.bytes(2);
  const Bytes nonce = arguments.at(2, nonceBytes(used));
  const Bytes associated = arguments.bytes(4);
  const uint32_t associatedLength = arguments.number(5, static_cast<uint32_t>(associated.size));
  const uint32_t sealedOffset = arguments.number(6, static_cast<uint32_t>(record.size));
  const SecretClass secretClass = arguments.secretClass(7);
  const Span sealed = span({record.data + sealedOffset, record.size - sealedOffset});
  if (sealed.size < kTagBytes) throw WrongArgument("a record is shorter than its tag");
  Draft draft =
      SlotArena::instance().draft(secretClass, sealed.size - kTagBytes, arguments.environment().number);
  const Span covered = span({associated.data, associatedLength});
  if (openAead(used, key, nonce.data, covered, sealed, draft.data())) {
    return arguments.number(static_cast<double>(draft.publish()));
  }
  ERR_clear_error();
  return arguments.number(0.0);
}

}  // namespace krypton
