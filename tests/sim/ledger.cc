#include "ledger.h"

#include <algorithm>

#include "ems_node.h"
#include "posture/fact_keys.h"
#include "posture/tag_json.h"

namespace postern::sim {
namespace {

Fate fate_of(const postern::ems::Endpoint* e) {
  if (e == nullptr) return Fate::kRemoved;
  switch (e->registration) {
    case ems::Registration::kRegistered:
      return Fate::kRegistered;
    case ems::Registration::kDeregistered:
      return Fate::kDeregistered;
    case ems::Registration::kRevoked:
      return Fate::kRevoked;
  }
  return Fate::kRemoved;
}

/// One fact after one more report.
void follow(std::optional<posture::FactValue>& value, const std::string& key, const Ledger::Report& report) {
  if (const auto it = report.facts.find(key); it != report.facts.end()) {
    value = it->second;
  } else if (report.full) {
    value.reset();
  }
}

}  // namespace

void Ledger::enrolled(const EndpointUid& uid, const Sha256& leaf) { endpoints[uid].leaf = leaf; }

void Ledger::certificate_given(const EndpointUid& uid, const Sha256& leaf) { endpoints[uid].leaf = leaf; }

void Ledger::report_sent(const EndpointUid& uid, ConnectionId connection, Report report) {
  endpoints[uid].unacknowledged.push_back({connection, std::move(report)});
}

void Ledger::report_acknowledged(const EndpointUid& uid, ConnectionId connection, std::uint64_t seq) {
  auto& e = endpoints[uid];
  auto& sent = e.unacknowledged;
  const auto last = std::find_if(sent.rbegin(), sent.rend(),
                                 [&](const auto& s) { return s.connection == connection && s.report.seq <= seq; });
  if (last == sent.rend()) return;
  for (auto it = sent.begin(); it != last.base(); ++it) {
    if (it->report.full) e.facts.clear();
    for (const auto& [key, value] : it->report.facts) {
      if (value) {
        e.facts.insert_or_assign(key, *value);
      } else {
        e.facts.erase(key);
      }
    }
  }
  sent.erase(sent.begin(), last.base());
}

void Ledger::check_facts(const EndpointUid& uid, const Endpoint& promised, const posture::FactMap& held,
                         Journal& journal) const {
  std::set<std::string> keys;
  for (const auto& [key, fact] : held) {
    if (!key.starts_with(posture::keys::kEmsPrefix)) keys.insert(key);
  }
  for (const auto& [key, value] : promised.facts) keys.insert(key);
  for (const auto& key : keys) {
    const auto it = held.find(key);
    const auto is = it == held.end() ? std::nullopt : std::optional(it->second.value);
    const auto known = promised.facts.find(key);
    auto may_be = known == promised.facts.end() ? std::nullopt : std::optional(known->second);
    bool good = is == may_be;
    for (const auto& sent : promised.unacknowledged) {
      follow(may_be, key, sent.report);
      good = good || is == may_be;
    }
    if (!good) {
      journal.violation(
          "the EMS began anew and endpoint {}'s fact {} is neither what it acknowledged nor anything sent "
          "since: an acknowledged report was lost",
          uid.str(), key);
    }
  }
}

void Ledger::check(EmsNode& ems, Journal& journal) {
  const auto& core = ems.core();
  for (auto& [uid, promised] : endpoints) {
    const auto* e = core.endpoint(uid);
    const auto fate = fate_of(e);
    if (!promised.fate.allows(fate)) {
      journal.violation("the EMS began anew and what became of endpoint {} (now {}) is not what was confirmed",
                        uid.str(), static_cast<int>(fate));
    }
    promised.fate.settle(fate);
    if (fate == Fate::kRegistered) promised.out_since.reset();
    if (e == nullptr) continue;
    // The EMS quarantines by itself, too, when it recognises a device.
    if (!e->quarantined && !promised.quarantined.allows(false)) {
      journal.violation("the EMS began anew and endpoint {}'s quarantine, which was confirmed, is gone", uid.str());
    }
    promised.quarantined.settle(e->quarantined);
    if (!e->quarantined) promised.quarantined_since.reset();
    if (fate != Fate::kRegistered) continue;
    if (std::ranges::none_of(e->certificates, [&](const auto& c) { return c.sha256 == promised.leaf; })) {
      journal.violation("the EMS began anew and does not know the certificate that endpoint {} was given", uid.str());
    }
    check_facts(uid, promised, e->facts(), journal);
  }
  for (auto& [serial, promised] : devices) {
    const auto device = ems.stored_device(serial);
    const bool authorised = device && device->state == ems::DeviceState::kAuthorised;
    if (!promised.authorised.allows(authorised)) {
      journal.violation("the EMS began anew and gateway {} is {}authorised, against what was confirmed", serial.str(),
                        authorised ? "" : "not ");
    }
    promised.authorised.settle(authorised);
    const int sharing = device ? static_cast<int>(device->endpoint_sharing) : 0;
    if (!promised.sharing.allows(sharing)) {
      journal.violation("the EMS began anew and gateway {}'s share mode is not the confirmed one", serial.str());
    }
    promised.sharing.settle(sharing);
  }
  for (auto& [name, promised] : tags) {
    const auto* tag = core.tag(name);
    const auto json = tag == nullptr ? std::string() : posture::print_tag_json(tag->definition);
    if (!promised.allows(json)) {
      journal.violation("the EMS began anew and tag {} is not as it was confirmed: {}", name, json);
    }
    promised.settle(json);
  }
}

}  // namespace postern::sim
