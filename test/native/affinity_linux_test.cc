// How many CPUs a process may use, where the system has masks.
#include <sched.h>

#include <thread>

#include "base/thread_pool.h"
#include "test/native/check.h"

using namespace dimoo;

TEST(usable_cpus_follows_the_affinity_mask) {
  CHECK(usable_cpus() >= 1);
  cpu_set_t all, one;
  CHECK_EQ(sched_getaffinity(0, sizeof all, &all), 0);
  CPU_ZERO(&one);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &all)) cpu++;
  CPU_SET(cpu, &one);
  int seen = 0;
  std::thread([&] {  // the mask belongs to the thread
    if (sched_setaffinity(0, sizeof one, &one) == 0) seen = usable_cpus();
  })
      .join();
  CHECK_EQ(seen, 1);
}
