#include "agent/collectors/parse.h"

#include <utmp.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace postern::agent {
namespace {

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  for (const auto piece : split(line, ' ')) {
    for (const auto word : split(piece, '\t')) {
      if (!word.empty()) out.push_back(word);
    }
  }
  return out;
}

}  // namespace

std::map<std::string, std::string> parse_key_values(std::string_view text) {
  std::map<std::string, std::string> out;
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    const auto equals = line.find('=');
    if (line.empty() || line[0] == '#' || line[0] == '[' || equals == line.npos) continue;
    auto value = trim(line.substr(equals + 1));
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front()) {
      value = value.substr(1, value.size() - 2);
    }
    out.emplace(std::string(trim(line.substr(0, equals))), std::string(value));
  }
  return out;
}

std::string parse_cpu_model(std::string_view cpuinfo) {
  for (const auto line : split(cpuinfo, '\n')) {
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    if (trim(line.substr(0, colon)) == "model name") return std::string(trim(line.substr(colon + 1)));
  }
  return {};
}

std::optional<std::int64_t> parse_memory_mb(std::string_view meminfo) {
  for (const auto line : split(meminfo, '\n')) {
    const auto parts = words(line);
    if (parts.size() >= 2 && parts[0] == "MemTotal:") {
      if (const auto kib = parse_u64(parts[1])) return static_cast<std::int64_t>(*kib / 1024);
    }
  }
  return std::nullopt;
}

std::vector<posture::Route> parse_routes(std::string_view table) {
  std::vector<posture::Route> out;
  bool head = true;
  for (const auto line : split(table, '\n')) {
    if (std::exchange(head, false)) continue;
    const auto parts = words(line);
    // Iface Destination Gateway Flags RefCnt Use Metric Mask …, numbers as the host's integers in hex
    if (parts.size() < 8 || parts[1] != "00000000" || parts[7] != "00000000") continue;
    std::uint32_t gateway = 0;
    std::from_chars(parts[2].data(), parts[2].data() + parts[2].size(), gateway, 16);
    if (gateway == 0) continue;
    std::array<std::uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &gateway, 4);
    posture::Route route;
    route.interface = std::string(parts[0]);
    route.gateway_ip = IpAddress::v4(bytes);
    route.metric = static_cast<std::uint32_t>(parse_u64(parts[6]).value_or(0));
    const auto starts = [&](std::string_view prefix) { return parts[0].substr(0, prefix.size()) == prefix; };
    route.vpn = starts("tun") || starts("wg") || starts("ppp");
    out.push_back(std::move(route));
  }
  return out;
}

MacAddress parse_arp(std::string_view table, const IpAddress& ip, std::string_view interface) {
  for (const auto line : split(table, '\n')) {
    const auto parts = words(line);
    // IP address, HW type, Flags (0x2: complete), HW address, Mask, Device
    if (parts.size() < 6 || parts[5] != interface || parts[2] == "0x0") continue;
    if (IpAddress::parse(parts[0]) != ip) continue;
    return MacAddress::parse(parts[3]).value_or(MacAddress());
  }
  return {};
}

std::vector<std::string> parse_utmp_users(std::string_view bytes) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at + sizeof(utmp) <= bytes.size(); at += sizeof(utmp)) {
    utmp entry;
    std::memcpy(&entry, bytes.data() + at, sizeof entry);
    if (entry.ut_type != USER_PROCESS) continue;
    std::string user(entry.ut_user, strnlen(entry.ut_user, sizeof entry.ut_user));
    if (!user.empty() && std::find(out.begin(), out.end(), user) == out.end()) out.push_back(std::move(user));
  }
  return out;
}

}  // namespace postern::agent
