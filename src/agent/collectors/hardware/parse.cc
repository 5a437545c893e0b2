#include "agent/collectors/hardware/parse.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace postern::agent {
namespace {

std::string field(std::string_view text, std::string_view name) {
  for (const auto line : split(text, '\n')) {
    const auto colon = line.find(':');
    if (colon != line.npos && trim(line.substr(0, colon)) == name) return std::string(trim(line.substr(colon + 1)));
  }
  return {};
}

}  // namespace

std::string parse_cpu_model(std::string_view cpuinfo) {
  for (const auto name : {"model name", "Model", "Hardware"}) {
    if (auto value = field(cpuinfo, name); !value.empty()) return value;
  }
  return {};
}

std::optional<std::int64_t> parse_memory_mb(std::string_view meminfo) {
  const auto value = field(meminfo, "MemTotal");
  if (!value.ends_with(" kB")) return std::nullopt;
  const auto kib = parse_u64(trim(std::string_view(value).substr(0, value.size() - 3)));
  if (!kib || *kib > (std::uint64_t{1} << 52)) return std::nullopt;
  return static_cast<std::int64_t>(*kib / 1024);
}

std::string parse_dmi(std::string_view value) {
  static constexpr std::array<std::string_view, 10> kNothing = {
      "to be filled by o.e.m.", "default string", "system product name", "system manufacturer", "not specified",
      "not applicable", "none", "n/a", "o.e.m.", "unknown"};
  const auto text = trim(value);
  if (text.size() > 255) return {};
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) return {};
  if (std::ranges::find(kNothing, to_lower(text)) != kNothing.end()) return {};
  return std::string(text);
}

}  // namespace postern::agent
