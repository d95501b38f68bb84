#include <iterator>

#include "../process-hardening.h"
#include "exports.h"

namespace krypton {

/** Fills a Float64Array with the errors of core limit and dumpable, in this order. */
napi_value hardenProcess(const Arguments& arguments) {
  double* target = arguments.numbers(0, 2);
  const Hardened hardened = hardenProcess();
  target[0] = hardened.coreLimit;
  target[1] = hardened.dumpable;
  return nullptr;
}

/** Fills a Float64Array with core limit and dumpable, in this order. */
napi_value describeProcess(const Arguments& arguments) {
  double* target = arguments.numbers(0, 2);
  const ProcessState state = processState();
  target[0] = state.coreLimitBytes;
  target[1] = state.dumpable;
  return nullptr;
}

}  // namespace krypton
