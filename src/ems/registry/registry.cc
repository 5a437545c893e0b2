#include "ems/registry/registry.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "ems/registry/codec.h"
#include "ems/registry/history.h"
#include "ems/registry/removal.h"
#include "posture/fact_keys.h"
#include "posture/tag_json.h"

namespace postern::ems {
namespace {

/// Rows of a table whose value is one row. `log` gives the change's JSON, or nothing where the log does not care.
template <class K, class V, class KeyText, class Row, class Log>
void add_rows(Batch& batch, TableId id, const Table<K, V>& table, KeyText key_text, Row row, Log log) {
  for (const auto& [key, before] : table.before()) {
    const V* after = table.find(key);
    const V* was = before ? &*before : nullptr;
    if (was == nullptr && after == nullptr) continue;
    if (was != nullptr && after != nullptr && row(*was) == row(*after)) continue;
    batch.rows.push_back(
        {id, key_text(key), after == nullptr ? std::nullopt : std::optional<std::string>(row(*after))});
    log(key, was, after);
  }
}

std::string event(const void* before, const void* after) {
  return before == nullptr  ? std::string(R"({"event":"added"})")
         : after == nullptr ? std::string(kRemovedEvent)
                            : R"({"event":"changed"})";
}

void add_fact_rows(Batch& batch, const Endpoint& e, bool gone, const PostureTable& postures) {
  const std::string prefix = e.uid.str() + "/";
  // The EMS's own are made anew from the endpoint's row.
  const auto own = [](std::string_view key) { return key.starts_with(posture::keys::kEmsPrefix); };
  const auto& before = postures.before(e.slot()).facts;
  for (const auto& [key, was] : before) {
    if (own(key)) continue;
    const auto is = gone ? std::nullopt : e.fact(key);
    if (!is && was) batch.rows.push_back({TableId::kFacts, prefix + key, std::nullopt});
    if (!is || (was && same_fact(*was, *is))) continue;
    batch.rows.push_back({TableId::kFacts, prefix + key, codec::fact_row(key, *is)});
  }
  if (!gone) return;
  for (const auto key : postures.keys(e.slot())) {
    if (!own(key) && before.find(key) == before.end()) {
      batch.rows.push_back({TableId::kFacts, prefix + std::string(key), std::nullopt});
    }
  }
}

template <class Row>
Status keep(Result<Row> row, Table<std::string, Row>& table, std::string_view key) {
  if (!row) return fail(row.error());
  table.edit(std::string(key)) = std::move(*row);
  return {};
}

}  // namespace

bool same_fact(const posture::Fact& a, const posture::Fact& b) { return a.value == b.value && a.source == b.source; }

Status Registry::load(const Store& store) {
  // Rows come by key, so that an endpoint's facts stand together.
  posture::FactMap facts;
  const Endpoint* of = nullptr;
  const auto facts_end = [&] {
    if (of != nullptr) postures.load_facts(of->slot(), facts);
    facts.clear();
    of = nullptr;
  };
  const auto ok = store.load([&, this](TableId table, std::string_view key, std::string_view value) -> Status {
    Status done;
    const std::string name(key);
    switch (table) {
      case TableId::kMeta: meta.edit(name) = value; break;
      case TableId::kTags: {
        auto tag = codec::read_tag_row(value);
        if (tag) tags.edit(tag->id) = *tag;
        if (!tag) done = fail(tag.error());
        break;
      }
      case TableId::kProfiles: done = keep(codec::read_profile_row(value), profiles, key); break;
      case TableId::kInvitations: done = keep(codec::read_invitation_row(value), invitations, key); break;
      case TableId::kEndpoints: {
        auto& e = endpoints.edit(EndpointUid(name));
        e.uid = EndpointUid(name);
        place(e, Now{});
        done = codec::read_endpoint_row(value, e);
        break;
      }
      case TableId::kEndpointState: {
        auto* e = endpoints.quietly(EndpointUid(name));
        posture::TagSets given;
        done = e == nullptr ? Status(fail(ErrorCode::kDataLoss, "no such endpoint"))
                            : codec::read_endpoint_state_row(value, *e, given);
        if (done) postures.load_tags(e->slot(), given);
        break;
      }
      case TableId::kFacts: {
        const auto slash = key.find('/');
        auto* e = slash == key.npos ? nullptr : endpoints.quietly(EndpointUid(name.substr(0, slash)));
        if (e == nullptr) {
          done = fail(ErrorCode::kDataLoss, "no such endpoint");
          break;
        }
        auto fact = codec::read_fact_row(value);
        if (of != e) facts_end();
        of = e;
        if (fact) facts.insert_or_assign(name.substr(slash + 1), std::move(*fact));
        if (!fact) done = fail(fact.error());
        break;
      }
      case TableId::kInventories: break;
      case TableId::kDevices: {
        auto device = codec::read_device_row(value);
        if (device) devices.edit(GatewaySerial(name)) = *device;
        if (!device) done = fail(device.error());
        break;
      }
      case TableId::kAdministrators: done = keep(codec::read_administrator_row(value), administrators, key); break;
      case TableId::kApiTokens: done = keep(codec::read_api_token_row(value), tokens, key); break;
      case TableId::kServerCertificates:
        done = keep(codec::read_server_certificate_row(value), certificates, key);
        break;
      case TableId::kFeeds: done = keep(codec::read_feed_row(value), feeds, key); break;
      case TableId::kRisks: done = keep(codec::read_risk_row(value), risks, key); break;
    }
    if (!done) {
      return fail(ErrorCode::kDataLoss,
                  fmt::format("table {}, row {}: {}; restore the database from a backup", table_name(table), key,
                              done.error().message));
    }
    return {};
  });
  facts_end();
  if (ok) commit();
  return ok;
}

void Registry::tags_loaded() {
  const auto both = [&](const posture::SlotSet& set) {
    std::size_t out = 0;
    for (std::size_t i = 0; i < set.word_count(); ++i)
      out += static_cast<std::size_t>(std::popcount(set.word(i) & registered().word(i)));
    return out;
  };
  postures.loaded([&](posture::TagId id, const posture::SlotSet& has, const posture::SlotSet& unknown) {
    tag_counts_[id] = {both(has), both(unknown)};
  });
}

void Registry::place(Endpoint& e, Now now) {
  e.in_table = EndpointPosture(postures, postures.add(now));
  if (e.slot() >= by_slot_.size()) by_slot_.resize(e.slot() + 1u);
  by_slot_[e.slot()] = &e;
}

Endpoint& Registry::edit_or_add(const EndpointUid& uid, Now now) {
  const bool fresh = endpoints.find(uid) == nullptr;
  auto& e = endpoints.edit(uid);
  e.uid = uid;
  if (fresh) place(e, now);
  return e;
}

void Registry::erase_endpoint(const EndpointUid& uid) {
  const auto* e = endpoints.find(uid);
  if (e == nullptr) return;
  by_slot_[e->slot()] = nullptr;
  const auto it = endpoints.before().find(uid);
  if (it != endpoints.before().end() && !it->second) postures.remove(e->slot());  // it was never committed
  endpoints.erase(uid);
}

Batch Registry::batch(WallTime at) const {
  Batch out;
  out.at = at;
  const auto same = [](const std::string& key) { return key; };
  const auto logged = [&out](std::string kind) {
    return [&out, kind = std::move(kind)](const std::string& key, const void* before, const void* after) {
      out.changes.push_back({kind, key, event(before, after), ""});
    };
  };
  const auto silent = [](const auto&, const auto*, const auto*) {};
  add_rows(out, TableId::kMeta, meta, same, [](const std::string& v) { return v; }, silent);
  add_rows(out, TableId::kTags, tags, [](posture::TagId id) { return std::to_string(id); }, codec::tag_row,
           [this, &out](posture::TagId id, const Tag* before, const Tag* after) {
             // Under the name it has now; what it was goes along, to look back.
             const auto& name = (after != nullptr ? after : before)->definition.name.str();
             // From endpoints it is taken in this batch or later ones: those it is committed for had it.
             auto what = after == nullptr ? removed_tag_event(index_.given(id).endpoints) : event(before, after);
             out.changes.push_back({std::string(kTagChange), name, std::move(what), before == nullptr ? "" : codec::tag_row(*before)});
           });
  add_rows(out, TableId::kProfiles, profiles, same, codec::profile_row, logged("profile"));
  add_rows(out, TableId::kInvitations, invitations, same, codec::invitation_row, logged("invitation"));
  const auto tag_name = [this](posture::TagId id) {
    if (id == posture::kAllRegisteredClientsId) return std::string(posture::kAllRegisteredClients);
    if (const auto* tag = tags.find(id)) return tag->definition.name.str();
    const auto it = tags.before().find(id);
    if (it != tags.before().end() && it->second) return it->second->definition.name.str();
    return std::to_string(id);
  };
  for (const auto& [uid, before] : endpoints.before()) {
    const Endpoint* was = before ? &*before : nullptr;
    const Endpoint* is = endpoints.find(uid);
    if (was == nullptr && is == nullptr) continue;
    const auto row = [&, &uid = uid](TableId table, const auto& make) {  // named: clang 14 asks for it
      if (is == nullptr) {
        out.rows.push_back({table, uid.str(), std::nullopt});
      } else if (auto text = make(*is); was == nullptr || make(*was) != text ||
                                        (table == TableId::kEndpointState && restamped_.contains(uid))) {
        out.rows.push_back({table, uid.str(), std::move(text)});
      }
    };
    row(TableId::kEndpoints, codec::endpoint_row);
    if (is != nullptr) {
      const auto tags = postures.tags(is->slot());
      const auto before_tags = postures.tags_before(is->slot(), tags);
      row(TableId::kEndpointState,
          [&](const Endpoint& e) { return codec::endpoint_state_row(e, &e == was ? before_tags : tags); });
    } else {
      out.rows.push_back({TableId::kEndpointState, uid.str(), std::nullopt});
    }
    const Endpoint& one = is != nullptr ? *is : *was;
    add_fact_rows(out, one, is == nullptr, postures);
    for (auto& change : endpoint_changes(was, is, postures.before(one.slot()), tag_name)) {
      out.changes.push_back(std::move(change));
    }
  }
  for (const auto& uid : restamped_) {
    const auto* e = endpoints.find(uid);
    if (e == nullptr || endpoints.before().contains(uid)) continue;
    out.rows.push_back({TableId::kEndpointState, uid.str(), codec::endpoint_state_row(*e, e->tags())});
  }
  std::map<Sha256, std::ptrdiff_t> uses;
  for (const auto& [uid, before] : endpoints.before()) {
    const Endpoint* is = endpoints.find(uid);
    if (before && before->inventory) --uses[*before->inventory];
    if (is != nullptr && is->inventory) ++uses[*is->inventory];
  }
  for (const auto& [key, before] : inventories.before()) {
    if (const auto* text = inventories.find(key)) out.rows.push_back({TableId::kInventories, key, *text});
  }
  for (const auto& [hash, change] : uses) {
    const auto now = static_cast<std::ptrdiff_t>(index_.inventory_uses(hash)) + change;
    if (now == 0 && change < 0) out.rows.push_back({TableId::kInventories, to_hex_lower(hash), std::nullopt});
  }
  add_rows(out, TableId::kDevices, devices, [](const GatewaySerial& s) { return s.str(); }, codec::device_row,
           [&out](const GatewaySerial& serial, const FabricDevice* before, const FabricDevice* after) {
             std::string what = event(before, after);
             if (before != nullptr && after != nullptr && before->state != after->state) {
               what = fmt::format(R"({{"event":"{}"}})", device_state_name(after->state));
             }
             out.changes.push_back({"fabric_device", serial.str(), std::move(what), ""});
           });
  add_rows(out, TableId::kAdministrators, administrators, same, codec::administrator_row, logged("administrator"));
  add_rows(out, TableId::kApiTokens, tokens, same, codec::api_token_row, logged("api_token"));
  add_rows(out, TableId::kServerCertificates, certificates, same, codec::server_certificate_row,
           logged("server_certificate"));
  add_rows(out, TableId::kFeeds, feeds, same, codec::feed_row, logged("feed"));
  add_rows(out, TableId::kRisks, risks, same, codec::risk_row, logged("risk"));
  return out;
}

void Registry::commit() {
  for (const auto& [uid, before] : endpoints.before()) {
    const Endpoint* is = endpoints.find(uid);
    if (before) index_.remove(*before, postures.fact_before(before->slot(), posture::keys::kRoutes));
    if (is != nullptr) index_.add(*is, is->fact(posture::keys::kRoutes));
    count_tags(before ? &*before : nullptr, is);
    if (before && is == nullptr) postures.remove(before->slot());
  }
  postures.commit();
  endpoints.commit();
  restamped_.clear();
  // Their texts are in the store now.
  std::vector<std::string> kept;
  for (const auto& [key, text] : inventories.all()) kept.push_back(key);
  for (const auto& key : kept) inventories.erase(key);
  inventories.commit();
  meta.commit();
  tags.commit();
  profiles.commit();
  invitations.commit();
  devices.commit();
  administrators.commit();
  tokens.commit();
  certificates.commit();
  feeds.commit();
  risks.commit();
}

void Registry::rollback(Now now) {
  std::vector<EndpointUid> back;
  for (const auto& [uid, before] : endpoints.before()) {
    back.push_back(uid);
    const Endpoint* is = endpoints.find(uid);
    if (before || is == nullptr) continue;
    by_slot_[is->slot()] = nullptr;
    postures.remove(is->slot());
  }
  postures.rollback(now);
  meta.rollback();
  tags.rollback();
  profiles.rollback();
  invitations.rollback();
  endpoints.rollback();
  for (const auto& uid : back) {
    if (const Endpoint* e = endpoints.find(uid)) by_slot_[e->slot()] = e;
  }
  devices.rollback();
  administrators.rollback();
  tokens.rollback();
  certificates.rollback();
  feeds.rollback();
  risks.rollback();
  inventories.rollback();
  restamped_.clear();
}

std::size_t Registry::touched() const {
  return meta.before().size() + tags.before().size() + profiles.before().size() + invitations.before().size() +
         endpoints.before().size() + devices.before().size() + administrators.before().size() + tokens.before().size() +
         certificates.before().size() + feeds.before().size() + risks.before().size() + inventories.before().size() + restamped_.size();
}

void Registry::count_tags(const Endpoint* before, const Endpoint* after) {
  const auto count = [this](posture::TagId id, posture::TagState state, int sign) {
    if (state == posture::TagState::kAbsent) return;
    auto& counts = tag_counts_[id];
    (state == posture::TagState::kHas ? counts.has : counts.unknown) += static_cast<std::size_t>(sign);
  };
  const auto count_all = [&](const posture::TagSets& tags, int sign) {
    for (const auto id : tags.has()) count(id, posture::TagState::kHas, sign);
    for (const auto id : tags.unknown()) count(id, posture::TagState::kUnknown, sign);
  };
  const bool was = before != nullptr && before->registered(), is = after != nullptr && after->registered();
  if (was && is) {
    for (const auto& [id, state] : postures.before(after->slot()).tags) {
      count(id, state, -1);
      count(id, after->tag(id), +1);
    }
  } else if (was) {
    count_all(postures.tags_before(before->slot()), -1);
  } else if (is) {
    count_all(after->tags(), +1);
  }
}

Registry::TagCounts Registry::tag_counts(posture::TagId id) const {
  const auto it = tag_counts_.find(id);
  return it == tag_counts_.end() ? TagCounts{} : it->second;
}

bool Registry::has_inventory(const Sha256& hash) const {
  return index_.inventory_uses(hash) > 0 || inventories.find(to_hex_lower(hash)) != nullptr;
}

bool Registry::classifies(posture::TagId id) const {
  if (index_.given(id).endpoints > 0) return true;
  return std::ranges::any_of(endpoints.before(), [&](const auto& one) {
    const auto* e = endpoints.find(one.first);
    return e != nullptr && std::ranges::binary_search(e->classifications, id);
  });
}

Registry::Given Registry::given_by_hand(posture::TagId id) const {
  Given out = index_.given(id);
  const auto has = [id](const Endpoint& e) { return std::ranges::binary_search(e.classifications, id); };
  for (const auto& [uid, before] : endpoints.before()) {
    const auto* now = endpoints.find(uid);
    if (now != nullptr && has(*now)) out.add(uid);
    if (before && has(*before)) out.remove(uid);
  }
  return out;
}

const Endpoint* Registry::by_key(const Sha256& key) const {
  if (const auto* uid = index_.by_key(key)) {
    if (const auto* e = endpoints.find(*uid)) return e;
  }
  for (const auto& [uid, before] : endpoints.before()) {
    const auto* e = endpoints.find(uid);
    if (e == nullptr) continue;
    for (const auto& c : e->certificates) {
      if (c.key_sha256 == key) return e;
    }
  }
  return nullptr;
}

}  // namespace postern::ems
