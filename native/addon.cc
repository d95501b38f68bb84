#include <napi.h>

#include <atomic>

#include "exports/exports.h"
#include "asymmetric-key.h"
#include "slots.h"

namespace {

using namespace krypton;

/** Must be that of src/crypto/native.ts: it changes whenever a function below does, so that an old binary is told from a new one. */
constexpr uint32_t kInterfaceVersion = 5;

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
    {"seedOpenSsl", exported<seedOpenSsl>},
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
void endEnvironment(Environment* environment) {
  SlotArena::instance().releaseOwnedBy(environment->number);
  ParsedKeys::instance().releaseOwnedBy(environment->number);
  delete environment;
}

/** Made by node-addon-api, which turns what fails here into an exception of `require`. The functions themselves take N-API's own calls. */
Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  static std::atomic<uint32_t> environments{0};
  auto* environment = new Environment{++environments};
  env.AddCleanupHook(endEnvironment, environment);
  for (const auto& [name, function] : kExports) {
    napi_value value = nullptr;
    NAPI_THROW_IF_FAILED(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, function, environment, &value), exports);
    exports.Set(name, value);
  }
  exports.Set("interfaceVersion", kInterfaceVersion);
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, initialize)
