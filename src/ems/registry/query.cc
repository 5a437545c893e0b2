#include "ems/registry/query.h"

#include <algorithm>

#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;

using Interfaces = std::vector<posture::Interface>;
using Routes = std::vector<posture::Route>;

/// The first address that people mean when they ask for "the" address of a machine.
std::optional<posture::Interface> primary_interface(const Endpoint& e) {
  const auto interfaces = e.known<Interfaces>(keys::kInterfaces);
  if (!interfaces) return std::nullopt;
  if (const auto routes = e.known<Routes>(keys::kRoutes)) {
    for (const auto& route : *routes) {
      for (const auto& i : *interfaces) {
        if (i.name == route.interface) return i;
      }
    }
  }
  for (const auto& i : *interfaces) {
    if (i.up && !i.addresses.empty() && !i.addresses.front().is_loopback()) return i;
  }
  return std::nullopt;
}

bool contains(std::string_view text, const std::string& lower_needle) {
  return to_lower(text).find(lower_needle) != std::string::npos;
}

bool matches_text(const Endpoint& e, const std::string& q) {
  if (contains(host_name(e), q) || contains(e.uid.str(), q) || contains(fact_text(e, keys::kLastLoginUser), q) ||
      contains(fact_text(e, keys::kOsVersion), q) || contains(e.public_ip.str(), q)) {
    return true;
  }
  if (const auto interfaces = e.known<Interfaces>(keys::kInterfaces)) {
    for (const auto& i : *interfaces) {
      if (contains(i.mac.str(), q)) return true;
      for (const auto& a : i.addresses) {
        if (contains(a.str(), q)) return true;
      }
    }
  }
  return false;
}

/// What a page is ordered by, as a text that compares as the values do; the UID makes it unique.
std::string sort_key(const Endpoint& e, EndpointQuery::Sort sort) {
  const auto time = [](WallTime t) {
    auto digits = std::to_string(to_unix_ms(t));
    return std::string(20 - std::min<std::size_t>(20, digits.size()), '0') + digits;
  };
  std::string key;
  switch (sort) {
    case EndpointQuery::Sort::kHostName: key = to_lower(host_name(e)); break;
    case EndpointQuery::Sort::kLastSeen: key = time(e.last_seen); break;
    case EndpointQuery::Sort::kEnrolledAt: key = time(e.enrolled_at); break;
    case EndpointQuery::Sort::kUid: break;
    case EndpointQuery::Sort::kIp: {
      const auto ip = primary_ip(e);
      key = std::string(ip.is_v4() ? "4" : ip.is_v6() ? "6" : "9") + to_hex_lower(ip.bytes());
      break;
    }
  }
  return key + '\n' + e.uid.str();
}

}  // namespace

EndpointPage find_endpoints(const std::map<EndpointUid, Endpoint>& endpoints, const EndpointQuery& query,
                            const std::function<posture::TagId(std::string_view)>& tag_id) {
  const auto q = to_lower(trim(query.q));
  posture::TagId tag = 0;
  auto wanted = posture::TagState::kHas;
  if (query.tag) {
    std::string_view name = *query.tag;
    if (name.starts_with("unknown:")) {
      name.remove_prefix(8);
      wanted = posture::TagState::kUnknown;
    }
    tag = tag_id(name);
    if (tag == 0) return {};
  }
  const auto os = query.os ? to_lower(*query.os) : std::string();
  const auto admits = [&](const Endpoint& e) {
    if (query.online && e.online != *query.online) return false;
    if (query.registered && e.registered() != *query.registered) return false;
    if (query.quarantined && e.quarantined != *query.quarantined) return false;
    if (tag != 0 && e.tag(tag) != wanted) return false;
    if (query.os && to_lower(fact_text(e, keys::kOsType)) != os && fact_text(e, keys::kOsFamily) != os) return false;
    return q.empty() || matches_text(e, q);
  };
  std::vector<std::pair<std::string, const Endpoint*>> found;
  for (const auto& [uid, e] : endpoints) {
    if (admits(e)) found.emplace_back(sort_key(e, query.sort), &e);
  }
  EndpointPage page;
  page.total = found.size();
  const auto before = [&](const auto& a, const auto& b) {
    return query.descending ? b.first < a.first : a.first < b.first;
  };
  if (!query.after.empty()) {
    std::erase_if(found, [&](const auto& f) {
      return query.descending ? f.first >= query.after : f.first <= query.after;
    });
  }
  const auto count = std::min(query.limit, found.size());
  std::ranges::partial_sort(found, found.begin() + static_cast<std::ptrdiff_t>(count), before);
  for (std::size_t i = 0; i < count; ++i) page.items.push_back(found[i].second);
  if (count > 0 && count < found.size()) page.next = found[count - 1].first;
  return page;
}

IpAddress primary_ip(const Endpoint& e) {
  if (const auto routes = e.known<Routes>(keys::kRoutes)) {
    for (const auto& route : *routes) {
      if (route.local_ip.valid()) return route.local_ip;
    }
  }
  const auto i = primary_interface(e);
  return !i || i->addresses.empty() ? IpAddress() : i->addresses.front();
}

MacAddress primary_mac(const Endpoint& e) {
  const auto i = primary_interface(e);
  return i ? i->mac : MacAddress();
}

std::string fact_text(const Endpoint& e, std::string_view key) {
  return e.known<std::string>(key).value_or(std::string());
}

std::string host_name(const Endpoint& e) {
  auto name = fact_text(e, keys::kHostName);
  return name.empty() ? e.enrolled_host_name : name;
}

}  // namespace postern::ems
