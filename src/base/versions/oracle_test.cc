// Every line of testdata/*.txt, in both directions.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "base/versions/order.h"

namespace postern::versions {
namespace {

struct Oracle {
  const char* file;
  Order order;
  std::size_t lines;  // That say something: a file cut short must not pass.
};

class VersionOracle : public testing::TestWithParam<Oracle> {};

bool is_remark(const std::string& line) { return line.empty() || line[0] == '#' || line.starts_with("//"); }

std::weak_ordering meaning(const std::string& sign) {
  if (sign == "<") return std::weak_ordering::less;
  if (sign == ">") return std::weak_ordering::greater;
  EXPECT_EQ(sign, "=");
  return std::weak_ordering::equivalent;
}

TEST_P(VersionOracle, AgreesInEachLine) {
  const auto& oracle = GetParam();
  std::ifstream file(std::string(POSTERN_SOURCE_DIR "/src/base/versions/testdata/") + oracle.file);
  ASSERT_TRUE(file);
  std::size_t checked = 0;
  for (std::string line; std::getline(file, line);) {
    if (is_remark(line)) continue;
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    ASSERT_EQ(last, first + 2) << line;
    const auto a = line.substr(0, first);
    const auto b = line.substr(last + 1);
    const auto expected = meaning(line.substr(first + 1, 1));
    EXPECT_EQ(compare(oracle.order, a, b), expected) << line;
    EXPECT_EQ(compare(oracle.order, b, a), 0 <=> expected) << line << ", reversed";
    ++checked;
  }
  EXPECT_EQ(checked, oracle.lines);
}

INSTANTIATE_TEST_SUITE_P(Files, VersionOracle,
                         testing::Values(Oracle{"alpine-versions-generated.txt", Order::kApk, 13979},
                                         Oracle{"alpine-versions.txt", Order::kApk, 778},
                                         Oracle{"debian-versions-generated.txt", Order::kDpkg, 14442},
                                         Oracle{"debian-versions.txt", Order::kDpkg, 30},
                                         Oracle{"pypi-versions.txt", Order::kPypi, 37},
                                         Oracle{"redhat-versions.txt", Order::kRpm, 165},
                                         Oracle{"semver-versions.txt", Order::kSemver, 86}),
                         [](const auto& info) {
                           std::string name = info.param.file;
                           name.resize(name.find('.'));
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace postern::versions
