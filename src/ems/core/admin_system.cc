// Fabric devices, administrators, tokens and server certificates.
#include <algorithm>

#include "ems/core/impl.h"

namespace postern::ems {
namespace {

constexpr std::size_t kMaxSelected = 4;

Error no_device(const GatewaySerial& serial) {
  return {ErrorCode::kNotFound, "there is no fabric device " + serial.str()};
}

}  // namespace

void EmsCore::change_device(Now now, const Actor& actor, const GatewaySerial& serial, DeviceChange change,
                            DoneStatus done) {
  auto& registry = impl_->registry_;
  const auto* known = registry.devices.find(serial);
  const auto refuse = [&](ErrorCode code, std::string why) { impl_->refuse(std::move(done), {code, std::move(why)}); };
  if (known == nullptr) return impl_->refuse(std::move(done), no_device(serial));
  // The key that is authorised stays what it is, whoever else has offered one under this serial number meanwhile.
  const bool same_pin = change.expected_key && known->pinned_key == change.expected_key;
  if (change.authorized == true && change.expected_key && *change.expected_key != known->offered_key && !same_pin) {
    return refuse(ErrorCode::kConflict,
                  "the gateway shows another key now than the one you compared; look at it again");
  }
  if (change.alias && change.alias->size() > 255) return refuse(ErrorCode::kInvalidArgument, "the alias is too long");
  if (change.tag_kinds && std::ranges::count(*change.tag_kinds, posture::TagKind::kSecurity) == 0) {
    return refuse(ErrorCode::kInvalidArgument, "security posture tags are always shared");
  }
  if (change.selected) {
    if (change.selected->size() > kMaxSelected)
      return refuse(ErrorCode::kInvalidArgument, "at most four devices can be selected");
    for (const auto& other : *change.selected) {
      if (other == serial || registry.devices.find(other) == nullptr) {
        return refuse(ErrorCode::kInvalidArgument, "there is no other fabric device " + other.str());
      }
    }
  }
  auto& d = registry.devices.edit(serial);
  if (change.authorized) {
    d.state = *change.authorized ? DeviceState::kAuthorised : DeviceState::kDenied;
    if (*change.authorized) {
      if (!same_pin) d.pinned_key = d.offered_key;
      d.authorised_at = now.wall;
      d.authorised_by = actor.name;
    }
    impl_->audit(now, actor, *change.authorized ? "fabric_device.authorise" : "fabric_device.refuse", serial.str(),
                 "key SHA-256 " + to_hex_upper(same_pin ? *d.pinned_key : d.offered_key));
  }
  if (change.alias) d.alias = *change.alias;
  if (change.tag_kinds) d.tag_kinds = *change.tag_kinds;
  if (change.endpoint_sharing) d.endpoint_sharing = *change.endpoint_sharing;
  if (change.selected) d.selected = *change.selected;
  if (change.alias || change.tag_kinds || change.endpoint_sharing || change.selected) {
    impl_->audit(now, actor, "fabric_device.change", serial.str(),
                 "shares " + std::string(endpoint_sharing_name(d.endpoint_sharing)));
  }
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::remove_device(Now now, const Actor& actor, const GatewaySerial& serial, DoneStatus done) {
  auto& registry = impl_->registry_;
  if (registry.devices.find(serial) == nullptr) return impl_->refuse(std::move(done), no_device(serial));
  registry.devices.erase(serial);
  std::vector<SessionId> connected;
  for (const auto& [id, s] : impl_->gateways_) {
    if (s.serial == serial) connected.push_back(id);
  }
  for (const auto id : connected) {
    impl_->gateway_goodbye(id, "removed", Millis(5'000), "an administrator removed this fabric device from the EMS");
  }
  impl_->contacts_.erase(serial);
  impl_->audit(now, actor, "fabric_device.remove", serial.str());
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

namespace {

/// Would nobody be left who may change anything?
bool last_admin(const Registry& registry, const std::string& name) {
  return std::ranges::none_of(registry.administrators.all(), [&](const auto& row) {
    return row.first != name && row.second.role == AdministratorRole::kAdmin && !row.second.disabled;
  });
}

/// Returns how many there were.
std::size_t erase_tokens_of(Registry& registry, const std::string& user) {
  std::vector<std::string> theirs;
  for (const auto& [id, token] : registry.tokens.all()) {
    if (token.user == user) theirs.push_back(id);
  }
  for (const auto& id : theirs) registry.tokens.erase(id);
  return theirs.size();
}

constexpr std::string_view kLastAdmin =
    "this is the last administrator with the role admin who may sign in; make another one first";

}  // namespace

void EmsCore::save_administrator(Now now, const Actor& actor, Administrator administrator, DoneStatus done) {
  auto& registry = impl_->registry_;
  if (!valid_tag_name(administrator.name)) {
    return impl_->refuse(std::move(done),
                         {ErrorCode::kInvalidArgument,
                          "a name has 1 to 63 letters, digits, dots, hyphens, underscores or spaces inside"});
  }
  const auto* before = registry.administrators.find(administrator.name);
  const auto administers = [](const Administrator& a) { return a.role == AdministratorRole::kAdmin && !a.disabled; };
  if (before != nullptr && administers(*before) && !administers(administrator) &&
      last_admin(registry, administrator.name)) {
    return impl_->refuse(std::move(done), {ErrorCode::kConflict, std::string(kLastAdmin)});
  }
  std::string what;
  if (before != nullptr) {
    const auto add = [&](std::string_view text) { what += (what.empty() ? "" : ", ") + std::string(text); };
    if (before->password_hash != administrator.password_hash) {
      add("another password");
      impl_->hold(act::PasswordChanged{administrator.name});
      // Whoever knew a password that others had to replace may have made tokens with it. They stay only when somebody
      // changes their own of their own accord.
      if (actor.name != administrator.name || before->must_change_password) {
        const auto ended = erase_tokens_of(registry, administrator.name);
        if (ended != 0) add("API tokens ended: " + std::to_string(ended));
      }
    }
    if (before->role != administrator.role) add("role " + std::string(administrator_role_name(administrator.role)));
    if (before->disabled != administrator.disabled) add(administrator.disabled ? "disabled" : "enabled");
  }
  impl_->audit(now, actor, before == nullptr ? "administrator.create" : "administrator.change", administrator.name,
               what);
  const auto name = administrator.name;
  registry.administrators.edit(name) = std::move(administrator);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::remove_administrator(Now now, const Actor& actor, const std::string& name, DoneStatus done) {
  auto& registry = impl_->registry_;
  if (registry.administrators.find(name) == nullptr) {
    return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no administrator " + name});
  }
  if (last_admin(registry, name))
    return impl_->refuse(std::move(done), {ErrorCode::kConflict, std::string(kLastAdmin)});
  registry.administrators.erase(name);
  erase_tokens_of(registry, name);
  impl_->hold(act::PasswordChanged{name});
  impl_->audit(now, actor, "administrator.remove", name);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::add_api_token(Now now, const Actor& actor, ApiToken token, DoneStatus done) {
  auto& registry = impl_->registry_;
  if (registry.tokens.find(token.id) != nullptr) {
    return impl_->refuse(std::move(done), {ErrorCode::kAlreadyExists, "there is a token " + token.id + " already"});
  }
  impl_->audit(now, actor, "token.create", token.id, token.name);
  const auto id = token.id;
  registry.tokens.edit(id) = std::move(token);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::remove_api_token(Now now, const Actor& actor, const std::string& id, DoneStatus done) {
  if (!impl_->registry_.tokens.erase(id)) {
    return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no token " + id});
  }
  impl_->audit(now, actor, "token.remove", id);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::add_server_certificate(Now now, const Actor& actor, ServerCertificate certificate, DoneStatus done) {
  auto& registry = impl_->registry_;
  if (registry.certificates.find(certificate.name) != nullptr) {
    return impl_->refuse(std::move(done), {ErrorCode::kAlreadyExists,
                                           "there is a server certificate " + certificate.name + " already"});
  }
  certificate.selected = certificate.built_in = false;
  impl_->audit(now, actor, "server_certificate.add", certificate.name);
  const auto name = certificate.name;
  registry.certificates.edit(name) = std::move(certificate);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::select_server_certificate(Now now, const Actor& actor, const std::string& name, DoneStatus done) {
  auto& registry = impl_->registry_;
  const auto* chosen = registry.certificates.find(name);
  if (chosen == nullptr) {
    return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no server certificate " + name});
  }
  std::vector<std::string> others;
  for (const auto& [other, c] : registry.certificates.all()) {
    if (c.selected && other != name) others.push_back(other);
  }
  for (const auto& other : others) registry.certificates.edit(other).selected = false;
  auto& c = registry.certificates.edit(name);
  c.selected = true;
  impl_->hold(act::WebCertificate{c.chain_pem, c.key_pem});
  impl_->show_gateways_web_certificate();
  impl_->audit(now, actor, "server_certificate.select", name);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::remove_server_certificate(Now now, const Actor& actor, const std::string& name, DoneStatus done) {
  const auto* c = impl_->registry_.certificates.find(name);
  if (c == nullptr) {
    return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no server certificate " + name});
  }
  if (c->selected || c->built_in) {
    return impl_->refuse(std::move(done),
                         {ErrorCode::kConflict, c->selected ? "the certificate is in use; select another one first"
                                                            : "the built-in certificate can't be deleted"});
  }
  impl_->registry_.certificates.erase(name);
  impl_->audit(now, actor, "server_certificate.remove", name);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::note(Now now, const Actor& actor, std::string action, std::string object, std::string detail) {
  const auto user = object;
  impl_->audit_limited(now, actor, std::move(action), std::move(object), std::move(detail), user);
}

void EmsCore::note_refusal(Now now, const Actor& actor, std::string action, std::string object, std::string detail) {
  impl_->audit_limited(now, actor, std::move(action), std::move(object), std::move(detail));
}

}  // namespace postern::ems
