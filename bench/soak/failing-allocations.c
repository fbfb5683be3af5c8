// For LD_PRELOAD on Linux (bench/soak.mjs): one in so many of the addon's allocations fails, on every thread, the main one included. Others'
// never do: libstdc++ is linked into the addon, so its operator new counts. SIGUSR2 turns it on and off; DIMOO_FAIL_ONE_IN says how many.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_ulong state = 88172645463325252ul;
static atomic_long failed;
static volatile sig_atomic_t armed;
static unsigned long one_in;

static void turn(int signal) {
  (void)signal;
  armed = !armed;
}

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("DIMOO_FAIL_ONE_IN");
  one_in = text ? strtoul(text, NULL, 10) : 0;
  if (one_in) signal(SIGUSR2, turn);
}

__attribute__((destructor)) static void tell(void) {
  if (one_in) fprintf(stderr, "failed allocations: %ld\n", (long)failed);
}

static int from_addon(void *caller) {
  Dl_info info;
  return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "dimoo.node");
}

static int fails(void *caller) {
  if (!armed) return 0;
  unsigned long x = atomic_load(&state);
  x ^= x << 13, x ^= x >> 7, x ^= x << 17;
  atomic_store(&state, x);
  if (x % one_in || !from_addon(caller)) return 0;
  atomic_fetch_add(&failed, 1);
  errno = ENOMEM;
  return 1;
}

void *malloc(size_t bytes) { return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(bytes); }
void *calloc(size_t count, size_t bytes) { return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, bytes); }
void *aligned_alloc(size_t alignment, size_t bytes) { return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, bytes); }
int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  *memory = fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, bytes);
  return *memory ? 0 : ENOMEM;
}
