#pragma once
// What the change log says of a row that is gone.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace postern::ems {

inline constexpr std::string_view kRemovedEvent = R"({"event":"removed"})";

/// The same of a tag that was given by hand to so many endpoints then.
std::string removed_tag_event(std::size_t given_by_hand);
/// To how many it was given. None: `json` does not say that a tag was removed.
std::optional<std::size_t> read_removed_tag(std::string_view json);

}  // namespace postern::ems
