#pragma once
// What the forward chain is built from: policies with every name resolved, as plain values.
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ip.h"
#include "gateway/config/model.h"

namespace postern::gateway::firewall {

struct AddressRange {
  IpAddress first, last;  ///< One family.
  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

struct Service {
  config::ServiceConfig::Protocol protocol = config::ServiceConfig::Protocol::kAny;
  struct Ports {
    std::uint16_t first = 0, last = 0;
    friend bool operator==(const Ports&, const Ports&) = default;
  };
  std::vector<Ports> tcp, udp;
  std::optional<std::uint8_t> icmp_type = {};  ///< As config::ServiceConfig has it.
  friend bool operator==(const Service&, const Service&) = default;
};

/// One policy. Empty lists mean "any".
struct Policy {
  std::uint32_t id = 0;
  std::vector<std::string> from, to;                  ///< Interfaces.
  std::vector<AddressRange> sources, destinations;
  std::vector<Service> services;
  config::TagCondition condition;
  config::Action action = config::Action::kDeny;
  friend bool operator==(const Policy&, const Policy&) = default;
};

/// The enabled firewall policies of a validated configuration, in order of evaluation.
std::vector<Policy> compile_policies(const config::GatewayConfig& config);

/// Interfaces by which any source may come: those without src-check, and, unless the check is strict, those that default
/// routes lead out by.
std::set<std::string> unchecked_interfaces(const config::GatewayConfig& config, const std::set<std::string>& default_routes);

/// Every dynamic address that enabled firewall or proxy policies name: what GatewayCore::set_policy_tags wants.
std::vector<std::string> used_tags(const config::GatewayConfig& config);

}  // namespace postern::gateway::firewall
