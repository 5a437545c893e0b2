#include "gateway/api/trust.h"

#include <algorithm>
#include <string>
#include <vector>

namespace postern::gateway::api {
namespace {

/// A network in the configuration's normal form. One that can't be read contains nothing.
bool network_contains(const std::string& text, const IpAddress& address) {
  std::string cidr = text;
  if (const auto space = text.find(' '); space != text.npos) {
    const auto mask = IpAddress::parse(text.substr(space + 1));
    if (!mask || !mask->is_v4()) return false;
    unsigned prefix = 0;
    for (unsigned i = 0; i < 4; ++i) prefix += static_cast<unsigned>(__builtin_popcount(mask->bytes()[i]));
    cidr = text.substr(0, space) + "/" + std::to_string(prefix);
  }
  const auto range = IpRange::parse(cidr);
  return range && range->contains(address);
}

std::vector<std::string> networks_of(const config::ObjectView& account) {
  std::vector<std::string> out;
  if (account.table().table("trusthost") != nullptr) {
    for (const auto& entry : account.entries("trusthost")) out.push_back(entry.text(entry.text("type")));
    return out;
  }
  for (const auto& attribute : account.table().attributes) {
    const bool host = attribute.name.starts_with("trusthost") || attribute.name.starts_with("ip6-trusthost");
    if (host && account.is_set(attribute.name)) out.push_back(account.text(attribute.name));
  }
  return out;
}

}  // namespace

bool trusted(const config::ObjectView& account, const IpAddress& address) {
  const auto networks = networks_of(account);
  return networks.empty() || std::any_of(networks.begin(), networks.end(), [&](const std::string& network) {
           return network_contains(network, address);
         });
}

}  // namespace postern::gateway::api
