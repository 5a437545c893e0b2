#include "base/versions/version_lab.h"

#include <algorithm>

namespace postern::versions {
namespace {

/// Of all orders; those of one follow.
const std::vector<std::string> kCommonPieces = {"0", "00", "1", "01", "2", "9", "10", "010", "99999999999999999999",
                                                ".", ".",  "-", "+",  "a", "Z", "rc", "~",   ":"};

const std::vector<std::string>& own_pieces(Order order) {
  static const std::vector<std::string> kDpkgPieces = {"~", "~~", "+", "+b1", "~deb12u1", "-1", "1:", "0:", "-0", "B"};
  static const std::vector<std::string> kRpmPieces = {"^", "~", "_", "^git", "-1", "1:", ".el9", "\xce\xb1", "%", "a1"};
  static const std::vector<std::string> kApkPieces = {"_alpha", "_p",  "_p1", "_rc2", "_pre", "_git", "-r",
                                                      "-r1",    "-r0", "~ab", "b",    "..",   "_x",   "_"};
  static const std::vector<std::string> kSemverPieces = {"-", "-alpha", ".1",  ".0.0", "+build",
                                                         "v", "-0",     "-01", "..",   "--"};
  static const std::vector<std::string> kPypiPieces = {"a1",   ".dev", ".post", "1!",   "+local",  ".0",
                                                       "beta", "-1",   "_",     "DEV2", "preview", "v"};
  switch (order) {
    case Order::kDpkg:
      return kDpkgPieces;
    case Order::kRpm:
      return kRpmPieces;
    case Order::kApk:
      return kApkPieces;
    case Order::kSemver:
      return kSemverPieces;
    case Order::kPypi:
      break;
  }
  return kPypiPieces;
}

}  // namespace

std::string VersionMaker::piece() {
  const auto& own = own_pieces(order_);
  return below(2) == 0 ? own[below(own.size())] : kCommonPieces[below(kCommonPieces.size())];
}

std::string VersionMaker::next() {
  std::string text = below(8) == 0 ? "" : std::to_string(below(3));
  for (auto n = below(6); n > 0; --n) text += piece();
  return text;
}

std::string VersionMaker::near(const std::string& version) {
  auto text = version;
  for (auto n = 1 + below(2); n > 0; --n) {
    const auto at = below(text.size() + 1);
    if (below(3) > 0)
      text.insert(at, piece());
    else if (at < text.size())
      text.erase(at, 1 + below(2));
  }
  return text;
}

}  // namespace postern::versions
