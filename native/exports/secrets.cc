#include <cstring>

#include "../random.h"
#include "../refusal.h"
#include "../slots.h"
#include "exports.h"

namespace krypton {

napi_value generateSecret(const Arguments& arguments) {
  const SecretClass secretClass = arguments.secretClass(0);
  const uint32_t length = arguments.number(1, kSecretBytesMax);
  Draft draft = SlotArena::instance().draft(secretClass, length, arguments.environment().number);
  randomBytes(draft.data(), draft.size());
  return arguments.number(static_cast<double>(draft.publish()));
}

napi_value secretFromBytes(const Arguments& arguments) {
  const SecretClass secretClass = arguments.secretClass(0);
  const Bytes source = arguments.bytes(1);
  Draft draft = SlotArena::instance().draft(secretClass, source.size, arguments.environment().number);
  if (source.size > 0) memcpy(draft.data(), source.data, source.size);
  return arguments.number(static_cast<double>(draft.publish()));
}

napi_value duplicateSecret(const Arguments& arguments) {
  const Pinned secret = SlotArena::instance().pin(arguments.handle(0));
  Draft draft = SlotArena::instance().draft(secret.secretClass(), secret.size(), arguments.environment().number);
  memcpy(draft.data(), secret.data(), secret.size());
  return arguments.number(static_cast<double>(draft.publish()));
}

napi_value secretLength(const Arguments& arguments) {
  return arguments.number(static_cast<double>(SlotArena::instance().pin(arguments.handle(0)).size()));
}

napi_value copySecret(const Arguments& arguments) {
  const Pinned secret = SlotArena::instance().pin(arguments.handle(0));
  if (secret.secretClass() != SecretClass::kObject) {
    throw WrongArgument("a secret of another class than object cannot be copied out");
  }
  const Bytes target = arguments.at(1, secret.size());
  memcpy(target.data, secret.data(), secret.size());
  return nullptr;
}

napi_value releaseSecret(const Arguments& arguments) {
  return arguments.boolean(SlotArena::instance().release(arguments.handle(0)));
}

}  // namespace krypton
