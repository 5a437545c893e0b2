#include "policy/translate_host.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace postern::policy {
namespace {

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Of the authority of a URL: does the server listen there, as far as it can be told?
bool names_server(std::string_view authority, const HostTranslation& names) {
  if (same(authority, names.server)) return true;
  const auto host = without_port(authority);
  if (!same(host, without_port(names.server))) return false;
  auto port = authority.substr(host.size());
  if (port.empty() || port == ":") return true;
  port.remove_prefix(1);
  const auto number = parse_u64(port);
  return number && (*number == 80 || *number == 443 || *number == names.server_port);
}

}  // namespace

std::string_view without_port(std::string_view host) {
  const auto from = host.starts_with('[') ? host.find(']') : 0;
  if (from == host.npos) return host;
  return host.substr(0, host.find(':', from));
}

std::optional<std::string> translate_location(std::string_view location, const HostTranslation& names) {
  std::string_view rest;
  bool with_scheme = true;
  if (same(location.substr(0, 7), "http://")) {
    rest = location.substr(7);
  } else if (same(location.substr(0, 8), "https://")) {
    rest = location.substr(8);
  } else if (location.starts_with("//")) {
    rest = location.substr(2);
    with_scheme = false;
  } else {
    return std::nullopt;
  }
  const auto end = std::min(rest.find_first_of("/?#\\"), rest.size());
  if (!names_server(rest.substr(0, end), names)) return std::nullopt;
  return (with_scheme ? "https://" : "//") + std::string(names.client) + std::string(rest.substr(end));
}

std::optional<std::string> translate_cookie(std::string_view cookie, const HostTranslation& names) {
  std::string out;
  bool changed = false;
  std::size_t at = 0;
  while (true) {
    const auto end = std::min(cookie.find(';', at), cookie.size());
    const auto part = cookie.substr(at, end - at);
    const auto equals = part.find('=');
    bool ours = false;
    if (at > 0 && equals != part.npos && same(trimmed(part.substr(0, equals)), "domain")) {
      auto domain = trimmed(part.substr(equals + 1));
      if (domain.starts_with('.')) domain.remove_prefix(1);
      ours = same(domain, without_port(names.server));
    }
    if (ours) {
      out += " Domain=" + std::string(without_port(names.client));
      changed = true;
    } else {
      out += part;
    }
    if (end == cookie.size()) break;
    out += ';';
    at = end + 1;
  }
  if (!changed) return std::nullopt;
  return out;
}

}  // namespace postern::policy
