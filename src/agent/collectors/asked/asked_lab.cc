#include "agent/collectors/asked/asked_lab.h"

#include "base/file.h"
#include "base/text.h"

namespace postern::agent {
namespace {

struct Say {
  std::string operator()(const posture::Unknown& u) const {
    return "unknown: " + std::string(posture::unknown_reason_name(u.reason));
  }
  std::string operator()(bool b) const { return b ? "yes" : "no"; }
  std::string operator()(std::int64_t n) const { return std::to_string(n); }
  std::string operator()(const std::string& s) const { return s; }
  std::string operator()(const std::vector<std::string>& list) const { return list.empty() ? "none" : join(list, ", "); }
  std::string operator()(const auto&) const { return "something else"; }
};

}  // namespace

posture::Fact AskedLab::ask(const std::string& key) const {
  return answer_all({key}, root_, from_unix_ms(1'780'000'000'000)).at(key);
}

std::string AskedLab::said(const std::string& key) const { return std::visit(Say{}, ask(key).value); }

void AskedLab::link(const std::string& path, const std::string& target) {
  ASSERT_TRUE(make_directories((root_ / path).parent_path(), 0755));
  std::filesystem::create_symlink(target, root_ / path);
}

}  // namespace postern::agent
