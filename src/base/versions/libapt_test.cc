// Debian's order against libapt's own, on versions that nobody thought of.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/versions/version_lab.h"

namespace postern::versions {
namespace {

/// What libapt says of each line "A B": its sign a line. Debian's own Python, which sees python3-apt.
constexpr const char* kAskLibapt =
    "/usr/bin/python3 -c 'import apt_pkg, sys\n"
    "apt_pkg.init_system()\n"
    "for line in sys.stdin:\n"
    "  c = apt_pkg.version_compare(*line.split())\n"
    "  print((c > 0) - (c < 0))' < ";

struct CloseCommand {
  void operator()(FILE* command) const { ::pclose(command); }
};

TEST(VersionOrder, AgreesWithLibaptOnRandomPairs) {
  constexpr std::size_t kPairs = 10'000;
  VersionMaker maker(Order::kDpkg, 20260101);
  std::vector<std::pair<std::string, std::string>> pairs;
  while (pairs.size() < kPairs) {
    auto a = maker.next();
    auto b = pairs.size() % 4 == 0 ? maker.next() : maker.near(a);
    if (valid_debian(a) && valid_debian(b)) pairs.emplace_back(std::move(a), std::move(b));
  }
  std::string name = (std::filesystem::temp_directory_path() / "postern-versions-XXXXXX").native();
  const int file = ::mkstemp(name.data());
  ASSERT_GE(file, 0);
  ::close(file);
  {
    std::ofstream out(name);
    for (const auto& [a, b] : pairs) out << a << ' ' << b << '\n';
  }
  const std::unique_ptr<FILE, CloseCommand> answers(::popen((kAskLibapt + name).c_str(), "r"));
  ASSERT_TRUE(answers);
  std::size_t counts[3] = {};
  for (const auto& [a, b] : pairs) {
    int sign = 0;
    ASSERT_EQ(std::fscanf(answers.get(), "%d", &sign), 1) << "is python3-apt installed? (tools/setup test)";
    EXPECT_EQ(compare(Order::kDpkg, a, b), sign <=> 0) << a << " and " << b;
    ++counts[sign + 1];
  }
  std::filesystem::remove(name);
  for (const auto n : counts) EXPECT_GT(n, kPairs / 50);  // All three answers were asked for.
}

}  // namespace
}  // namespace postern::versions
