/*
 * Loaded before everything else into a server under scan. It cannot take the right to a core file from itself, and gets no memfd_secret: its
 * secrets lie in locked pages that may be looked at, so that a scan tells what is in them, and a core file what stays out of it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

int setrlimit(__rlimit_resource_t resource, const struct rlimit* limit) {
  return resource == RLIMIT_CORE ? 0 : prlimit(0, resource, limit, 0);
}

/* What the same call is named where files may be large. */
int setrlimit64(__rlimit_resource_t resource, const struct rlimit64* limit) {
  return resource == RLIMIT_CORE ? 0 : prlimit64(0, resource, limit, 0);
}

int prctl(int option, ...) {
  va_list list;
  va_start(list, option);
  unsigned long a = va_arg(list, unsigned long);
  unsigned long b = va_arg(list, unsigned long);
  unsigned long c = va_arg(list, unsigned long);
  unsigned long d = va_arg(list, unsigned long);
  va_end(list);
  return option == PR_SET_DUMPABLE ? 0 : (int)syscall(SYS_prctl, option, a, b, c, d);
}

/* The addon asks for memfd_secret by its number; everything else goes on to the C library. */
long syscall(long number, ...) {
  static long (*next)(long, ...);
  va_list list;
  va_start(list, number);
  long a = va_arg(list, long);
  long b = va_arg(list, long);
  long c = va_arg(list, long);
  long d = va_arg(list, long);
  long e = va_arg(list, long);
  long f = va_arg(list, long);
  va_end(list);
  if (number == SYS_memfd_secret) {
    errno = ENOSYS;
    return -1;
  }
  if (next == 0) next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  return next(number, a, b, c, d, e, f);
}
