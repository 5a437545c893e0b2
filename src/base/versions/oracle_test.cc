// Every line of testdata/, each version of a chain against each other; and of the folder that POSTERN_VERSION_ORACLES names.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/versions/order.h"

namespace postern::versions {
namespace {

struct Oracle {
  const char* name;
  Order order;
  std::size_t comparisons;  ///< That its chains are good for: a file cut short must not pass.
  const char* elsewhere;    ///< How the names of larger collections' files begin.
};

class VersionOracle : public testing::TestWithParam<Oracle> {
 protected:
  bool is_remark(const std::string& line) { return line.empty() || line[0] == '#' || line.starts_with("//"); }

  /// How many comparisons the line was good for.
  std::size_t check(const std::string& line) {
    std::istringstream words(line);
    std::vector<std::string> versions(1);
    std::vector<std::string> signs;
    words >> versions.back();
    for (std::string sign, version; words >> sign >> version;) {
      signs.push_back(sign);
      versions.push_back(version);
    }
    std::size_t checked = 0;
    for (std::size_t i = 0; i < versions.size(); ++i) {
      auto expected = std::weak_ordering::equivalent;
      for (std::size_t j = i + 1; j < versions.size(); ++j, ++checked) {
        if (signs[j - 1] == "<") expected = std::weak_ordering::less;
        if (signs[j - 1] == ">") expected = std::weak_ordering::greater;
        EXPECT_EQ(compare(GetParam().order, versions[i], versions[j]), expected) << versions[i] << " and " << versions[j];
        EXPECT_EQ(compare(GetParam().order, versions[j], versions[i]), 0 <=> expected) << versions[j] << " and " << versions[i];
      }
    }
    EXPECT_GT(checked, 0u) << line;
    return checked;
  }
  std::size_t check(const std::filesystem::path& path) {
    std::ifstream file(path);
    EXPECT_TRUE(file) << path;
    std::size_t checked = 0;
    for (std::string line; std::getline(file, line);) {
      if (!is_remark(line)) checked += check(line);
    }
    return checked;
  }
};

TEST_P(VersionOracle, AgreesInEachLine) {
  const auto& oracle = GetParam();
  const std::filesystem::path own(POSTERN_SOURCE_DIR "/src/base/versions/testdata");
  EXPECT_EQ(check(own / (oracle.name + std::string(".txt"))), oracle.comparisons);
  const char* elsewhere = std::getenv("POSTERN_VERSION_ORACLES");
  if (elsewhere == nullptr) return;
  std::size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(elsewhere)) {
    const auto name = file.path().filename().string();
    if (!name.starts_with(oracle.elsewhere)) continue;
    std::cout << name << ": " << check(file.path()) << " lines checked\n";
    ++files;
  }
  EXPECT_GT(files, 0u) << "no " << oracle.elsewhere << "* in " << elsewhere;
}

INSTANTIATE_TEST_SUITE_P(Files, VersionOracle,
                         testing::Values(Oracle{"apk", Order::kApk, 674, "alpine-"}, Oracle{"dpkg", Order::kDpkg, 962, "debian-"},
                                         Oracle{"pypi", Order::kPypi, 935, "pypi-"}, Oracle{"rpm", Order::kRpm, 582, "redhat-"},
                                         Oracle{"semver", Order::kSemver, 565, "semver-"}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace postern::versions
