// A core that takes changes up in turns beside one that takes them up at once, by the same words: at rest they hold the same, and until
// then the first grants nothing that the second has not granted since they last did.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "gateway/core/gateway_core.h"
#include "proto/deflate.h"
#include "wire/fabric.pb.h"

namespace postern::gateway {
namespace {

constexpr int kEndpoints = 7;
constexpr ConnectorId kEmss = 2;
const MacAddress kOurs = *MacAddress::parse("02:09:0f:00:01:01");

std::string raw(const IpAddress& ip) { return std::string(ip.bytes().begin(), ip.bytes().begin() + 4); }
std::string raw(const MacAddress& mac) { return std::string(mac.bytes().begin(), mac.bytes().end()); }
IpAddress address(ConnectorId ems, int i) { return *IpAddress::parse(fmt::format("10.0.{}.{}", ems, 10 + i)); }
MacAddress mac(ConnectorId ems, int i) { return *MacAddress::parse(fmt::format("02:09:0f:00:{:02x}:{:02x}", 16 + ems, i)); }
std::vector<LocalInterface> interfaces(bool second) {
  std::vector<LocalInterface> out{{"port1", kOurs, {{*IpAddress::parse("10.0.1.1"), 24}}}};
  if (second) out[0].addresses.push_back({*IpAddress::parse("10.0.2.1"), 24});
  return out;
}

/// What one core holds, and what the world around it answers: who has an address never changes.
struct Side {
  explicit Side(std::size_t at_once) : core({GatewaySerial("PGW0123456789ABC"), "gw", "0.1", ""}, random) {
    core.set_at_once(at_once);
    core.set_interfaces(interfaces(true));
  }
  SeededRandom random{7};
  GatewayCore core;
  std::map<ConnectorId, std::vector<std::uint64_t>> pings;
  std::map<Sha256, Slot> slots;               // as told
  std::map<IpAddress, AddressState> addresses;  // likewise
  std::map<ConnectorId, MonoTime> valid;        // likewise

  void carry_out() {
    for (auto actions = core.take_actions(); !actions.empty(); actions = core.take_actions()) {
      for (auto& action : actions) {
        if (auto* ask = std::get_if<act::AskNeighbour>(&action)) {
          const auto& b = ask->key.ip.bytes();
          core.set_neighbour(ask->key, {Neighbour::State::kPresent, mac(b[2], b[3] - 10)});
        } else if (auto* send = std::get_if<act::Send>(&action)) {
          wire::FabricFrame frame;
          ASSERT_TRUE(frame.ParseFromArray(send->bytes.data(), static_cast<int>(send->bytes.size())));
          if (frame.has_ping()) pings[send->id].push_back(frame.ping().id());
        } else if (auto* slot = std::get_if<act::SlotUpsert>(&action)) {
          slots[slot->slot.leaf] = slot->slot;
        } else if (auto* gone = std::get_if<act::SlotRemove>(&action)) {
          slots.erase(gone->leaf);
        } else if (auto* at = std::get_if<act::AddressUpsert>(&action)) {
          addresses[at->state.ip] = at->state;
        } else if (auto* nobodys = std::get_if<act::AddressRemove>(&action)) {
          addresses.erase(nobodys->ip);
        } else if (auto* valid_until = std::get_if<act::ConnectorValid>(&action)) {
          valid[valid_until->id] = valid_until->until;
        }
      }
    }
  }
  /// What is let through, by what it is known to have or not to have: by name, as bits are each core's own.
  std::set<std::string> granted(MonoTime now) const {
    std::set<std::string> out;
    // Of another EMS's tags a record says nothing, so they are as if it had come later.
    const auto by_tags = [&](const std::string& who, const RecordKey& owner, const TagBits& tags, const TagBits& known) {
      out.insert(who);
      for (const auto& [name, tag] : core.tags().entries()) {
        if (tag.connector != owner.connector) continue;
        if (tags[tag.bit]) out.insert(who + " with " + name);
        if (!tags[tag.bit] && (known[tag.bit] || (tag.info && tag.info->on_unknown_ignore))) out.insert(who + " without " + name);
      }
    };
    for (const auto& [leaf, slot] : slots) {
      const auto until = valid.find(slot.owner.connector);
      if (until == valid.end() || now >= until->second) continue;
      if (!slot.online || !slot.registered || slot.quarantined || slot.blocked) continue;
      by_tags(fmt::format("{} of {}", int(leaf[0]), slot.owner.connector), slot.owner, slot.tags, ~slot.unknown);
    }
    for (const auto& [ip, at] : addresses) {
      by_tags(fmt::format("{} {} of {}", ip.str(), at.mac.str(), at.owner.uid.str()), at.owner, at.tags, at.known);
    }
    return out;
  }
};

/// An EMS, to both.
struct Ems {
  ConnectorId id = 1;
  std::uint64_t revision = 1;
  proto::View view;
  bool up = false;
};

class Turns {
 public:
  explicit Turns(std::uint64_t seed) : random_(seed), slow_(1 + seed % 3), fast_(1'000'000) {
    for (ConnectorId id = 1; id <= kEmss; ++id) emss_[id - 1].id = id;
    both([&](Side& side) {
      side.core.set_policy_tags({"EMS1_ZTNA_a", "EMS2_ZTNA_b", "user"});
      configure(side);
    });
    rest();
  }

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      step();
      check();
      for (auto turns = below(3); turns > 0; --turns) {
        slow_.core.go_on(clock_.now());
        slow_.carry_out();
        check();
      }
      if (below(6) == 0) rest();
    }
    rest();
  }
  std::string journal;

 private:
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  template <class Work>
  void both(const Work& work) {
    work(fast_);
    fast_.carry_out();
    work(slow_);
    slow_.carry_out();
    const auto now = fast_.granted(clock_.now().mono);
    since_rest_.insert(now.begin(), now.end());
  }
  void configure(Side& side) {
    std::vector<ConnectorSettings> settings;
    for (const auto& ems : emss_) {
      if (!gone_.contains(ems.id)) settings.push_back({ems.id, true, "E", fmt::format("10.9.0.{}", ems.id), 443, Seconds(60), {}, {}});
    }
    side.core.set_connectors(clock_.now(), settings);
    for (const auto& s : settings) side.core.set_trusted(clock_.now(), s.id, true);
  }
  void send(const Ems& ems, const wire::FabricFrame& frame) {
    const auto text = frame.SerializeAsString();
    both([&](Side& side) { side.core.on_frame(clock_.now(), ems.id, as_bytes(text)); });
  }

  wire::ViewEntry entry(const Ems& ems, int i) {
    wire::ViewEntry e;
    auto& r = *e.mutable_record();
    r.set_uid(uid(ems.id, i));
    r.set_online(below(6) != 0);
    r.set_registered(true);
    r.set_quarantined(below(6) == 0);
    r.set_blocked(below(9) == 0);
    r.set_last_login_user(below(2) ? "ann" : "bob");
    // Somebody else's address at times, which the network denies.
    const int at = below(4) == 0 ? static_cast<int>(below(kEndpoints)) : i;
    if (below(3) != 0) r.set_public_ip(raw(address(ems.id, i)));
    auto& c = *r.add_certificates();
    c.set_sha256(std::string(32, static_cast<char>(16 * ems.id + i)));
    c.set_serial("1");
    c.set_not_after_ms(4'000'000'000'000);
    auto& f = *r.add_interfaces();
    f.set_name("eth0");
    f.set_up(true);
    f.set_mac(raw(mac(ems.id, i)));
    f.add_addresses(raw(address(ems.id, at)));
    auto& route = *r.add_routes();
    route.set_interface("eth0");
    route.set_gateway_mac(raw(kOurs));
    for (const auto& [id, info] : ems.view.tags()) {
      if (const auto is = below(3); is != 0) is == 1 ? r.add_tags(id) : r.add_unknown_tags(id);
    }
    e.set_share_connected(below(8) != 0);
    e.set_asked(below(3) == 0);
    return e;
  }
  static std::string uid(ConnectorId ems, int i) { return fmt::format("9A016B5A6E914B42AD4168C066EB{:02X}{:02X}", ems, i); }

  wire::TagInfo tag(std::uint32_t id) {
    wire::TagInfo t;
    t.set_id(id);
    t.set_name(std::string(1, static_cast<char>('a' + below(4))));
    t.set_kind("security");
    t.set_on_unknown_ignore(below(4) == 0);
    return t;
  }
  bool named(const Ems& ems, const std::string& name) const {
    return std::any_of(ems.view.tags().begin(), ems.view.tags().end(), [&](const auto& t) { return decode_tag(t.second)->name.str() == name; });
  }
  /// An EMS's tags change; of records nobody keeps the number of one that is no more.
  void change_tags(Ems& ems, wire::Delta* delta) {
    const auto id = static_cast<std::uint32_t>(1 + below(3));
    auto t = tag(id);
    const auto held = ems.view.tags().find(id);
    const bool same = held != ems.view.tags().end() && below(4) == 0;
    if (same) t.set_name(decode_tag(held->second)->name.str());  // perhaps ignored where it is unknown, or that no more
    if (same) {
      ems.view.upsert_tag(id, t.SerializeAsString());
      if (delta != nullptr) *delta->add_tag_upserts() = t;
    } else if (below(3) == 0 || named(ems, t.name())) {
      ems.view.remove_tag(id);
      if (delta != nullptr) delta->add_removed_tags(id);
    } else {
      ems.view.upsert_tag(id, t.SerializeAsString());
      if (delta != nullptr) *delta->add_tag_upserts() = t;
    }
    for (int i = 0; i < kEndpoints; ++i) {
      if (ems.view.find(EndpointUid(uid(ems.id, i))) != nullptr) put(ems, i, delta);
    }
  }
  void put(Ems& ems, int i, wire::Delta* delta) {
    const auto e = entry(ems, i).SerializeAsString();
    ems.view.upsert(EndpointUid(uid(ems.id, i)), e);
    if (delta != nullptr) delta->add_upserts(e);
  }
  void change_some(Ems& ems, wire::Delta* delta) {
    if (below(4) == 0) return change_tags(ems, delta);
    for (int i = 0; i < kEndpoints; ++i) {
      if (below(5) == 0 && ems.view.remove(EndpointUid(uid(ems.id, i)))) {
        if (delta != nullptr) delta->add_removed_uids(uid(ems.id, i));
      } else if (below(2) == 0) {
        put(ems, i, delta);
      }
    }
  }
  void delta(Ems& ems) {
    wire::FabricFrame f;
    auto& d = *f.mutable_delta();
    change_some(ems, &d);
    d.set_from_revision(ems.revision);
    d.set_to_revision(++ems.revision);
    d.set_count(static_cast<std::uint32_t>(ems.view.entries().size()));
    d.set_digest(std::string(as_text(ems.view.digest())));
    send(ems, f);
  }
  void snapshot(Ems& ems) {
    wire::FabricFrame f;
    auto& begin = *f.mutable_snapshot_begin();
    begin.set_epoch(1);
    begin.set_revision(++ems.revision);
    begin.set_count(static_cast<std::uint32_t>(ems.view.entries().size()));
    for (const auto& [id, info] : ems.view.tags()) begin.add_tags()->ParseFromString(info);
    send(ems, f);
    wire::ViewEntryList list;
    for (const auto& [uid, e] : ems.view.entries()) list.add_entries(e);
    f.mutable_snapshot_chunk()->set_zlib(proto::deflate_text(list.SerializeAsString()));
    send(ems, f);
    f.mutable_snapshot_end()->set_revision(ems.revision);
    f.mutable_snapshot_end()->set_digest(std::string(as_text(ems.view.digest())));
    send(ems, f);
  }
  void connect(Ems& ems) {
    both([&](Side& side) { side.core.on_connected(clock_.now(), ems.id); });
    wire::FabricFrame f;
    f.mutable_status()->set_state(wire::FabricStatus::AUTHORISED);
    f.mutable_status()->set_ems_serial(fmt::format("PSTEMS000000000{}", ems.id));
    send(ems, f);
    snapshot(ems);
  }
  void answer_pings() {
    for (auto& ems : emss_) {
      const auto answer = [&](Side& side) {
        for (const auto id : std::exchange(side.pings[ems.id], {})) {
          wire::FabricFrame f;
          f.mutable_pong()->set_id(id);
          side.core.on_frame(clock_.now(), ems.id, as_bytes(f.SerializeAsString()));
        }
      };
      both(answer);
    }
  }
  void pass(std::chrono::nanoseconds time) {
    clock_.advance(time);
    both([&](Side& side) { side.core.on_tick(clock_.now()); });
  }

  void step() {
    auto& ems = emss_[below(kEmss)];
    const auto what = below(16);
    // A record of before by a configuration of now was in neither state, nor the other way round: as if one had come a moment later.
    mixed_ = mixed_ || configured_;
    if (what >= 9 && what <= 11) {
      if (below(2)) rest();
      configured_ = true;
      mixed_ = mixed_ || slow_.core.unfinished();
    }
    switch (what) {
      case 0: case 1: case 2: case 3: case 4: return delta(ems);
      case 5: case 6: change_some(ems, nullptr); return snapshot(ems);
      case 7: return both([&](Side& side) { side.core.forget(clock_.now(), ems.id); });
      case 8: return connect(ems);
      case 9: {
        const bool second = below(2);
        return both([&](Side& side) { side.core.set_interfaces(interfaces(second)); });
      }
      case 10: {
        std::set<IpAddress> reserved;
        if (below(2)) reserved.insert(address(ems.id, static_cast<int>(below(kEndpoints))));
        return both([&](Side& side) { side.core.set_reserved(reserved); });
      }
      case 11: {
        const auto named = std::string("EMS1_ZTNA_") + static_cast<char>('a' + below(4));
        return both([&](Side& side) {
          side.core.set_policy_tags({named, "user"});
        });
      }
      case 12: {
        Sha256 leaf;
        leaf.fill(static_cast<std::uint8_t>(16 * ems.id + below(kEndpoints)));
        const int change = below(2) ? 1 : -1;
        return both([&](Side& side) { side.core.on_session(clock_.now(), leaf, {}, change); });
      }
      case 13: {
        if (below(3) != 0) return answer_pings();
        gone_.contains(ems.id) ? void(gone_.erase(ems.id)) : void(gone_.insert(ems.id));
        both([&](Side& side) { configure(side); });
        return connect(ems);
      }
      case 14: return pass(std::chrono::milliseconds(100 + below(2000)));
      case 15: return pass(below(4) == 0 ? std::chrono::seconds(61) : std::chrono::seconds(7));
    }
  }

  void check() {
    const auto now = clock_.now().mono;
    configured_ = configured_ && slow_.core.unfinished();
    for (const auto& one : mixed_ ? std::set<std::string>() : slow_.granted(now)) {
      EXPECT_TRUE(since_rest_.contains(one)) << one << " is granted by what waits";
    }
    for (const auto& [id, c] : slow_.core.connectors()) {
      const auto& other = fast_.core.connectors().at(id).valid_until;
      EXPECT_TRUE(!c.valid_until || (other && *c.valid_until < *other + GatewayCore::kRenewEvery)) << id;
    }
  }
  void rest() {
    journal += ". ";
    while (slow_.core.unfinished()) {
      slow_.core.go_on(clock_.now());
      slow_.carry_out();
      check();
    }
    const auto &a = slow_.core, &b = fast_.core;
    for (const auto& [id, c] : a.connectors()) {
      // What was lost before all that it had said was taken up, or was forgotten, counts when it is heard again.
      const auto& other = b.connectors().at(id);
      if (c.stale == other.stale) continue;
      EXPECT_TRUE(c.stale && (!c.client->synchronised() || !c.client->last_contact())) << id;
      return;
    }
    EXPECT_EQ(slow_.slots, a.slots());
    EXPECT_EQ(slow_.addresses, a.addresses());
    EXPECT_EQ(a.slots(), b.slots());
    EXPECT_EQ(a.addresses(), b.addresses());
    EXPECT_EQ(a.records().size(), b.records().size());
    EXPECT_EQ(a.resolver().pins(), b.resolver().pins());
    EXPECT_EQ(a.resolver().unanswered(), b.resolver().unanswered());
    for (const auto& [id, c] : a.connectors()) {
      EXPECT_EQ(c.client->asked(), b.connectors().at(id).client->asked()) << id;
      EXPECT_EQ(c.client->view().digest(), b.connectors().at(id).client->view().digest()) << id;
      for (const auto& [uid, e] : c.client->view().entries()) EXPECT_TRUE(a.records().contains({id, uid})) << uid.str();
    }
    since_rest_ = fast_.granted(clock_.now().mono);
    mixed_ = configured_ = false;
  }

  SeededRandom random_;
  ManualClock clock_;
  Side slow_, fast_;
  std::array<Ems, kEmss> emss_;
  std::set<ConnectorId> gone_;
  std::set<std::string> since_rest_;
  bool mixed_ = false, configured_ = false;
};

TEST(Turns, InTurnsNothingIsGrantedThatWouldNotBeAtOnceAndAtRestAllIsTheSame) {
  for (std::uint64_t seed = 1001; seed <= 1040 && !testing::Test::HasFailure(); ++seed) {
    Turns turns(seed);
    turns.run(120);
    if (testing::Test::HasFailure()) ADD_FAILURE() << "seed " << seed << ": " << turns.journal;
  }
}

}  // namespace
}  // namespace postern::gateway
