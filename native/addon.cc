#include <node_api.h>

#include <atomic>

#include "exports/exports.h"
#include "asymmetric-key.h"
#include "slots.h"

namespace {

using namespace krypton;

/** Must be that of src/crypto/native.ts: it changes whenever a function below does, so that an old binary is told from a new one. */
constexpr uint32_t kInterfaceVersion = 4;

struct Export {
  const char* name;
  napi_callback function;
};

constexpr Export kExports[] = {
    {"generateSecret", exported<generateSecret>},
    {"secretFromBytes", exported<secretFromBytes>},
    {"duplicateSecret", exported<duplicateSecret>},
    {"secretLength", exported<secretLength>},
    {"copySecret", exported<copySecret>},
    {"releaseSecret", exported<releaseSecret>},
    {"fillRandom", exported<fillRandom>},
    {"wipeBytes", exported<wipeBytes>},
    {"wipeStack", exported<wipeStack>},
    {"equalBytes", exported<equalBytes>},
    {"hmac", exported<hmac>},
    {"verifyHmac", exported<verifyHmac>},
    {"deriveSecret", exported<deriveSecret>},
    {"deriveIdentifier", exported<deriveIdentifier>},
    {"deriveBytes", exported<deriveBytes>},
    {"sealRecord", exported<sealRecord>},
    {"openRecord", exported<openRecord>},
    {"encrypt", exported<encrypt>},
    {"decrypt", exported<decrypt>},
    {"wrapKey", exported<wrapKey>},
    {"unwrapKey", exported<unwrapKey>},
    {"parseKey", exported<parseKey>},
    {"describeKey", exported<describeKey>},
    {"releaseKey", exported<releaseKey>},
    {"signWithKey", exported<signWithKey>},
    {"verifyWithKey", exported<verifyWithKey>},
    {"decryptWithKey", exported<decryptWithKey>},
    {"describe", exported<describe>},
    {"hardenProcess", exported<hardenProcess>},
    {"describeProcess", exported<describeProcess>},
};

/** The secrets of an environment end with it; those of others stay. */
void endEnvironment(void* data) {
  auto* environment = static_cast<Environment*>(data);
  SlotArena::instance().releaseOwnedBy(environment->number);
  ParsedKeys::instance().releaseOwnedBy(environment->number);
  delete environment;
}

napi_value initialize(napi_env env, napi_value exports) {
  static std::atomic<uint32_t> environments{0};
  auto* environment = new Environment{++environments};
  if (napi_add_env_cleanup_hook(env, endEnvironment, environment) != napi_ok) return nullptr;
  for (const auto& [name, function] : kExports) {
    napi_value value = nullptr;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, environment, &value) != napi_ok ||
        napi_set_named_property(env, exports, name, value) != napi_ok) {
      return nullptr;
    }
  }
  napi_value version = nullptr;
  if (napi_create_uint32(env, kInterfaceVersion, &version) != napi_ok ||
      napi_set_named_property(env, exports, "interfaceVersion", version) != napi_ok) {
    return nullptr;
  }
  return exports;
}

}  // namespace

NAPI_MODULE(NODE_GYP_MODULE_NAME, initialize)
