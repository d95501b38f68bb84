// What Node has no call for: a copy of this process with all of its memory. Never part of the addon.

#include <node_api.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace {

/** V8 keeps its heap out of copies; a copy that is to run JavaScript needs it. Locked secrets stay out. */
void copyAllOnFork() {
  FILE* maps = fopen("/proc/self/maps", "r");
  char line[512];
  while (maps != nullptr && fgets(line, sizeof line, maps) != nullptr) {
    unsigned long start = 0;
    unsigned long end = 0;
    if (sscanf(line, "%lx-%lx", &start, &end) != 2 || strstr(line, "secretmem") != nullptr) continue;
    // What cannot be copied, such as the kernel's own pages, refuses.
    madvise(reinterpret_cast<void*>(start), end - start, MADV_DOFORK);
  }
  if (maps != nullptr) fclose(maps);
}

/** 0 in the copy, which has no other thread; its identifier in the original. */
napi_value forkProcess(napi_env env, napi_callback_info) {
  copyAllOnFork();
  napi_value result;
  napi_create_int32(env, fork(), &result);
  return result;
}

/** Ends the copy: nothing that a whole process would tidy up is there. */
napi_value leave(napi_env, napi_callback_info) { _exit(0); }

/** Waits for the end of every copy; their worst status. */
napi_value join(napi_env env, napi_callback_info) {
  int worst = 0;
  int status = 0;
  while (wait(&status) > 0) {
    if (status > worst) worst = status;
  }
  napi_value result;
  napi_create_int32(env, worst, &result);
  return result;
}

napi_value initialize(napi_env env, napi_value exports) {
  const napi_property_descriptor calls[] = {
      {"fork", nullptr, forkProcess, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"leave", nullptr, leave, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"join", nullptr, join, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  napi_define_properties(env, exports, sizeof calls / sizeof *calls, calls);
  return exports;
}

}  // namespace

NAPI_MODULE(forking, initialize)
