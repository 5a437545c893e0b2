#pragma once
// Who is signed in at an endpoint, and whether that is somebody whom a policy names.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace postern::gateway {

/// For each user and group that policies name, under the name of its bit (user_bit, group_bit): names of users, as configured.
using UserRules = std::map<std::string, std::vector<std::string>>;

/// No tag's dynamic address has a space at this place.
std::string user_bit(const std::string& user);    ///< "user alice".
std::string group_bit(const std::string& group);  ///< "group staff".
bool is_user_bit(std::string_view name);

enum class UserIs : std::uint8_t { kNo, kYes, kUnknown };

/// Is `reported`, the endpoint's word for who is signed in ("alice", "CORP\\alice", "alice@corp.example"; empty: nobody says),
/// the user configured as `named`, in the same forms? A name without domain is that user of whichever domain or of the machine
/// itself. One with a domain is that domain's alone: where the endpoint says no domain, or says it in the other form (CORP and
/// corp.example), it can't be told. Upper and lower case of ASCII are the same.
UserIs user_is(std::string_view reported, std::string_view named);
/// Is it any of these? Nobody named: no.
UserIs user_is_any(std::string_view reported, const std::vector<std::string>& named);

}  // namespace postern::gateway
