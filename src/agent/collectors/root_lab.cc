#include "agent/collectors/root_lab.h"

#include <utmp.h>

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>

#include "base/file.h"

namespace postern::agent {

namespace fs = std::filesystem;

std::int64_t local_time(int year, int month, int day, int hour, int minute, int second) {
  std::tm tm{};
  tm.tm_year = year - 1900;
  tm.tm_mon = month - 1;
  tm.tm_mday = day;
  tm.tm_hour = hour;
  tm.tm_min = minute;
  tm.tm_sec = second;
  tm.tm_isdst = -1;
  return std::int64_t{std::mktime(&tm)} * 1000;
}

RootLab::RootLab() {
  std::string name = (fs::temp_directory_path() / "postern-root-XXXXXX").string();
  root_ = ::mkdtemp(name.data());
}
RootLab::~RootLab() { fs::remove_all(root_); }

void RootLab::put(const char* path, const std::string& text, mode_t mode) {
  ASSERT_TRUE(make_directories((root_ / path).parent_path(), 0755));
  ASSERT_TRUE(write_file_atomic(root_ / path, text, mode));
}

void RootLab::runs(int pid, const std::string& comm, const std::string& its_root) {
  const auto process = "proc/" + std::to_string(pid);
  put((process + "/stat").c_str(), std::to_string(pid) + " (" + comm + ") S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 0 0\n");
  fs::create_directory_symlink(fs::absolute(root_) / its_root, root_ / process / "root");
}

void RootLab::ends(int pid) { fs::remove_all(root_ / "proc" / std::to_string(pid)); }

void RootLab::started(WallTime at) {
  put("proc/stat", "cpu  1 2 3\nbtime " + std::to_string(to_unix_ms(at) / 1000) + "\nprocesses 7\n");
}

void RootLab::log_in(const char* user) {
  ASSERT_TRUE(make_directories(root_ / "var/log", 0755));
  utmp entry{};
  entry.ut_type = USER_PROCESS;
  std::strncpy(entry.ut_user, user, sizeof entry.ut_user);
  entry.ut_tv.tv_sec = ++at_;
  std::ofstream(root_ / "var/log/wtmp", std::ios::app | std::ios::binary)
      .write(reinterpret_cast<const char*>(&entry), sizeof entry);
}

}  // namespace postern::agent
