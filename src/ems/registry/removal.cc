#include "ems/registry/removal.h"

#include <charconv>

#include <fmt/format.h>

namespace postern::ems {
namespace {

constexpr std::string_view kRemovedFrom = R"({"event":"removed","given_by_hand":)";

}  // namespace

std::string removed_tag_event(std::size_t given_by_hand) {
  return given_by_hand == 0 ? std::string(kRemovedEvent) : fmt::format("{}{}}}", kRemovedFrom, given_by_hand);
}

std::optional<std::size_t> read_removed_tag(std::string_view json) {
  if (json == kRemovedEvent) return 0;
  if (!json.starts_with(kRemovedFrom)) return std::nullopt;
  std::size_t out = 0;
  const auto end = json.data() + json.size();
  const auto read = std::from_chars(json.data() + kRemovedFrom.size(), end, out);
  if (read.ec != std::errc()) return std::nullopt;
  return out;
}

}  // namespace postern::ems
