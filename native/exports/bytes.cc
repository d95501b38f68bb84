#include <openssl/crypto.h>

#include "../random.h"
#include "../stack.h"
#include "exports.h"

namespace krypton {

napi_value fillRandom(const Arguments& arguments) {
  const Bytes target = arguments.range(0);
  randomBytes(target.data, target.size);
  return nullptr;
}

napi_value seedOpenSsl(const Arguments&) {
  krypton::seedOpenSsl();
  return nullptr;
}

napi_value wipeBytes(const Arguments& arguments) {
  const Bytes bytes = arguments.bytes(0);
  OPENSSL_cleanse(bytes.data, bytes.size);
  return nullptr;
}

napi_value wipeStack(const Arguments&) {
  wipeStackBelow();
  return nullptr;
}

napi_value equalBytes(const Arguments& arguments) {
  const Bytes left = arguments.bytes(0);
  const Bytes right = arguments.bytes(1);
  return arguments.boolean(left.size == right.size && CRYPTO_memcmp(left.data, right.data, left.size) == 0);
}

}  // namespace krypton
