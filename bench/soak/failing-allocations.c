// For LD_PRELOAD on Linux (bench/soak.mjs): one in so many of the addon's allocations fails, on every thread, the main one included. Others'
// never do: libstdc++ is linked into the addon, so its operator new counts. SIGUSR2 turns it on and off; DIMOO_FAIL_ONE_IN says how many.
// Signal 40 has what malloc holds written to the file DIMOO_MALLOC_FILE: bytes in use, bytes kept free, bytes mapped one by one.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static sem_t asked;
static int report = -1;

static void ask(int signal) {
  (void)signal;
  sem_post(&asked);
}

// A thread of its own: a signal may have come in the middle of an allocation.
static void *tell_malloc(void *nothing) {
  (void)nothing;
  for (;;) {
    while (sem_wait(&asked) != 0) continue;
    const struct mallinfo2 now = mallinfo2();
    char line[100];
    const int length = snprintf(line, sizeof line, "%20zu %20zu %20zu\n", now.uordblks, now.fordblks, now.hblkhd);
    if (pwrite(report, line, (size_t)length, 0) != length) return NULL;
  }
}

static void begin_telling(const char *file) {
  pthread_t thread;
  report = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (report < 0 || sem_init(&asked, 0, 0) != 0 || pthread_create(&thread, NULL, tell_malloc, NULL) != 0) return;
  signal(40, ask);
}

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("DIMOO_FAIL_ONE_IN");
  one_in = text ? strtoul(text, NULL, 10) : 0;
  if (one_in) signal(SIGUSR2, turn);
  const char *file = getenv("DIMOO_MALLOC_FILE");
  if (file) begin_telling(file);
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
