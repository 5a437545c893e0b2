#include "gateway/config/import/policies.h"

#include <algorithm>
#include <set>
#include <utility>

namespace postern::gateway::config::fortios {
namespace {

bool lists_word(const Value& values, std::string_view word) {
  return std::find(values.begin(), values.end(), word) != values.end();
}

/// What counts in the end.
const Value& last_words(const Draft& policy, std::string_view name) {
  static const Value none;
  const Setting* s = policy.setting(name);
  return s ? s->values : none;
}

bool disjoint(const Draft& a, const Draft& b, std::string_view name, const std::set<std::string>& zones) {
  const auto left = words_in_source(a, name), right = words_in_source(b, name);
  for (const auto* words : {&left, &right}) {
    if (words->empty() || lists_word(*words, "any")) return false;
    if (std::any_of(words->begin(), words->end(), [&](const std::string& word) { return zones.contains(word); }))
      return false;
  }
  return std::none_of(left.begin(), left.end(), [&](const std::string& word) { return lists_word(right, word); });
}

/// By their tables: those at IPv4 and at IPv6 addresses.
std::set<std::pair<std::string_view, std::string>> access_proxies(const Draft& policy) {
  std::set<std::pair<std::string_view, std::string>> out;
  for (const std::string_view table : {"access-proxy", "access-proxy6"}) {
    for (auto& word : words_in_source(policy, table)) out.insert({table, std::move(word)});
  }
  return out;
}

bool share_no_access_proxy(const Draft& a, const Draft& b) {
  const auto left = access_proxies(a), right = access_proxies(b);
  if (left.empty() || right.empty()) return false;
  return std::none_of(left.begin(), left.end(), [&](const auto& proxy) { return right.contains(proxy); });
}

}  // namespace

Value words_in_source(const Draft& policy, std::string_view name) {
  Value out;
  for (const auto& s : policy.source->settings) {
    if (s.name != name) continue;
    if (s.command != "append") out.clear();
    if (s.command != "unset") out.insert(out.end(), s.values.begin(), s.values.end());
  }
  std::erase(out, "");
  return out;
}

std::vector<std::string> interfaces_of(const Draft& policy) {
  std::vector<std::string> out;
  for (const auto& a : policy.table->attributes) {
    if (a.type != Type::kInterface) continue;
    const auto it = policy.object.values.find(a.name);
    if (it != policy.object.values.end()) out.insert(out.end(), it->second.begin(), it->second.end());
  }
  std::erase(out, "any");
  return out;
}

bool is_on(const Draft& policy) { return last_words(policy, "status") != Value{"disable"}; }

bool refuses(const Draft& policy) {
  return policy.unclear || (is_on(policy) && last_words(policy, "action") != Value{"accept"});
}

std::optional<At> stops_some(const Draft& policy, bool users_stop) {
  if (!is_on(policy) || refuses(policy)) return std::nullopt;
  // Whom they don't match goes on to the next policy there, too.
  static const std::set<std::string_view> users = {"groups", "users", "fsso-groups"};
  static const std::set<std::string_view> matching = {"devices", "device-ownership", "schedule",
                                                      "tos-mask", "tos", "srcintf", "dstintf", "srcaddr", "srcaddr6", "dstaddr",
                                                      "dstaddr6", "service"};
  const auto only_matches = [&](std::string_view name) {
    return matching.contains(name) || (users.contains(name) && !users_stop) || name.ends_with("-negate") || name.starts_with("internet-service") ||
           name.starts_with("ztna-ems-") || name.starts_with("ztna-geo-") || name.starts_with("ztna-device-") ||
           name.starts_with("policy-expiry");
  };
  for (const auto& w : policy.wider) {
    const auto& settings = policy.source->settings;
    const auto s = std::find_if(settings.begin(), settings.end(), [&](const Setting& each) { return each.at == w.at; });
    if (s == settings.end() ? w.at != policy.source->at : !only_matches(s->name)) return w.at;
  }
  if (!policy.source->strange.empty()) return policy.source->strange[0];
  if (!policy.source->closed) return policy.source->at;
  return std::nullopt;
}

bool may_overlap(const Draft& a, const Draft& b, const std::set<std::string>& zones) {
  if (a.unclear || b.unclear) return true;
  return !disjoint(a, b, "srcintf", zones) && !disjoint(a, b, "dstintf", zones) && !share_no_access_proxy(a, b);
}

}  // namespace postern::gateway::config::fortios
