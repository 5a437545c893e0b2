// LiveOperations: sessions through access proxies, and ending them.
#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "base/hex.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/shell/operations.h"

namespace postern::gateway {
namespace {

std::string session_id(const Sha256& leaf, const SessionPlace& place) {
  const auto digest = sha256(fmt::format("{} {} {} {} {} {}", to_hex_lower(leaf), place.proxy, place.source.str(),
                                         place.interface, static_cast<unsigned>(place.kind), place.destination));
  return to_hex_lower(ByteView(digest).first(6));
}

std::string nothing_fits(const cli::SessionChoice& which) {
  using By = cli::SessionChoice::By;
  switch (which.by) {
    case By::kId: return fmt::format("no live session has the id {}; diagnose ztna session list shows them", which.value);
    case By::kEndpoint: return fmt::format("no live session is of endpoint {}; diagnose ztna session list shows them", which.value);
    case By::kAccessProxy:
      return fmt::format("no live session goes through access proxy {}; diagnose ztna session list shows them", which.value);
    case By::kAll:
    case By::kPolicy: break;
  }
  return "there is no live session";
}

}  // namespace

std::vector<cli::SessionView> LiveOperations::sessions() {
  const auto& core = *context_.core;
  std::vector<cli::SessionView> out;
  for (const auto& [leaf, places] : core.sessions()) {
    cli::SessionView session;
    session.leaf = leaf;
    if (const auto slot = core.slots().find(leaf); slot != core.slots().end()) {
      session.uid = slot->second.owner.uid;
      session.connector = slot->second.owner.connector;
      if (const auto record = core.records().find(slot->second.owner); record != core.records().end()) {
        session.host_name = record->second.host_name;
        session.ems_serial = record->second.ems_serial;
      }
    }
    for (const auto& [place, count] : places) {
      session.id = session_id(leaf, place);
      session.kind = ecshm::session_kind_name(place.kind);
      session.access_proxy = parts_.nginx.proxy_name(place.proxy);
      session.source = place.source;
      session.destination = place.destination;
      session.connections = count;
      out.push_back(session);
    }
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return std::tie(a.access_proxy, a.source, a.leaf, a.kind, a.destination) <
           std::tie(b.access_proxy, b.source, b.leaf, b.kind, b.destination);
  });
  return out;
}

void LiveOperations::clear_sessions(const cli::SessionChoice& which, const std::string& administrator, Cleared done) {
  using By = cli::SessionChoice::By;
  const auto& core = *context_.core;
  std::vector<ecshm::ClearOrder> orders;
  if (which.by == By::kPolicy) {
    const auto policy = parse_u64(which.value);
    if (!policy || *policy < 1 || *policy > 4'294'967'294) {
      return done(fail(ErrorCode::kInvalidArgument,
                       fmt::format("{} is not the number of a proxy policy", json_quote(which.value))));
    }
    orders.push_back({});
    orders.back().policy = static_cast<std::uint32_t>(*policy);
  }
  if (which.by == By::kAll) orders.push_back({});
  const auto wanted = to_lower(which.value);
  std::set<std::uint32_t> proxies;
  for (const auto& [leaf, places] : core.sessions()) {
    if (which.by == By::kEndpoint) {
      const auto slot = core.slots().find(leaf);
      if (slot == core.slots().end()) continue;
      const auto record = core.records().find(slot->second.owner);
      const bool named = to_lower(slot->second.owner.uid.str()) == wanted ||
                         (record != core.records().end() && to_lower(record->second.host_name) == wanted);
      if (!named) continue;
      orders.push_back({});
      orders.back().leaf = leaf;
      continue;
    }
    for (const auto& [place, count] : places) {
      if (which.by == By::kId && session_id(leaf, place) == wanted) {
        orders.push_back({0, leaf, place.proxy, 0, place.source, place.kind, 0, 0, place.destination, {}});
      }
      if (which.by == By::kAccessProxy && parts_.nginx.proxy_name(place.proxy) == which.value &&
          proxies.insert(place.proxy).second) {
        orders.push_back({});
        orders.back().proxy = place.proxy;
      }
    }
  }
  if (orders.empty()) return done(fail(ErrorCode::kNotFound, nothing_fits(which)));
  for (auto& order : orders) order.administrator = administrator;
  parts_.modules.clear(std::move(orders), [administrator, value = which.value, done = std::move(done)](const SessionsCleared& cleared) {
    log_info("sessions.cleared", "an administrator ended sessions",
             {{"by", administrator}, {"which", value}, {"ended", std::to_string(cleared.ended)}});
    done(cli::ClearedSessions{cleared.ended, cleared.silent});
  });
}

}  // namespace postern::gateway
