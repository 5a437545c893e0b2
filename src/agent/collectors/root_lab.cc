#include "agent/collectors/root_lab.h"

#include <utmp.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/file.h"

namespace postern::agent {

namespace fs = std::filesystem;

RootLab::RootLab() {
  std::string name = (fs::temp_directory_path() / "postern-root-XXXXXX").string();
  root_ = ::mkdtemp(name.data());
}
RootLab::~RootLab() { fs::remove_all(root_); }

void RootLab::put(const char* path, const std::string& text, mode_t mode) {
  ASSERT_TRUE(make_directories((root_ / path).parent_path(), 0755));
  ASSERT_TRUE(write_file_atomic(root_ / path, text, mode));
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
