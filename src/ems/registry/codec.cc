#include "ems/registry/codec.h"

#include <boost/json.hpp>

#include "ems/registry/fields.h"
#include "posture/on_fabric_json.h"
#include "posture/tag_json.h"

namespace postern::ems::codec {
namespace {

namespace json = boost::json;

std::string print(const json::object& object) { return json::serialize(object); }
std::int64_t ms(WallTime t) { return to_unix_ms(t); }
std::string hex(const Sha256& d) { return to_hex_lower(d); }

template <class List>
json::array numbers(const List& list) {
  json::array out;
  for (const auto n : list) out.emplace_back(n);
  return out;
}
json::array text_array(const std::vector<std::string>& list) {
  json::array out;
  for (const auto& s : list) out.emplace_back(s);
  return out;
}
std::vector<posture::TagId> tag_ids(const json::array& list) {
  std::vector<posture::TagId> out;
  for (const auto& v : list) {
    boost::system::error_code error;
    const auto n = v.to_number<posture::TagId>(error);
    if (!error) out.push_back(n);
  }
  return out;
}

template <class T>
Result<T> finish(const Fields& fields, T value) {
  if (auto ok = fields.status(); !ok) return fail(ok.error());
  return value;
}

Result<Attribute> read_attribute(const json::value& value) {
  Fields f(value);
  Attribute out;
  out.set_at = f.time("set_at_ms");
  out.set_by = f.text("set_by");
  if (f.has("expires_at_ms")) out.expires_at = f.time("expires_at_ms");
  const auto* v = value.is_object() ? value.get_object().if_contains("value") : nullptr;
  if (v != nullptr && v->is_bool()) {
    out.value = v->get_bool();
  } else if (v != nullptr && v->is_int64()) {
    out.value = v->get_int64();
  } else if (v != nullptr && v->is_string()) {
    out.value = std::string(v->get_string());
  } else {
    f.miss("value");
  }
  return finish(f, std::move(out));
}

}  // namespace

std::string endpoint_row(const Endpoint& e) {
  json::array macs, certificates;
  for (const auto& mac : e.macs) macs.emplace_back(mac.str());
  for (const auto& c : e.certificates) {
    json::object one{{"sha256", hex(c.sha256)},
                     {"key_sha256", hex(c.key_sha256)},
                     {"serial", c.serial.str()},
                     {"not_before_ms", ms(c.not_before)},
                     {"not_after_ms", ms(c.not_after)},
                     {"der", to_base64(c.der)}};
    if (c.ends) one["ends_ms"] = ms(*c.ends);
    certificates.push_back(std::move(one));
  }
  json::object o{{"registration", registration_name(e.registration)},
                 {"quarantined", e.quarantined},
                 {"quarantine_reason", e.quarantine_reason},
                 {"profile", e.profile},
                 {"invitation", e.invitation},
                 {"enrolled_at_ms", ms(e.enrolled_at)},
                 {"host_name", e.enrolled_host_name},
                 {"machine_id", e.machine_id},
                 {"hardware_uuid", e.hardware_uuid},
                 {"macs", std::move(macs)},
                 {"certificates", std::move(certificates)}};
  if (e.unregistered_at != WallTime()) o["unregistered_at_ms"] = ms(e.unregistered_at);
  if (e.inventory) o["inventory"] = hex(*e.inventory);
  if (!e.classifications.empty()) o["classifications"] = numbers(e.classifications);
  if (!e.attributes.empty()) {
    json::object attributes;
    for (const auto& [name, a] : e.attributes) {
      json::object one{{"set_at_ms", ms(a.set_at)}, {"set_by", a.set_by}};
      std::visit([&one](const auto& value) { one["value"] = value; }, a.value);
      if (a.expires_at) one["expires_at_ms"] = ms(*a.expires_at);
      attributes[name] = std::move(one);
    }
    o["attributes"] = std::move(attributes);
  }
  return print(o);
}

Status read_endpoint_row(std::string_view row, Endpoint& e) {
  Fields f(row);
  const auto registration = f.text("registration");
  bool known = false;
  for (const auto r : {Registration::kRegistered, Registration::kDeregistered, Registration::kRevoked}) {
    if (registration_name(r) != registration) continue;
    e.registration = r;
    known = true;
  }
  if (!known) f.miss("registration");
  e.unregistered_at = f.has("unregistered_at_ms") ? f.time("unregistered_at_ms") : WallTime();
  e.quarantined = f.boolean("quarantined");
  e.quarantine_reason = f.text("quarantine_reason");
  e.profile = f.text("profile");
  e.invitation = f.text("invitation");
  e.enrolled_at = f.time("enrolled_at_ms");
  e.enrolled_host_name = f.text("host_name");
  e.machine_id = f.text("machine_id");
  e.hardware_uuid = f.text("hardware_uuid");
  e.macs.clear();
  for (const auto& text : f.texts("macs")) {
    if (const auto mac = MacAddress::parse(text)) e.macs.push_back(*mac);
  }
  e.certificates.clear();
  for (const auto& v : f.list("certificates")) {
    Fields c(v);
    IssuedCertificate out;
    out.sha256 = c.digest("sha256");
    out.key_sha256 = c.digest("key_sha256");
    out.serial = CertSerial(c.text("serial"));
    out.not_before = c.time("not_before_ms");
    out.not_after = c.time("not_after_ms");
    out.der = c.bytes("der");
    if (c.has("ends_ms")) out.ends = c.time("ends_ms");
    if (!c.status()) f.miss("certificates");
    e.certificates.push_back(std::move(out));
  }
  e.inventory.reset();
  if (f.has("inventory")) e.inventory = f.digest("inventory");
  e.classifications.clear();
  if (f.has("classifications")) e.classifications = tag_ids(f.list("classifications"));
  e.attributes.clear();
  if (f.has("attributes")) {
    for (const auto& [name, value] : f.object("attributes")) {
      auto attribute = read_attribute(value);
      if (!attribute) return fail(attribute.error());
      e.attributes.emplace(name, std::move(*attribute));
    }
  }
  return f.status();
}

std::string endpoint_state_row(const Endpoint& e, const posture::TagSets& tags) {
  json::object o{{"online", e.online},
                 {"last_seen_ms", ms(e.last_seen)},
                 {"public_ip", e.public_ip.str()},
                 {"run", e.run_id},
                 {"seq", e.acked_seq},
                 {"tags", numbers(tags.has())},
                 {"unknown_tags", numbers(tags.unknown())},
                 {"inventory_received_ms", ms(e.inventory_received_at)}};
  if (!e.held.empty()) {
    json::array held;
    for (const auto& h : e.held) held.push_back(json::object{{"tag", h.tag}, {"until_ms", ms(h.until)}});
    o["held"] = std::move(held);
  }
  if (e.confirmed) o["confirmed_ms"] = ms(*e.confirmed);
  if (e.excused != Millis(0)) o["excused_ms"] = e.excused.count();
  if (e.vulnerabilities) {
    const auto& v = *e.vulnerabilities;
    o["vulnerabilities"] = json::object{{"critical", v.counts.critical},
                                        {"high", v.counts.high},
                                        {"medium", v.counts.medium},
                                        {"low", v.counts.low},
                                        {"info", v.counts.info},
                                        {"unknown", v.counts.unknown},
                                        {"unknown_fixable", v.counts.unknown_fixable},
                                        {"total", v.total},
                                        {"scanned_at_ms", ms(v.scanned_at)},
                                        // Where it stood first, and where versions of then look for it.
                                        {"received_at_ms", ms(e.inventory_received_at)}};
  }
  if (e.vulnerabilities) {
    auto& row = o["vulnerabilities"].get_object();
    const auto& v = *e.vulnerabilities;
    if (v.exploited) row["exploited"] = *v.exploited;
    if (v.max_cvss) row["max_cvss"] = *v.max_cvss;
    if (v.max_epss) row["max_epss"] = *v.max_epss;
    if (!v.asked_cves.empty()) {
      json::object asked;
      for (const auto& [cve, open] : v.asked_cves) asked[cve] = open;
      row["asked_cves"] = std::move(asked);
    }
  }
  return print(o);
}

Status read_endpoint_state_row(std::string_view row, Endpoint& e, posture::TagSets& tags) {
  Fields f(row);
  e.online = f.boolean("online");
  e.last_seen = f.time("last_seen_ms");
  e.public_ip = IpAddress::parse(f.text("public_ip")).value_or(IpAddress());
  e.run_id = f.unsigned_integer("run");
  e.acked_seq = f.unsigned_integer("seq");
  tags = posture::TagSets(tag_ids(f.list("tags")), tag_ids(f.list("unknown_tags")));
  e.held.clear();
  if (f.has("held")) {
    for (const auto& v : f.list("held")) {
      Fields h(v);
      e.held.push_back({static_cast<posture::TagId>(h.unsigned_integer("tag")), h.time("until_ms")});
      if (!h.status()) f.miss("held");
    }
  }
  e.confirmed.reset();
  if (f.has("confirmed_ms")) e.confirmed = f.time("confirmed_ms");
  e.excused = f.has("excused_ms") ? Millis(f.integer("excused_ms")) : Millis(0);
  e.vulnerabilities.reset();
  WallTime received{};
  if (f.has("vulnerabilities")) {
    const json::value parsed = json::parse({row.data(), row.size()});
    Fields v(parsed.get_object().at("vulnerabilities"));
    VulnerabilityState s;
    const auto count = [&](std::string_view name) { return static_cast<std::uint32_t>(v.unsigned_integer(name)); };
    s.counts = {count("critical"), count("high"),    count("medium"),         count("low"),
                count("info"),     count("unknown"), count("unknown_fixable")};
    if (v.has("total")) s.total = count("total");
    if (v.has("exploited")) s.exploited = count("exploited");
    if (v.has("max_cvss")) s.max_cvss = count("max_cvss");
    if (v.has("max_epss")) s.max_epss = count("max_epss");
    if (v.has("asked_cves")) {
      for (const auto& [cve, open] : v.object("asked_cves")) {
        if (open.is_bool()) s.asked_cves.emplace(cve, open.get_bool());
      }
    }
    s.scanned_at = v.time("scanned_at_ms");
    received = v.time("received_at_ms");
    if (!v.status()) f.miss("vulnerabilities");
    e.vulnerabilities = s;
  }
  e.inventory_received_at = f.has("inventory_received_ms") ? f.time("inventory_received_ms") : received;
  return f.status();
}

std::string tag_row(const Tag& tag) {
  return print({{"id", tag.id},
                {"updated_at_ms", ms(tag.updated_at)},
                {"updated_by", tag.updated_by},
                {"definition", posture::print_tag_json(tag.definition)}});
}

Result<Tag> read_tag_row(std::string_view row) {
  Fields f(row);
  Tag tag;
  tag.id = static_cast<posture::TagId>(f.unsigned_integer("id"));
  tag.updated_at = f.time("updated_at_ms");
  tag.updated_by = f.text("updated_by");
  auto definition = posture::parse_tag_json(f.text("definition"));
  if (!definition) return fail(ErrorCode::kDataLoss, definition.error().message);
  tag.definition = std::move(*definition);
  return finish(f, std::move(tag));
}

std::string invitation_row(const Invitation& i) {
  return print({{"id", i.id},
                {"code_sha256", hex(i.code_sha256)},
                {"note", i.note},
                {"created_by", i.created_by},
                {"created_at_ms", ms(i.created_at)},
                {"expires_at_ms", ms(i.expires_at)},
                {"max_uses", i.max_uses},
                {"uses", i.uses},
                {"revoked", i.revoked}});
}

Result<Invitation> read_invitation_row(std::string_view row) {
  Fields f(row);
  Invitation i;
  i.id = f.text("id");
  i.code_sha256 = f.digest("code_sha256");
  i.note = f.text("note");
  i.created_by = f.text("created_by");
  i.created_at = f.time("created_at_ms");
  i.expires_at = f.time("expires_at_ms");
  i.max_uses = static_cast<std::uint32_t>(f.unsigned_integer("max_uses"));
  i.uses = static_cast<std::uint32_t>(f.unsigned_integer("uses"));
  i.revoked = f.boolean("revoked");
  return finish(f, std::move(i));
}

std::string device_row(const FabricDevice& d) {
  json::array kinds, selected, interfaces;
  for (const auto k : d.tag_kinds) kinds.emplace_back(posture::tag_kind_name(k));
  for (const auto& s : d.selected) selected.emplace_back(s.str());
  for (const auto& i : d.interfaces) {
    interfaces.push_back(json::object{{"name", i.name}, {"mac", i.mac.str()}, {"addresses", text_array(i.addresses)}});
  }
  json::object o{{"serial", d.serial.str()},
                 {"state", device_state_name(d.state)},
                 {"offered_key", hex(d.offered_key)},
                 {"host_name", d.host_name},
                 {"version", d.version},
                 {"management_url", d.management_url},
                 {"alias", d.alias},
                 {"address", d.address.str()},
                 {"tag_kinds", std::move(kinds)},
                 {"endpoint_sharing", endpoint_sharing_name(d.endpoint_sharing)},
                 {"selected", std::move(selected)},
                 {"interfaces", std::move(interfaces)},
                 {"first_seen_ms", ms(d.first_seen)},
                 {"authorised_at_ms", ms(d.authorised_at)},
                 {"authorised_by", d.authorised_by}};
  if (d.pinned_key) o["pinned_key"] = hex(*d.pinned_key);
  return print(o);
}

Result<FabricDevice> read_device_row(std::string_view row) {
  Fields f(row);
  FabricDevice d;
  d.serial = GatewaySerial(f.text("serial"));
  const auto state = f.text("state");
  bool known = false;
  for (const auto s : {DeviceState::kPending, DeviceState::kAuthorised, DeviceState::kDenied, DeviceState::kConflict}) {
    if (device_state_name(s) != state) continue;
    d.state = s;
    known = true;
  }
  if (!known) f.miss("state");
  d.offered_key = f.digest("offered_key");
  if (f.has("pinned_key")) d.pinned_key = f.digest("pinned_key");
  d.host_name = f.text("host_name");
  d.version = f.text("version");
  d.management_url = f.text("management_url");
  d.alias = f.text("alias");
  d.address = IpAddress::parse(f.text("address")).value_or(IpAddress());
  d.tag_kinds.clear();
  for (const auto& name : f.texts("tag_kinds")) {
    if (const auto kind = posture::parse_tag_kind(name)) {
      d.tag_kinds.push_back(*kind);
    } else {
      f.miss("tag_kinds");
    }
  }
  if (const auto sharing = parse_endpoint_sharing(f.text("endpoint_sharing"))) {
    d.endpoint_sharing = *sharing;
  } else {
    f.miss("endpoint_sharing");
  }
  for (auto& s : f.texts("selected")) d.selected.emplace_back(std::move(s));
  for (const auto& v : f.list("interfaces")) {
    Fields i(v);
    d.interfaces.push_back({i.text("name"), MacAddress::parse(i.text("mac")).value_or(MacAddress()), i.texts("addresses")});
    if (!i.status()) f.miss("interfaces");
  }
  d.first_seen = f.time("first_seen_ms");
  d.authorised_at = f.time("authorised_at_ms");
  d.authorised_by = f.text("authorised_by");
  return finish(f, std::move(d));
}

std::string profile_row(const Profile& p) {
  return print({{"name", p.name},
                {"show_tags", p.show_tags},
                {"vulnerability_scan", p.vulnerability_scan},
                {"inventory_interval_s", p.inventory_interval.count()},
                {"comment", p.comment},
                {"on_fabric", posture::print_detection_json(p.on_fabric)},
                {"destinations", proto::print_ztna_destinations(p.destinations)}});
}

Result<Profile> read_profile_row(std::string_view row) {
  Fields f(row);
  Profile p;
  p.name = f.text("name");
  p.show_tags = f.boolean("show_tags");
  p.vulnerability_scan = f.boolean("vulnerability_scan");
  p.inventory_interval = Seconds(f.integer("inventory_interval_s"));
  p.comment = f.text("comment");
  if (f.has("on_fabric")) {
    auto sets = posture::parse_detection_json(f.text("on_fabric"));
    if (!sets) return fail(ErrorCode::kDataLoss, sets.error().message);
    p.on_fabric = std::move(*sets);
  }
  if (f.has("destinations")) {
    auto destinations = proto::parse_ztna_destinations(f.text("destinations"));
    if (!destinations) return fail(ErrorCode::kDataLoss, destinations.error().message);
    p.destinations = std::move(*destinations);
  }
  return finish(f, std::move(p));
}

std::string administrator_row(const Administrator& a) {
  return print({{"name", a.name},
                {"role", administrator_role_name(a.role)},
                {"password_hash", a.password_hash},
                {"must_change_password", a.must_change_password},
                {"disabled", a.disabled},
                {"created_at_ms", ms(a.created_at)}});
}

Result<Administrator> read_administrator_row(std::string_view row) {
  Fields f(row);
  Administrator a;
  a.name = f.text("name");
  if (const auto role = parse_administrator_role(f.text("role"))) {
    a.role = *role;
  } else {
    f.miss("role");
  }
  a.password_hash = f.text("password_hash");
  a.must_change_password = f.boolean("must_change_password");
  if (f.has("disabled")) a.disabled = f.boolean("disabled");
  a.created_at = f.time("created_at_ms");
  return finish(f, std::move(a));
}

std::string api_token_row(const ApiToken& t) {
  json::object o{{"id", t.id},     {"token_sha256", hex(t.token_sha256)},    {"name", t.name},
                 {"user", t.user}, {"role", administrator_role_name(t.role)}, {"created_at_ms", ms(t.created_at)}};
  if (t.expires_at) o["expires_at_ms"] = ms(*t.expires_at);
  return print(o);
}

Result<ApiToken> read_api_token_row(std::string_view row) {
  Fields f(row);
  ApiToken t;
  t.id = f.text("id");
  t.token_sha256 = f.digest("token_sha256");
  t.name = f.text("name");
  t.user = f.text("user");
  if (const auto role = parse_administrator_role(f.text("role"))) {
    t.role = *role;
  } else {
    f.miss("role");
  }
  t.created_at = f.time("created_at_ms");
  if (f.has("expires_at_ms")) t.expires_at = f.time("expires_at_ms");
  return finish(f, std::move(t));
}

std::string server_certificate_row(const ServerCertificate& c) {
  return print({{"name", c.name},
                {"chain_pem", c.chain_pem},
                {"key_pem", c.key_pem},
                {"selected", c.selected},
                {"built_in", c.built_in},
                {"added_at_ms", ms(c.added_at)}});
}

Result<ServerCertificate> read_server_certificate_row(std::string_view row) {
  Fields f(row);
  ServerCertificate c;
  c.name = f.text("name");
  c.chain_pem = f.text("chain_pem");
  c.key_pem = f.text("key_pem");
  c.selected = f.boolean("selected");
  c.built_in = f.boolean("built_in");
  c.added_at = f.time("added_at_ms");
  return finish(f, std::move(c));
}

}  // namespace postern::ems::codec
