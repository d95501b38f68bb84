#include "process-hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>

namespace krypton {

Hardened hardenProcess() {
  // The hard limit too, so that nobody raises it again.
  const rlimit none{0, 0};
  const int coreLimit = setrlimit(RLIMIT_CORE, &none) == 0 ? 0 : errno;
  // A limit of 0 does not stop a core that core_pattern sends through a pipe (core(5)); a process that is not dumpable has none at all.
  const int dumpable = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : errno;
  return {coreLimit, dumpable};
}

ProcessState processState() {
  rlimit limit{};
  const bool known = getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return {known ? static_cast<double>(limit.rlim_cur) : -1, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)};
}

}  // namespace krypton
