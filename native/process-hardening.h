#pragma once

namespace krypton {

/** What the kernel may show of this process's memory. */
struct ProcessState {
  /** Bytes of a core file, RLIMIT_CORE; -1 for no limit. */
  double coreLimitBytes;
  /** PR_GET_DUMPABLE: 0 when neither core files nor other processes of this user get at the memory. */
  int dumpable;
};

/** Errors by their errno, 0 for what was done. */
struct Hardened {
  int coreLimit;
  int dumpable;
};

/** Ends core files for good: for this process, its threads and what it starts. Also where a program takes cores from a pipe. */
Hardened hardenProcess();

ProcessState processState();

}  // namespace krypton
