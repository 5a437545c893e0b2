#include "vuln/debian_version.h"

#include <algorithm>

namespace postern::vuln {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// '~' before the end, the end before letters, letters before everything else.
int rank(std::string_view text, std::size_t at) {
  if (at >= text.size() || digit(text[at])) return 0;
  if (text[at] == '~') return -1;
  const int c = static_cast<unsigned char>(text[at]);
  return letter(text[at]) ? c : c + 256;
}

int compare_part(std::string_view a, std::string_view b) {
  std::size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    while ((i < a.size() && !digit(a[i])) || (j < b.size() && !digit(b[j]))) {
      const int x = rank(a, i), y = rank(b, j);
      if (x != y) return x < y ? -1 : 1;
      ++i;
      ++j;
    }
    while (i < a.size() && a[i] == '0') ++i;
    while (j < b.size() && b[j] == '0') ++j;
    int first = 0;
    while (i < a.size() && j < b.size() && digit(a[i]) && digit(b[j])) {
      if (first == 0) first = a[i] - b[j];
      ++i;
      ++j;
    }
    if (i < a.size() && digit(a[i])) return 1;
    if (j < b.size() && digit(b[j])) return -1;
    if (first != 0) return first < 0 ? -1 : 1;
  }
  return 0;
}

struct Parts {
  std::string_view epoch, upstream, revision;
};

Parts split_version(std::string_view version) {
  Parts out;
  const auto colon = version.find(':');
  if (colon != version.npos && colon > 0 && std::all_of(version.begin(), version.begin() + static_cast<long>(colon), digit)) {
    out.epoch = version.substr(0, colon);
    version.remove_prefix(colon + 1);
  }
  const auto dash = version.rfind('-');
  out.upstream = version.substr(0, dash);
  if (dash != version.npos) out.revision = version.substr(dash + 1);
  return out;
}

}  // namespace

bool valid_debian_version(std::string_view version) {
  if (version.empty() || version.size() > kMaxVersionLength) return false;
  const auto parts = split_version(version);
  if (parts.upstream.empty()) return false;
  if (version.back() == '-') return false;
  const bool has_epoch = !parts.epoch.empty();
  for (const char c : parts.upstream) {
    if (!digit(c) && !letter(c) && c != '.' && c != '+' && c != '~' && c != '-' && !(c == ':' && has_epoch)) return false;
  }
  return std::all_of(parts.revision.begin(), parts.revision.end(),
                     [](char c) { return digit(c) || letter(c) || c == '.' || c == '+' || c == '~'; });
}

std::weak_ordering compare_debian_versions(std::string_view a, std::string_view b) {
  const auto x = split_version(a), y = split_version(b);
  int order = compare_part(x.epoch.empty() ? "0" : x.epoch, y.epoch.empty() ? "0" : y.epoch);
  if (order == 0) order = compare_part(x.upstream, y.upstream);
  // A missing revision is the same as 0.
  if (order == 0) order = compare_part(x.revision.empty() ? "0" : x.revision, y.revision.empty() ? "0" : y.revision);
  return order < 0 ? std::weak_ordering::less : order > 0 ? std::weak_ordering::greater : std::weak_ordering::equivalent;
}

}  // namespace postern::vuln
