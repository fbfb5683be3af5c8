// /proc/self/cgroup says which group of each hierarchy the process is in, /proc/self/mountinfo where that hierarchy is mounted and which
// of its groups lies at the mount point. Groups outside the mount (a container's outside) cannot be seen.
#include "base/cgroup.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>

namespace dimoo {
namespace {

struct Group {
  std::string folder;
  bool unified = false;  // v2
};

bool lists(std::string_view words, std::string_view word) {
  for (size_t from = 0; from <= words.size();) {
    const size_t to = std::min(words.find(',', from), words.size());
    if (words.substr(from, to - from) == word) return true;
    from = to + 1;
  }
  return false;
}

/// mountinfo writes blanks and backslashes as \ooo.
std::string unescaped(const std::string& word) {
  std::string plain;
  for (size_t i = 0; i < word.size(); i++) {
    if (word[i] == '\\' && i + 3 < word.size()) {
      plain += static_cast<char>((word[i + 1] - '0') * 64 + (word[i + 2] - '0') * 8 + (word[i + 3] - '0'));
      i += 3;
    } else {
      plain += word[i];
    }
  }
  return plain;
}

/// The process's group in the hierarchy that holds `controller` ("" is v2's); nothing: it is in none.
std::string own_group(const std::string& root, const std::string& controller) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : lists(controllers, controller)) return line.substr(second + 1);
  }
  return {};
}

struct Mount {
  std::string group, folder;  // which group lies where
};

Mount mount_of(const std::string& root, const std::string& controller) {
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::string skipped, group, folder, type, device, options;
    std::istringstream(line.substr(0, dash)) >> skipped >> skipped >> skipped >> group >> folder;
    std::istringstream(line.substr(dash + 3)) >> type >> device >> options;
    if (controller.empty() ? type == "cgroup2" : type == "cgroup" && lists(options, controller))
      return {unescaped(group), unescaped(folder)};
  }
  return {};
}

/// `group` below `top`, with a slash in front; nothing for `top` itself and for what lies outside it.
std::string below(const std::string& group, const std::string& top) {
  const std::string prefix = top == "/" ? "" : top;
  if (!group.starts_with(prefix + "/") || group.find("/..") != std::string::npos) return {};
  return group.size() == prefix.size() + 1 ? std::string() : group.substr(prefix.size());
}

/// The process's own group and those above it, innermost first, in the hierarchies that may limit what `controller` rules.
std::vector<Group> groups(const std::string& root, const std::string& controller) {
  std::vector<Group> found;
  for (const bool unified : {true, false}) {
    const Mount mount = mount_of(root, unified ? "" : controller);
    const std::string own = own_group(root, unified ? "" : controller);
    if (mount.folder.empty() || own.empty()) continue;
    for (std::string path = below(own, mount.group);; path.resize(path.rfind('/'))) {
      found.push_back({root + mount.folder + path, unified});
      if (path.empty()) break;
    }
  }
  return found;
}

/// A number in a file of one word; -1 when there is none or it is "max".
int64_t number_in(const std::string& path) {
  std::ifstream file(path);
  int64_t value = -1;
  return file >> value ? value : -1;
}

/// The number behind `key` in a file of lines "key number"; 0 when there is none.
int64_t field_of(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string word;
  for (int64_t value = 0; file >> word;)
    if (word == key) return file >> value ? value : 0;
  return 0;
}

/// CPUs that one group's quota allows; 0: no quota.
double quota_of(const Group& group) {
  int64_t quota = -1, period = 0;
  if (group.unified) {
    std::ifstream file(group.folder + "/cpu.max");  // "max 100000" or "150000 100000"
    if (!(file >> quota >> period)) return 0;
  } else {
    quota = number_in(group.folder + "/cpu.cfs_quota_us"), period = number_in(group.folder + "/cpu.cfs_period_us");
  }
  return quota > 0 && period > 0 ? static_cast<double>(quota) / static_cast<double>(period) : 0;
}

}  // namespace

int cgroup_cpus(const std::string& root) {
  double cpus = 1 << 20;
  for (const Group& group : groups(root, "cpu"))
    if (const double quota = quota_of(group); quota > 0) cpus = std::min(cpus, quota);
  return std::max(1, static_cast<int>(cpus));
}

MemoryLimit cgroup_memory(const std::string& root) {
  MemoryLimit least;
  for (const Group& group : groups(root, "memory")) {
    const std::string at = group.folder + "/memory.";
    const int64_t limit = number_in(at + (group.unified ? "max" : "limit_in_bytes"));
    const int64_t used = number_in(at + (group.unified ? "current" : "usage_in_bytes"));
    if (limit < 0 || used < 0) continue;
    const std::string kind = group.unified ? "" : "total_";
    const int64_t cache = field_of(at + "stat", kind + "active_file") + field_of(at + "stat", kind + "inactive_file");
    least.bytes = std::min(least.bytes, limit);
    least.free = std::min(least.free, std::max<int64_t>(0, limit - std::max<int64_t>(0, used - cache)));
  }
  return least;
}

}  // namespace dimoo
