#include <algorithm>
#include <cstring>

#include "../cipher.h"
#include "../key-wrap.h"
#include "../refusal.h"
#include "../slots.h"
#include "exports.h"

namespace krypton {
namespace {

constexpr size_t kTagBytesMin = 12;
constexpr size_t kTagBytesMax = 16;

AesMode mode(const Arguments& arguments, size_t index) {
  return static_cast<AesMode>(arguments.number(index, kAesModes - 1));
}

Span span(const Bytes& bytes) {
  if (bytes.size > kCipherBytesMax) throw WrongArgument("the data are longer than any that are encrypted at once");
  return {bytes.data, bytes.size};
}

/** Data that GCM alone authenticates: the other modes would encrypt them, to nowhere. */
Span associated(AesMode used, const Bytes& bytes) {
  if (used != AesMode::kGcm && bytes.size > 0) throw WrongArgument("only GCM has associated data");
  return span(bytes);
}

}  // namespace

/** (mode, key, iv, associated, data, target, tagBytes): the bytes of ciphertext; the tag, `tagBytes` long, ends the target */
napi_value encrypt(const Arguments& arguments) {
  const AesMode used = mode(arguments, 0);
  const Pinned key = SlotArena::instance().pin(arguments.handle(1));
  const Span data = span(arguments.bytes(4));
  const Bytes target = arguments.bytes(5);
  const uint32_t tagBytes = arguments.number(6, kTagBytesMax);
  if (used == AesMode::kGcm && tagBytes < kTagBytesMin) throw WrongArgument("GCM has tags of 12 to 16 bytes");
  const size_t room = used == AesMode::kGcm ? tagBytes : used == AesMode::kCtr ? 0 : kAesBlockBytes;
  if (target.size < data.size + room) throw WrongArgument("the target is too short");
  return arguments.number(static_cast<double>(encrypt(used, key, span(arguments.bytes(2)),
                                                      associated(used, arguments.bytes(3)), data, target.data, target.data + target.size - tagBytes,
                                                      tagBytes)));
}

/** (mode, key, iv, associated, data, dataBytes, tag, tagOffset, tagBytes, target): the bytes of plaintext, or -1 */
napi_value decrypt(const Arguments& arguments) {
  const AesMode used = mode(arguments, 0);
  const Pinned key = SlotArena::instance().pin(arguments.handle(1));
  const Bytes whole = arguments.bytes(4);
  const uint32_t dataBytes = arguments.number(5, static_cast<uint32_t>(std::min(whole.size, kCipherBytesMax)));
  const Bytes tag = arguments.range(6);
  const Bytes target = arguments.bytes(9);
  if (used == AesMode::kGcm && (tag.size < kTagBytesMin || tag.size > kTagBytesMax)) {
    throw WrongArgument("GCM has tags of 12 to 16 bytes");
  }
  if (target.size < dataBytes) throw WrongArgument("the target is too short");
  return arguments.number(static_cast<double>(decrypt(used, key, span(arguments.bytes(2)),
                                                      associated(used, arguments.bytes(3)), {whole.data, dataBytes}, {tag.data, tag.size}, target.data)));
}

/** (isPadded, key, secret, target): the bytes of the wrapped key */
napi_value wrapKey(const Arguments& arguments) {
  const bool isPadded = arguments.number(0, 1) == 1;
  const Pinned key = SlotArena::instance().pin(arguments.handle(1));
  const Pinned secret = SlotArena::instance().pin(arguments.handle(2));
  const Bytes target = arguments.bytes(3);
  if (secret.secretClass() != SecretClass::kObject && key.secretClass() == SecretClass::kObject) {
    throw WrongArgument("a key that can be copied out wraps no secret that cannot");
  }
  if (target.size < secret.size() + kWrapBytesMax) throw WrongArgument("the target is too short");
  return arguments.number(static_cast<double>(wrap(isPadded, key, {secret.data(), secret.size()}, target.data)));
}

/** (isPadded, key, wrapped, class): the handle of what was wrapped, or 0 when it does not open */
napi_value unwrapKey(const Arguments& arguments) {
  const bool isPadded = arguments.number(0, 1) == 1;
  const Pinned key = SlotArena::instance().pin(arguments.handle(1));
  const Span wrapped = span(arguments.bytes(2));
  const SecretClass secretClass = arguments.secretClass(3);
  SlotArena& arena = SlotArena::instance();
  const uint32_t owner = arguments.environment().number;
  // How long the key is shows when it is open; what it is opened into ends with this call.
  Draft opened = arena.draft(secretClass, wrapped.size, owner);
  const int64_t bytes = unwrap(isPadded, key, wrapped, opened.data());
  if (bytes < 0) return arguments.number(0.0);
  Draft exact = arena.draft(secretClass, static_cast<size_t>(bytes), owner);
  memcpy(exact.data(), opened.data(), exact.size());
  return arguments.number(static_cast<double>(exact.publish()));
}

}  // namespace krypton
