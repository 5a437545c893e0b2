// After the calm: the EMS, the gateways and the endpoints must say the same, and so must one that begins from nothing.
#include <algorithm>

#include "ems/sharing/record_builder.h"
#include "posture/fact_keys.h"
#include "posture/tag_json.h"
#include "simulation.h"
#include "wire/fabric.pb.h"

namespace postern::sim {
namespace {

/// The view that a gateway gets which knows nothing, from an EMS that begins anew from this store.
proto::View view_from_nothing(ems::MemoryStore store, const GatewayNode& gateway, Now now) {
  SeededRandom random(1);
  ems::EmsCore core(store, random, {});
  if (!core.start(now)) return {};
  proto::FabricClient client({gateway.serial(), gateway.name(), "simulated", ""}, random);
  std::vector<proto::FabricInterface> told;
  for (const auto& i : gateway.interfaces()) {
    proto::FabricInterface out{i.name, Bytes(i.mac.bytes().begin(), i.mac.bytes().end()), {}};
    for (const auto& a : i.addresses)
      out.addresses.push_back({Bytes(a.ip.bytes().begin(), a.ip.bytes().begin() + 4), a.prefix});
    told.push_back(std::move(out));
  }
  client.set_interfaces(std::move(told));
  for (const auto& uid : gateway.client().asked()) client.keep_asked(uid);
  client.enable(now);
  for (int round = 0; round < 50; ++round) {
    for (auto& action : client.take_actions()) {
      if (std::holds_alternative<proto::fabric::Connect>(action)) {
        core.fabric_opened(now, 1, {gateway.identity().certificate, false}, IpAddress::v4({10, 0, 0, 1}));
        client.on_connected(now);
      } else if (auto* send = std::get_if<proto::fabric::Send>(&action)) {
        core.fabric_frame(now, 1, send->bytes);
      }
    }
    core.flush(now);
    for (auto& action : core.take_actions()) {
      if (auto* send = std::get_if<ems::act::Send>(&action)) client.on_frame(now, send->bytes);
    }
  }
  return client.view();
}

/// What of a record tells two of them apart at a glance.
std::string flags_of(const std::string& entry) {
  wire::ViewEntry e;
  e.ParseFromString(entry);
  const auto& r = e.record();
  return fmt::format(
      "connected {} all {} selected {} asked {} registered {} online {} quarantined {} tags {} unknown {}",
      e.share_connected(), e.share_all(), e.share_selected(), e.asked(), r.registered(), r.online(), r.quarantined(),
      r.tags_size(), r.unknown_tags_size());
}

std::set<MacAddress> macs_of(const GatewayNode& gateway) {
  std::set<MacAddress> out;
  for (const auto& i : gateway.interfaces()) out.insert(i.mac);
  return out;
}

}  // namespace

void Simulation::check_agreement() {
  auto& journal = world_.journal;
  auto& core = ems_->core();

  // The EMS knows of each endpoint what is so, and judges it as it should.
  std::map<std::string, const TagModel*> tags;  // by name
  for (const auto* tag : core.tags()) {
    if (tag->id == posture::kAllRegisteredClientsId) continue;
    const auto json = posture::print_tag_json(tag->definition);
    const auto model = models_.find(json);
    const auto promised = world_.ledger.tags.find(tag->definition.name.str());
    if (model == models_.end() || promised == world_.ledger.tags.end() || !promised->second.allows(json)) {
      return journal.violation("tag {} is not what was saved: {}", tag->definition.name.str(), json);
    }
    tags.emplace(tag->definition.name.str(), &model->second);
  }
  std::map<EndpointUid, std::set<std::string>> should_have;
  for (const auto& agent : agents_) {
    const auto& e = *core.endpoint(agent->uid());
    posture::FactMap reported;
    for (const auto& [key, fact] : e.facts()) {
      if (!key.starts_with(posture::keys::kEmsPrefix)) reported.emplace(key, fact);
    }
    const auto& said = agent->client()->facts();
    const bool same = std::ranges::equal(reported, said, [](const auto& a, const auto& b) {
      return a.first == b.first && a.second.value == b.second.value;
    });
    if (!same) return journal.violation("the EMS's facts of {} are not those it reported", agent->name());
    auto& names = should_have[agent->uid()];
    names.insert(std::string(posture::kAllRegisteredClients));
    for (const auto& [name, model] : tags) {
      if (model->held_by(agent->posture)) names.insert(name);
    }
    std::set<std::string> has, told;
    for (const auto* tag : core.tags()) {
      const auto state = e.tag(tag->id);
      if (state == posture::TagState::kUnknown)
        return journal.violation("{} is unknown for {}", tag->definition.name.str(), agent->name());
      if (state == posture::TagState::kHas) has.insert(tag->definition.name.str());
    }
    for (const auto& tag : agent->client()->tags()) told.insert(tag.name);
    if (has != names)
      return journal.violation("{} has {} tags at the EMS where its posture gives it {}", agent->name(), has.size(),
                               names.size());
    if (told != names)
      return journal.violation("{} was told {} tags and has {}", agent->name(), told.size(), names.size());
  }

  for (const auto& gateway : gateways_) {
    const auto& view = gateway->client().view();
    const auto device = core.fabric_device(gateway->serial())->device;

    // One that begins from nothing gets the same.
    const auto fresh = view_from_nothing(ems_->store(), *gateway, ems_->now());
    for (const auto& [uid, entry] : fresh.entries()) {
      const auto* held = view.find(uid);
      if (held != nullptr && *held != entry)
        journal.say("{} holds another record of {}: {}, from nothing {}", gateway->name(), uid.str(), flags_of(*held),
                    flags_of(entry));
    }
    if (fresh.digest() != view.digest() || fresh.entries() != view.entries() || fresh.tags() != view.tags()) {
      return journal.violation(
          "{} holds {} endpoints and {} tags; one that begins from nothing gets {} and {}, or others; {} "
          "of them asked for, share mode {}",
          gateway->name(), view.entries().size(), view.tags().size(), fresh.entries().size(), fresh.tags().size(),
          gateway->client().asked().size(), ems::endpoint_sharing_name(device.endpoint_sharing));
    }

    // And so does arithmetic on what the EMS knows.
    std::map<EndpointUid, std::string> expected;
    struct Filter {
      ems::EmsCore* core;
      const ems::FabricDevice* device;
    } filter{&core, &device};
    const auto status = core.status();
    const ems::RecordContext context{status.serial, status.tenant,
                                     [](const void* c, posture::TagId id) {
                                       const auto* f = static_cast<const Filter*>(c);
                                       for (const auto* tag : f->core->tags()) {
                                         if (tag->id == id)
                                           return std::ranges::count(f->device->tag_kinds, tag->definition.kind) != 0;
                                       }
                                       return false;
                                     },
                                     &filter};
    ems::EndpointQuery everybody;
    everybody.limit = 10'000;
    const auto all = core.endpoints(everybody);
    for (const auto* e : all.items) {
      const auto list = e->known<std::vector<posture::Route>>(posture::keys::kRoutes);
      const auto behind = [&](const GatewayNode& g) {
        return list &&
               std::ranges::any_of(*list, [&](const auto& r) { return macs_of(g).contains(r.gateway_mac); });
      };
      ems::ShareReasons why;
      why.connected = behind(*gateway);
      why.all = device.endpoint_sharing == ems::EndpointSharing::kAll;
      if (device.endpoint_sharing == ems::EndpointSharing::kSelected) {
        for (const auto& other : gateways_) {
          if (std::ranges::count(device.selected, other->serial()) != 0) why.selected |= behind(*other);
        }
      }
      why.asked = gateway->client().asked().contains(e->uid);
      if (why.any()) expected.emplace(e->uid, ems::build_view_entry(*e, e->tags(), context, why));
    }
    if (expected != view.entries()) {
      return journal.violation("{} holds {} records; by what the EMS knows it should be {}, or others", gateway->name(),
                               view.entries().size(), expected.size());
    }

    // Slots carry the very tags, and whoever is behind the gateway is there and resolved.
    for (const auto& agent : agents_) {
      const auto slot = gateway->shared_slots().find(agent->leaf_sha256());
      const bool behind = agent->segment == static_cast<std::size_t>(&gateway - gateways_.data());
      if (slot == gateway->shared_slots().end()) {
        if (behind)
          return journal.violation("{} has no slot for {}, which is behind it", gateway->name(), agent->name());
        continue;
      }
      for (const auto& [name, entry] : gateway->core().tags().entries()) {
        const bool shared = entry.info.has_value();
        const bool has = shared && should_have[agent->uid()].contains(entry.info->name.str());
        if (slot->second.tags[entry.bit] != has || slot->second.unknown[entry.bit] != !shared) {
          return journal.violation("{}'s slot of {} is wrong about {}", gateway->name(), agent->name(), name);
        }
      }
      const auto& e = *core.endpoint(agent->uid());
      if (slot->second.quarantined != e.quarantined)
        return journal.violation("{}'s slot of {} is wrong about quarantine", gateway->name(), agent->name());
    }
    gateway->check_resolved();
    const auto resolved = gateway->core().addresses();
    for (const auto& agent : agents_) {
      const bool behind = agent->segment == static_cast<std::size_t>(&gateway - gateways_.data());
      const auto it = resolved.find(agent->ip);
      const bool in = it != resolved.end() && it->second.owner.uid == agent->uid();
      if (behind && in == core.endpoint(agent->uid())->quarantined) {
        return journal.violation("{} {} among {}'s resolved addresses", agent->name(), in ? "is" : "is not",
                                 gateway->name());
      }
    }
  }
}

}  // namespace postern::sim
