#include "posture/tag.h"

namespace postern::posture {
namespace {

constexpr std::string_view kKinds[] = {"security", "classification", "fabric"};
constexpr std::string_view kOs[] = {"linux", "windows", "macos", "ios", "android"};
constexpr std::string_view kOnUnknown[] = {"deny", "ignore"};
static_assert(std::size(kOs) == kOsFamilies);

template <class Enum, std::size_t N>
std::optional<Enum> by_name(const std::string_view (&names)[N], std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view tag_kind_name(TagKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }
std::string_view os_family_name(OsFamily os) { return kOs[static_cast<std::size_t>(os)]; }
std::string_view on_unknown_name(OnUnknown what) {
  return kOnUnknown[static_cast<std::size_t>(what)];
}

std::optional<TagKind> parse_tag_kind(std::string_view name) {
  return by_name<TagKind>(kKinds, name);
}
std::optional<OsFamily> parse_os_family(std::string_view name) {
  return by_name<OsFamily>(kOs, name);
}
std::optional<OnUnknown> parse_on_unknown(std::string_view name) {
  return by_name<OnUnknown>(kOnUnknown, name);
}

TagDefinition all_registered_clients_definition() {
  TagDefinition tag;
  tag.name = TagName(std::string(kAllRegisteredClients));
  tag.message = "This device is registered.";
  tag.comment = "Built in: every registered endpoint has it.";
  return tag;
}

}  // namespace postern::posture
