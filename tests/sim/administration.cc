// What administrators do. Each request is remembered with what came of it: what was confirmed has to last.
#include "posture/tag_json.h"
#include "simulation.h"

namespace postern::sim {
namespace {

const ems::Actor kAdmin{"admin", "10.0.3.3"};

}  // namespace

AgentNode* Simulation::registered_agent() {
  auto& agent = *world_.dice.pick(agents_);
  return ems_->up() && agent.registered() && ems_->core().endpoint(agent.uid()) != nullptr ? &agent : nullptr;
}

void Simulation::give_invitation() {
  ems_->core().create_invitation(ems_->now(), kAdmin, Seconds(360 * 24 * 3600), 100'000, "",
                                 [this](Result<ems::EmsCore::InvitationMade> made) {
                                   if (!made) return;
                                   for (auto& agent : agents_) agent->invitation = made->code;
                                 });
  ems_->went_on();
}

void Simulation::quarantine() {
  auto* agent = registered_agent();
  if (agent == nullptr) return;
  auto* e = &world_.ledger.endpoints[agent->uid()];
  const auto request = e->quarantined.ask(true);
  world_.journal.note(Kind::kQuarantined, "{}", agent->name());
  ems_->core().quarantine(ems_->now(), kAdmin, agent->uid(), "seen on the wrong network",
                          [this, e, request](Status done) {
                            if (!done) return e->quarantined.refused(request);
                            e->quarantined.confirmed(request);
                            if (!e->quarantined_since && !e->quarantined.allows(false))
                              e->quarantined_since = world_.mono();
                          });
  ems_->went_on();
}

void Simulation::unquarantine(const EndpointUid& uid) {
  auto* e = &world_.ledger.endpoints[uid];
  const auto request = e->quarantined.ask(false);
  e->quarantined_since.reset();
  ems_->core().unquarantine(ems_->now(), kAdmin, uid, [e, request](Status done) {
    if (done) {
      e->quarantined.confirmed(request);
    } else {
      e->quarantined.refused(request);
    }
  });
}

void Simulation::release() {
  auto* agent = registered_agent();
  if (agent == nullptr || !ems_->core().endpoint(agent->uid())->quarantined) return;
  world_.journal.note(Kind::kReleased, "{}", agent->name());
  // Also its earlier registrations, which the EMS may release along with it.
  std::vector<EndpointUid> all;
  for (const auto& [uid, e] : world_.ledger.endpoints) {
    if (const auto* endpoint = ems_->core().endpoint(uid); endpoint != nullptr && endpoint->quarantined)
      all.push_back(uid);
  }
  for (const auto& uid : all) unquarantine(uid);
  ems_->went_on();
}

void Simulation::end_registration() {
  auto* agent = registered_agent();
  if (agent == nullptr) return;
  auto* e = &world_.ledger.endpoints[agent->uid()];
  const bool revoke = world_.dice.chance(50);
  const auto request = e->fate.ask(revoke ? Fate::kRevoked : Fate::kDeregistered);
  world_.journal.note(revoke ? Kind::kRevoked : Kind::kDeregistered, "{}", agent->name());
  const auto done = [this, e, request](Status s) {
    if (!s) return e->fate.refused(request);
    e->fate.confirmed(request);
    if (!e->out_since) e->out_since = world_.mono();
  };
  if (revoke) {
    ems_->core().revoke_certificates(ems_->now(), kAdmin, agent->uid(), done);
  } else {
    ems_->core().deregister(ems_->now(), kAdmin, agent->uid(), done);
  }
  ems_->went_on();
}

void Simulation::remove_endpoint() {
  if (!ems_->up()) return;
  std::vector<EndpointUid> gone;
  for (const auto& [uid, e] : world_.ledger.endpoints) {
    const auto* endpoint = ems_->core().endpoint(uid);
    if (endpoint != nullptr && !endpoint->registered()) gone.push_back(uid);
  }
  if (gone.empty()) return;
  const auto uid = world_.dice.pick(gone);
  auto* e = &world_.ledger.endpoints[uid];
  const auto request = e->fate.ask(Fate::kRemoved);
  world_.journal.note(Kind::kEndpointRemoved, "{}", uid.str());
  ems_->core().remove_endpoint(ems_->now(), kAdmin, uid, [e, request](Status done) {
    if (done) {
      e->fate.confirmed(request);
    } else {
      e->fate.refused(request);
    }
  });
  ems_->went_on();
}

// ---- tags

void Simulation::save_tag() {
  if (!ems_->up()) return;
  const auto model = TagModel::roll(world_.dice, tag_name());
  auto definition = posture::parse_tag_json(model.json());
  if (!definition) return world_.journal.violation("{}: {}", model.json(), definition.error().message);
  const auto json = posture::print_tag_json(*definition);
  models_[json] = model;
  auto* promise = &world_.ledger.tags.try_emplace(model.name).first->second;
  const auto request = promise->ask(json);
  world_.journal.note(Kind::kTagSaved, "{}", json);
  ems_->core().save_tag(ems_->now(), kAdmin, model.name, *definition, false,
                        [promise, request](Result<posture::TagId> done) {
                          if (done) {
                            promise->confirmed(request);
                          } else {
                            promise->refused(request);
                          }
                        });
  ems_->went_on();
}

void Simulation::rename_tag() {
  if (!ems_->up()) return;
  const auto from = tag_name(), to = tag_name();
  const auto* tag = ems_->core().tag(from);
  if (tag == nullptr || from == to || ems_->core().tag(to) != nullptr) return;
  auto model = models_.at(posture::print_tag_json(tag->definition));
  model.name = to;
  const auto definition = *posture::parse_tag_json(model.json());
  const auto json = posture::print_tag_json(definition);
  models_[json] = model;
  auto* old_name = &world_.ledger.tags.try_emplace(from).first->second;
  auto* new_name = &world_.ledger.tags.try_emplace(to).first->second;
  const auto gone = old_name->ask(""), made = new_name->ask(json);
  world_.journal.note(Kind::kTagRenamed, "{} to {}", from, to);
  ems_->core().save_tag(ems_->now(), kAdmin, from, definition, false,
                        [old_name, new_name, gone, made](Result<posture::TagId> done) {
                          if (done) {
                            old_name->confirmed(gone);
                            new_name->confirmed(made);
                          } else {
                            old_name->refused(gone);
                            new_name->refused(made);
                          }
                        });
  ems_->went_on();
}

void Simulation::delete_tag() {
  if (!ems_->up()) return;
  const auto name = tag_name();
  if (ems_->core().tag(name) == nullptr) return;
  auto* promise = &world_.ledger.tags.try_emplace(name).first->second;
  const auto request = promise->ask("");
  world_.journal.note(Kind::kTagDeleted, "{}", name);
  ems_->core().delete_tag(ems_->now(), kAdmin, name, [promise, request](Status done) {
    if (done) {
      promise->confirmed(request);
    } else {
      promise->refused(request);
    }
  });
  ems_->went_on();
}

// ---- fabric devices

void Simulation::change_sharing() {
  if (!ems_->up()) return;
  const auto index = world_.dice.below(gateways_.size());
  const auto& serial = gateways_[index]->serial();
  const auto& other = gateways_[1 - index]->serial();
  if (!ems_->core().fabric_device(serial)) return;
  ems::EmsCore::DeviceChange change;
  change.endpoint_sharing = static_cast<ems::EndpointSharing>(world_.dice.below(3));
  if (ems_->core().fabric_device(other)) change.selected = std::vector{other};
  change.tag_kinds = std::vector{posture::TagKind::kSecurity};
  if (world_.dice.chance(50)) change.tag_kinds->push_back(posture::TagKind::kClassification);
  auto* promise = &world_.ledger.devices[serial].sharing;
  const auto request = promise->ask(static_cast<int>(*change.endpoint_sharing));
  world_.journal.note(Kind::kSharingChanged, "{}: {}", serial.str(),
                      ems::endpoint_sharing_name(*change.endpoint_sharing));
  ems_->core().change_device(ems_->now(), kAdmin, serial, change, [promise, request](Status done) {
    if (done) {
      promise->confirmed(request);
    } else {
      promise->refused(request);
    }
  });
  ems_->went_on();
}

void Simulation::authorise(const GatewayNode& gateway) {
  if (!ems_->up() || !ems_->core().fabric_device(gateway.serial())) return;
  ems::EmsCore::DeviceChange change;
  change.authorized = true;
  change.expected_key = gateway.identity().key.public_key_sha256();
  auto* promise = &world_.ledger.devices[gateway.serial()].authorised;
  const auto request = promise->ask(true);
  world_.journal.note(Kind::kDeviceAuthorised, "{}", gateway.name());
  ems_->core().change_device(ems_->now(), kAdmin, gateway.serial(), change, [this, promise, request](Status done) {
    if (done) {
      promise->confirmed(request);
    } else {
      world_.journal.say("not authorised: {}", done.error().message);
      promise->refused(request);
    }
  });
  ems_->went_on();
}

void Simulation::authorise() { authorise(*world_.dice.pick(gateways_)); }

void Simulation::unauthorise() {
  const auto& gateway = *world_.dice.pick(gateways_);
  if (!ems_->up() || !ems_->core().fabric_device(gateway.serial())) return;
  ems::EmsCore::DeviceChange change;
  change.authorized = false;
  auto* promise = &world_.ledger.devices[gateway.serial()].authorised;
  const auto request = promise->ask(false);
  world_.journal.note(Kind::kDeviceUnauthorised, "{}", gateway.name());
  ems_->core().change_device(ems_->now(), kAdmin, gateway.serial(), change, [promise, request](Status done) {
    if (done) {
      promise->confirmed(request);
    } else {
      promise->refused(request);
    }
  });
  ems_->went_on();
  world_.timeline.after(world_.dice.between(std::chrono::milliseconds(10), std::chrono::seconds(20)),
                        [this, &gateway] { authorise(gateway); });
}

void Simulation::remove_device() {
  const auto& gateway = *world_.dice.pick(gateways_);
  if (!ems_->up() || !ems_->core().fabric_device(gateway.serial())) return;
  auto* device = &world_.ledger.devices[gateway.serial()];
  const auto authorised = device->authorised.ask(false);
  const auto sharing = device->sharing.ask(0);
  world_.journal.note(Kind::kDeviceRemoved, "{}", gateway.name());
  ems_->core().remove_device(ems_->now(), kAdmin, gateway.serial(), [device, authorised, sharing](Status done) {
    if (done) {
      device->authorised.confirmed(authorised);
      device->sharing.confirmed(sharing);
    } else {
      device->authorised.refused(authorised);
      device->sharing.refused(sharing);
    }
  });
  ems_->went_on();
  world_.timeline.after(world_.dice.between(std::chrono::seconds(6), std::chrono::seconds(20)),
                        [this, &gateway] { authorise(gateway); });
}

}  // namespace postern::sim
