#include "gateway/cli/notices.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "gateway/config/entries.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {

const char* health_word(PartHealth::State state) {
  switch (state) {
    case PartHealth::State::kOk:
      return "OK";
    case PartHealth::State::kOff:
      return "OFF";
    case PartHealth::State::kFailed:
      break;
  }
  return "FAILED";
}

namespace {

constexpr std::size_t kMaxNotices = 20;

const std::vector<config::Object>& objects(const config::ConfigTree& tree, const std::string& table) {
  static const std::vector<config::Object> none;
  const auto it = tree.root().tables.find(table);
  return it == tree.root().tables.end() ? none : it->second;
}

/// Tags that policies of this table name since this change.
void unknown_tags(const config::Table& table, const config::ConfigTree& before, const config::ConfigTree& after,
                  const std::set<std::string>& known, std::vector<std::string>& out) {
  const config::EntryIndex old(objects(before, table.name));
  for (const auto& object : objects(after, table.name)) {
    if (const auto* was = old.find(object.key); was != nullptr && *was == object) continue;
    for (const auto& attribute : table.attributes) {
      if (attribute.type != config::Type::kTag) continue;
      for (const auto& tag : config::ObjectView(table, object).values(attribute.name)) {
        if (known.contains(tag)) continue;
        out.push_back(
            fmt::format("{}: no connected EMS has shared a tag {}; until one does, it is unknown for every endpoint "
                        "(diagnose firewall dynamic list prints those that are shared)",
                        config::describe({{table.name, object.key}}), tag));
      }
    }
  }
}

/// Interfaces that policies of this table name since this change, and that this machine hasn't.
void unknown_interfaces(const config::Table& table, const config::ConfigTree& before, const config::ConfigTree& after,
                        const std::vector<std::string>& known, std::vector<std::string>& out) {
  const config::EntryIndex old(objects(before, table.name));
  for (const auto& object : objects(after, table.name)) {
    if (const auto* was = old.find(object.key); was != nullptr && *was == object) continue;
    for (const auto& attribute : table.attributes) {
      if (attribute.type != config::Type::kInterface) continue;
      for (const auto& name : config::ObjectView(table, object).values(attribute.name)) {
        if (name == "any" || std::find(known.begin(), known.end(), name) != known.end()) continue;
        out.push_back(fmt::format("{}: {}: this machine has no interface {}; until it has, nobody comes by that, and "
                                  "nothing is refused (get system interface lists them)",
                                  config::describe({{table.name, object.key}}), attribute.name, config::quote_word(name)));
      }
    }
  }
}

/// Access proxies that let in nobody since this change: the page of a refusal asks for a certificate that can't be shown.
void locked(const std::string& table, const config::ConfigTree& before, const config::ConfigTree& after,
            std::vector<std::string>& out) {
  const auto is_locked = [](const config::ObjectView& o) {
    return !o.enabled("client-cert") && o.text("empty-cert-action") == "block";
  };
  const config::EntryIndex old(objects(before, table));
  for (const auto& o : after.entries(table)) {
    const auto* was = old.find(o.key());
    if (!is_locked(o) || (was != nullptr && is_locked({o.table(), *was}))) continue;
    out.push_back(
        fmt::format("{} {}: nobody is asked for a certificate (client-cert disable), and nobody gets in without one "
                    "(empty-cert-action block): it refuses everybody",
                    table, o.key()));
  }
}

/// Mappings that match just what another one of the same access proxy matches, since this change: that one takes it all.
void never_reached(const std::string& table, const config::ConfigTree& before, const config::ConfigTree& after,
                   std::vector<std::string>& out) {
  using Matched = std::tuple<std::string, std::string, std::string>;
  const config::EntryIndex old(objects(before, table));
  for (const auto& proxy : after.entries(table)) {
    if (const auto* was = old.find(proxy.key()); was != nullptr && *was == proxy.object()) continue;
    std::map<Matched, std::string> first;
    for (const auto& g : proxy.entries("api-gateway")) {
      const auto [it, is_first] = first.emplace(Matched(g.text("virtual-host"), g.text("url-map-type"), g.text("url-map")), g.key());
      if (is_first) continue;
      out.push_back(fmt::format("{} {}: nothing reaches api-gateway {}: api-gateway {} has the same virtual-host, url-map and "
                                "url-map-type",
                                table, proxy.key(), g.key(), it->second));
    }
  }
}

/// What access proxies listen with.
bool is_listener_table(std::string_view name) {
  for (const std::string_view table : {"firewall vip", "firewall vip6", "firewall access-proxy", "firewall access-proxy6",
                                       "certificate local"}) {
    if (name == table) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> commit_notices(const config::ConfigTree& before, const config::ConfigTree& after,
                                        GatewayOperations& operations) {
  std::vector<std::string> out;
  std::set<std::string> known;
  for (const auto& address : operations.dynamic_addresses()) known.insert(address.name);
  for (const auto& table : after.schema().root().tables) unknown_tags(table, before, after, known, out);
  if (const auto names = operations.interface_names(); !names.empty()) {
    for (const auto& table : after.schema().root().tables) {
      if (table.ordered || table.name.starts_with("firewall vip")) unknown_interfaces(table, before, after, names, out);
    }
  }
  for (const auto* table : {"firewall access-proxy", "firewall access-proxy6"}) {
    locked(table, before, after, out);
    never_reached(table, before, after, out);
  }
  const bool listeners = std::any_of(after.schema().root().tables.begin(), after.schema().root().tables.end(),
                                     [&](const config::Table& table) {
                                       return is_listener_table(table.name) &&
                                              objects(before, table.name) != objects(after, table.name);
                                     });
  if (listeners) {
    for (auto& obstacle : operations.obstacles()) out.push_back(std::move(obstacle));
  }
  if (out.size() > kMaxNotices) {
    const auto more = out.size() - kMaxNotices;
    out.resize(kMaxNotices);
    out.push_back(fmt::format("{} more of this kind", more));
  }
  return out;
}

}  // namespace postern::gateway::cli
