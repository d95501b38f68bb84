// Bugs to find: the control of each sanitizer. Never part of the addon.

#include <node_api.h>

#include <climits>
#include <cstdlib>
#include <cstring>

namespace {

volatile int sink;
/** Memory whose length the compiler, and so UndefinedBehaviorSanitizer, does not know. */
char* volatile held;

void overflow() {
  held = static_cast<char*>(malloc(32));
  memset(held, 1, 32);
  sink = held[32];
  free(held);
}

void undefined() {
  volatile int most = INT_MAX;
  sink = most + 1;
}

void uninitialised() {
  held = static_cast<char*>(malloc(32));
  if (held[7] == 1) sink = 1;
  free(held);
}

template <void (*bug)()>
napi_value run(napi_env, napi_callback_info) {
  bug();
  return nullptr;
}

napi_value initialize(napi_env env, napi_value exports) {
  const napi_property_descriptor bugs[] = {
      {"overflow", nullptr, run<overflow>, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"undefined", nullptr, run<undefined>, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"uninitialised", nullptr, run<uninitialised>, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  napi_define_properties(env, exports, sizeof bugs / sizeof *bugs, bugs);
  return exports;
}

}  // namespace

NAPI_MODULE(planted, initialize)
