#include <openssl/crypto.h>
#include <openssl/opensslv.h>

#include "../slots.h"
#include "exports.h"

namespace krypton {

/** Fills a Float64Array, in the order of `Described` in src/crypto/native.ts. */
napi_value describe(const Arguments& arguments) {
  const ArenaReport report = SlotArena::instance().report();
  const double values[] = {
      static_cast<double>(report.secretBytes),
      static_cast<double>(report.lockedBytes),
      static_cast<double>(report.unlockedBytes),
      static_cast<double>(report.slots),
      static_cast<double>(report.slotsInUse[static_cast<size_t>(SecretClass::kObject)]),
      static_cast<double>(report.slotsInUse[static_cast<size_t>(SecretClass::kWrapping)]),
      static_cast<double>(report.slotsInUse[static_cast<size_t>(SecretClass::kSystem)]),
      static_cast<double>(report.refusals.secretPages),
      static_cast<double>(report.refusals.lock),
      lockLimitBytes(),
      static_cast<double>(OPENSSL_VERSION_NUMBER),
      static_cast<double>(OpenSSL_version_num()),
  };
  double* target = arguments.numbers(0, std::size(values));
  for (size_t i = 0; i < std::size(values); i++) target[i] = values[i];
  return nullptr;
}

}  // namespace krypton
