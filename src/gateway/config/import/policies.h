#pragma once
// What is particular about policies: refusals, and what may stand behind them. Thread: any.
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/import/draft.h"

namespace postern::gateway::config::fortios {

/// Is the policy in force there, and does it refuse what it matches?
bool refuses(const Draft& policy);
bool is_on(const Draft& policy);
/// Does it accept there, but stop some of what it matches, which then comes to no policy behind it? By contents, by a
/// redirection, or by what is not known. The statement that says so; nullopt: it doesn't.
/// `users_stop`: who is to sign in goes to no other policy (`config user setting`, `set auth-on-demand always`).
std::optional<At> stops_some(const Draft& policy, bool users_stop);
/// May something match both? By their interfaces and access proxies, as the source names them; a zone may hold any of them.
bool may_overlap(const Draft& a, const Draft& b, const std::set<std::string>& zones);
/// Those that are taken; without `any`.
std::vector<std::string> interfaces_of(const Draft& policy);
/// What the source gives this setting in the end: appended words are part of it.
Value words_in_source(const Draft& policy, std::string_view name);

}  // namespace postern::gateway::config::fortios
