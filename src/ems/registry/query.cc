#include "ems/registry/query.h"

#include "posture/fact_keys.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;

template <class T>
const T* known(const Endpoint& e, std::string_view key) {
  const auto it = e.facts.find(key);
  return it == e.facts.end() ? nullptr : it->second.as<T>();
}

/// The first address that people mean when they ask for "the" address of a machine.
const posture::Interface* primary_interface(const Endpoint& e) {
  const auto* interfaces = known<std::vector<posture::Interface>>(e, keys::kInterfaces);
  if (interfaces == nullptr) return nullptr;
  if (const auto* routes = known<std::vector<posture::Route>>(e, keys::kRoutes)) {
    for (const auto& route : *routes) {
      for (const auto& i : *interfaces) {
        if (i.name == route.interface) return &i;
      }
    }
  }
  for (const auto& i : *interfaces) {
    if (i.up && !i.addresses.empty() && !i.addresses.front().is_loopback()) return &i;
  }
  return nullptr;
}

}  // namespace

IpAddress primary_ip(const Endpoint& e) {
  if (const auto* routes = known<std::vector<posture::Route>>(e, keys::kRoutes)) {
    for (const auto& route : *routes) {
      if (route.local_ip.valid()) return route.local_ip;
    }
  }
  const auto* i = primary_interface(e);
  return i == nullptr || i->addresses.empty() ? IpAddress() : i->addresses.front();
}

MacAddress primary_mac(const Endpoint& e) {
  const auto* i = primary_interface(e);
  return i == nullptr ? MacAddress() : i->mac;
}

std::string fact_text(const Endpoint& e, std::string_view key) {
  const auto* text = known<std::string>(e, key);
  return text == nullptr ? std::string() : *text;
}

std::string host_name(const Endpoint& e) {
  auto name = fact_text(e, keys::kHostName);
  return name.empty() ? e.enrolled_host_name : name;
}

}  // namespace postern::ems
