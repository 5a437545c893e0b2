#include "vuln/debian_releases.h"

#include <array>

namespace postern::vuln {
namespace {

struct Release {
  std::string_view codename, version;
};

// Every new release of Debian is one more line here.
constexpr std::array kReleases{
    Release{"lenny", "5"},     Release{"squeeze", "6"},   Release{"wheezy", "7"},  Release{"jessie", "8"},
    Release{"stretch", "9"},   Release{"buster", "10"},   Release{"bullseye", "11"}, Release{"bookworm", "12"},
    Release{"trixie", "13"},   Release{"forky", "14"},    Release{"duke", "15"},
};

}  // namespace

std::string_view debian_version_of(std::string_view codename) {
  for (const auto& r : kReleases) {
    if (r.codename == codename) return r.version;
  }
  return {};
}

std::string_view debian_codename_of(std::string_view version) {
  for (const auto& r : kReleases) {
    if (r.version == version) return r.codename;
  }
  return {};
}

}  // namespace postern::vuln
