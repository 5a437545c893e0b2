#include "gateway/metrics/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace postern::gateway::metrics {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

void expose_process(Exposition& out, WallTime started) {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    out.counter("process_cpu_seconds_total", "User and system time of the gateway's process, without nginx.");
    out.sample({}, seconds(usage.ru_utime) + seconds(usage.ru_stime));
  }
  std::uint64_t pages = 0, resident = 0;
  if (std::ifstream in("/proc/self/statm"); in >> pages >> resident) {
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    out.gauge("process_resident_memory_bytes", "Memory of the gateway's process that is in RAM.");
    out.sample(resident * page);
    out.gauge("process_virtual_memory_bytes", "Addresses that the gateway's process uses.");
    out.sample(pages * page);
  }
  std::error_code error;
  const std::filesystem::directory_iterator open("/proc/self/fd", error);
  if (!error) {
    // One of them is the one that looks.
    const auto count = std::distance(begin(open), end(open));
    out.gauge("process_open_fds", "Open file descriptors.");
    out.sample(static_cast<std::uint64_t>(count > 0 ? count - 1 : 0));
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    out.gauge("process_max_fds", "How many there may be.");
    out.sample(static_cast<std::uint64_t>(limit.rlim_cur));
  }
  out.gauge("process_start_time_seconds", "When the gateway's process began, in seconds since 1970.");
  out.sample({}, static_cast<double>(to_unix_ms(started)) / 1000);
}

}  // namespace postern::gateway::metrics
