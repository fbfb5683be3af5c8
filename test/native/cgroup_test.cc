// Limits of control groups, read from folders that look like the system's: v2, v1, both, nested, inside a container, damaged.
#include "base/cgroup.h"

#include "test/native/check.h"
#include "test/native/temporary.h"

using namespace dimoo;

namespace {

constexpr int kNone = 1 << 20;
const char* const kMount2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
const char* const kMount1 =
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "36 31 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

/// A system whose process is in these groups.
struct System : TemporaryFolder {
  System(const std::string& groups, const std::string& mounts) {
    write("proc/self/cgroup", groups);
    write("proc/self/mountinfo", "23 1 8:1 / / rw - ext4 /dev/sda rw\n" + mounts);
  }
  int cpus() const { return cgroup_cpus(path().string()); }
  MemoryLimit memory() const { return cgroup_memory(path().string()); }
  void quota1(const std::string& group, const std::string& quota) const {
    write("sys/fs/cgroup/cpu,cpuacct" + group + "/cpu.cfs_quota_us", quota);
    write("sys/fs/cgroup/cpu,cpuacct" + group + "/cpu.cfs_period_us", "100000\n");
  }
  void memory2(const std::string& group, const std::string& limit, const std::string& used, const std::string& stat = "") const {
    write("sys/fs/cgroup" + group + "/memory.max", limit);
    write("sys/fs/cgroup" + group + "/memory.current", used);
    write("sys/fs/cgroup" + group + "/memory.stat", stat);
  }
};

}  // namespace

TEST(a_quota_of_the_own_group_counts) {
  const System system("0::/app.slice/job\n", kMount2);
  CHECK_EQ(system.cpus(), kNone);
  system.write("sys/fs/cgroup/app.slice/job/cpu.max", "max 100000\n");
  CHECK_EQ(system.cpus(), kNone);
  system.write("sys/fs/cgroup/app.slice/job/cpu.max", "350000 100000\n");
  CHECK_EQ(system.cpus(), 3);
  system.write("sys/fs/cgroup/app.slice/job/cpu.max", "20000 100000\n");
  CHECK_EQ(system.cpus(), 1);
}

TEST(the_tightest_quota_above_counts) {
  const System system("0::/a/b/c\n", kMount2);
  system.write("sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
  CHECK_EQ(system.cpus(), 8);
  system.write("sys/fs/cgroup/a/cpu.max", "100000 50000\n");
  CHECK_EQ(system.cpus(), 2);
  system.write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  system.write("sys/fs/cgroup/cpu.max", "400000 100000\n");  // a container's own top group
  CHECK_EQ(system.cpus(), 2);
  system.write("sys/fs/cgroup/a/b2/cpu.max", "100000 100000\n");  // a neighbour's
  CHECK_EQ(system.cpus(), 2);
}

TEST(quotas_of_version_1) {
  const System system("12:memory:/user\n4:cpuacct,cpu:/user/job\n3:cpuset:/other\n1:name=systemd:/x\n0::/user\n", kMount1);
  CHECK_EQ(system.cpus(), kNone);
  system.quota1("/user/job", "-1\n");
  CHECK_EQ(system.cpus(), kNone);
  system.quota1("/user", "500000\n");
  CHECK_EQ(system.cpus(), 5);
  system.quota1("/user/job", "300000\n");
  CHECK_EQ(system.cpus(), 3);
  system.quota1("", "200000\n");
  CHECK_EQ(system.cpus(), 2);
  system.quota1("/other", "100000\n");  // the cpuset's group
  CHECK_EQ(system.cpus(), 2);
}

TEST(both_versions_side_by_side) {
  const System system("4:cpu,cpuacct:/job\n0::/job\n",
                      std::string(kMount1) + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  system.quota1("/job", "400000\n");
  CHECK_EQ(system.cpus(), 4);
  system.write("sys/fs/cgroup/unified/job/cpu.max", "200000 100000\n");
  CHECK_EQ(system.cpus(), 2);
}

TEST(a_mount_that_shows_part_of_the_hierarchy) {
  // A container without a namespace of its own: the group's whole name, of which the mount shows the end.
  const System inside("0::/docker/abc/job\n", "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup ro\n");
  inside.write("sys/fs/cgroup/job/cpu.max", "600000 100000\n");
  CHECK_EQ(inside.cpus(), 6);
  inside.write("sys/fs/cgroup/cpu.max", "300000 100000\n");
  CHECK_EQ(inside.cpus(), 3);
  // The mount's own group, one that only begins alike, one outside of the namespace: what lies at the mount point is all there is.
  for (const char* group : {"0::/docker/abc\n", "0::/docker/abcdef\n", "0::/../other\n"}) {
    const System top(group, "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup ro\n");
    top.write("sys/fs/cgroup/cpu.max", "300000 100000\n");
    top.write("sys/fs/cgroup/def/cpu.max", "100000 100000\n");
    CHECK_EQ(top.cpus(), 3);
  }
  const System blank("0::/job\n", "30 23 0:26 / /sys/fs/c\\040group rw - cgroup2 cgroup2 rw\n");
  blank.write("sys/fs/c group/job/cpu.max", "700000 100000\n");
  CHECK_EQ(blank.cpus(), 7);
}

TEST(what_cannot_be_read_limits_nothing) {
  const TemporaryFolder empty;
  CHECK_EQ(cgroup_cpus(empty.path().string()), kNone);
  CHECK_EQ(cgroup_memory(empty.path().string()).bytes, INT64_MAX);
  for (const char* groups : {"", "0:/job\n", "nonsense", "0::\n"}) CHECK_EQ(System(groups, kMount2).cpus(), kNone);
  for (const char* mounts : {"", "30 23 0:26 / /sys/fs/cgroup rw\n", "- - -\n", " - cgroup2"})
    CHECK_EQ(System("0::/job\n", mounts).cpus(), kNone);
  const System odd("0::/job\n", kMount2);
  for (const char* quota : {"", "abc", "100000", "0 0", "-5 100000", "100000 0"}) {
    odd.write("sys/fs/cgroup/job/cpu.max", quota);
    CHECK_EQ(odd.cpus(), kNone);
  }
}

TEST(memory_of_nested_groups) {
  const System system("0::/a/b\n", kMount2);
  CHECK_EQ(system.memory().bytes, INT64_MAX);
  system.memory2("/a/b", "max", "500");
  CHECK_EQ(system.memory().free, INT64_MAX);
  system.memory2("/a/b", "1000", "500", "anon 300\nactive_file 50\ninactive_file 150\n");
  CHECK_EQ(system.memory().bytes, 1000);
  CHECK_EQ(system.memory().free, 700);
  system.memory2("/a", "2000", "1900", "active_file 100\n");  // larger, but with less left
  CHECK_EQ(system.memory().bytes, 1000);
  CHECK_EQ(system.memory().free, 200);
  system.memory2("", "800", "2000");
  CHECK_EQ(system.memory().bytes, 800);
  CHECK_EQ(system.memory().free, 0);
}

TEST(memory_of_version_1) {
  const System system("12:memory:/user\n", kMount1);
  const auto put = [&](const std::string& name, const std::string& value) {
    system.write("sys/fs/cgroup/memory/user/memory." + name, value);
  };
  put("limit_in_bytes", "4096\n"), put("usage_in_bytes", "3000\n");
  put("stat", "active_file 1\ntotal_active_file 1000\ntotal_inactive_file 500\n");
  CHECK_EQ(system.memory().bytes, 4096);
  CHECK_EQ(system.memory().free, 2596);
}
