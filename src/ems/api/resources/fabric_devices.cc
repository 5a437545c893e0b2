// /api/v1/fabric-devices: gateways as this EMS sees them.
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"
#include "pki/certificate.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::object key_json(const Sha256& digest) {
  return {{"sha256", to_hex_lower(digest)}, {"fingerprint", pki::fingerprint_text(digest)}};
}

json::value decisions_json(const std::optional<GatewayReport>& report) {
  if (!report) return nullptr;
  return json::object{{"allowed", report->allowed},
                      {"denied", report->denied},
                      {"cut", report->cut},
                      {"uncounted", report->uncounted},
                      {"since", time_json(report->counted_since)}};
}

json::object device_json(const FabricDeviceView& view) {
  const FabricDevice& d = view.device;
  json::array kinds, selected, interfaces;
  for (const auto kind : d.tag_kinds) kinds.emplace_back(posture::tag_kind_name(kind));
  for (const auto& serial : d.selected) selected.emplace_back(serial.str());
  for (const auto& i : d.interfaces) {
    json::array addresses;
    for (const auto& a : i.addresses) addresses.emplace_back(a);
    json::object o{{"name", i.name}, {"addresses", std::move(addresses)}};
    o["mac"] = i.mac.valid() ? json::value(i.mac.str()) : json::value(nullptr);
    interfaces.push_back(std::move(o));
  }
  json::object out{{"serial", d.serial.str()},
                   {"state", device_state_name(d.state)},
                   {"authorized", d.state == DeviceState::kAuthorised},
                   {"connected", view.connected},
                   {"host_name", d.host_name},
                   {"alias", d.alias},
                   {"version", d.version},
                   {"management_url", d.management_url}};
  out["address"] = d.address.valid() ? json::value(d.address.str()) : json::value(nullptr);
  out["offered_key"] = key_json(d.offered_key);
  out["pinned_key"] = d.pinned_key ? json::value(key_json(*d.pinned_key)) : json::value(nullptr);
  out["tag_kinds"] = std::move(kinds);
  out["endpoint_sharing"] = endpoint_sharing_name(d.endpoint_sharing);
  out["selected"] = std::move(selected);
  out["interfaces"] = std::move(interfaces);
  out["shared_endpoints"] = view.shared_endpoints;
  out["live_sessions"] = view.report ? json::value(view.report->live_sessions) : json::value(nullptr);
  out["decisions"] = decisions_json(view.report);
  out["reported_at"] = view.report ? time_json(view.report->reported_at) : json::value(nullptr);
  out["first_seen"] = time_json(d.first_seen);
  out["last_contact"] = time_json(view.last_contact);
  out["authorized_at"] = time_json(d.authorised_at);
  out["authorized_by"] = d.authorised_by;
  return out;
}

Error no_fabric_device(const std::string& serial) { return {ErrorCode::kNotFound, "there is no fabric device " + serial}; }

/// Those that wait for a decision first, then by serial number.
std::string device_position(const FabricDeviceView& view) {
  return (view.device.state == DeviceState::kPending ? "0" : "1") + view.device.serial.str();
}

void list_fabric_devices(const CallPtr& call) {
  const std::string state = call->query("state");
  auto devices = call->services.core.fabric_devices();
  std::erase_if(devices, [&](const auto& view) {
    return !state.empty() && device_state_name(view.device.state) != state;
  });
  reply_page(call, devices, device_position, device_json);
}

void show_fabric_device(const CallPtr& call) {
  const auto view = call->services.core.fabric_device(GatewaySerial(call->param("serial")));
  if (!view) return call->fail(no_fabric_device(call->param("serial")));
  call->reply(200, device_json(*view));
}

Result<EmsCore::DeviceChange> read_change(const CallPtr& call) {
  EmsCore::DeviceChange change;
  change.authorized = call->boolean("authorized");
  change.alias = call->text("alias");
  if (const auto text = call->text("expected_key_sha256")) {
    const auto bytes = from_hex(*text);
    if (!bytes || bytes->size() != Sha256().size()) {
      return fail(ErrorCode::kInvalidArgument,
                  "expected_key_sha256: must be the 64 hex digits of a SHA-256, with or without colons");
    }
    change.expected_key.emplace();
    std::copy(bytes->begin(), bytes->end(), change.expected_key->begin());
    if (change.authorized != true) {
      return fail(ErrorCode::kInvalidArgument, "expected_key_sha256: goes with \"authorized\": true only");
    }
  }
  if (const auto kinds = call->texts("tag_kinds")) {
    change.tag_kinds.emplace();
    for (const auto kind :
         {posture::TagKind::kSecurity, posture::TagKind::kClassification, posture::TagKind::kFabric}) {
      if (std::ranges::find(*kinds, posture::tag_kind_name(kind)) != kinds->end()) change.tag_kinds->push_back(kind);
    }
  }
  if (const auto sharing = call->text("endpoint_sharing")) change.endpoint_sharing = parse_endpoint_sharing(*sharing);
  if (const auto selected = call->texts("selected")) {
    change.selected.emplace();
    for (const auto& serial : *selected) {
      if (std::ranges::count(*selected, serial) > 1) {
        return fail(ErrorCode::kInvalidArgument, "selected: names " + serial + " twice");
      }
      change.selected->emplace_back(serial);
    }
  }
  return change;
}

void change_fabric_device(const CallPtr& call) {
  const GatewaySerial serial(call->param("serial"));
  const auto view = call->services.core.fabric_device(serial);
  if (!view) return call->fail(no_fabric_device(serial.str()));
  auto wanted = read_change(call);
  if (!wanted) return call->fail(wanted.error());
  if (call->body.empty()) {
    return call->fail({ErrorCode::kInvalidArgument, "the body changes nothing; give at least one field"});
  }
  // A script that says "authorized" again and again must not pin the key of whoever uses the serial number now.
  if (wanted->authorized == true && !wanted->expected_key && view->device.state == DeviceState::kConflict) {
    return call->fail({ErrorCode::kConflict,
                       "the device shows another key than the one authorised; compare offered_key with the gateway "
                       "itself and send it as expected_key_sha256"});
  }
  const auto done = [call, serial](Status done) {
    if (!done) return call->fail(done.error());
    const auto after = call->services.core.fabric_device(serial);
    if (!after) return call->fail(no_fabric_device(serial.str()));  // removed in the same moment
    call->reply(200, device_json(*after));
  };
  call->services.core.change_device(now_of(call), actor_of(call), serial, std::move(*wanted), done);
}

void remove_fabric_device(const CallPtr& call) {
  const GatewaySerial serial(call->param("serial"));
  call->services.core.remove_device(now_of(call), actor_of(call), serial, done_empty(call));
}

constexpr std::string_view kFabricDeviceSchemas = R"({
  "DeviceKey": {"type": ["object", "null"], "required": ["sha256", "fingerprint"], "properties": {
    "sha256": {"type": "string", "description": "Of the SubjectPublicKeyInfo, hex"},
    "fingerprint": {"type": "string", "description": "The same, as people compare it: AB:CD:…"}}},
  "FabricDevice": {"type": "object",
    "required": ["serial", "state", "authorized", "connected", "host_name", "alias", "version", "management_url",
      "address", "offered_key", "pinned_key", "tag_kinds", "endpoint_sharing", "selected", "interfaces",
      "shared_endpoints", "live_sessions", "decisions", "reported_at", "first_seen",
      "last_contact", "authorized_at", "authorized_by"],
    "properties": {
      "serial": {"type": "string"},
      "state": {"type": "string", "enum": ["pending", "authorised", "refused", "conflict"],
        "description": "conflict: the one that connected last showed another key than the authorised; gets nothing"},
      "authorized": {"type": "boolean", "description": "state is authorised"},
      "connected": {"type": "boolean"},
      "host_name": {"type": "string"}, "alias": {"type": "string"}, "version": {"type": "string"},
      "management_url": {"type": "string"},
      "address": {"type": ["string", "null"], "description": "Where it connected from last"},
      "offered_key": {"$ref": "#/components/schemas/DeviceKey", "description": "Of the one that connected last"},
      "pinned_key": {"$ref": "#/components/schemas/DeviceKey", "description": "The one authorised; null: none yet"},
      "tag_kinds": {"type": "array", "items": {"type": "string", "enum": ["security", "classification", "fabric"]}},
      "endpoint_sharing": {"type": "string", "enum": ["connected", "all", "selected"]},
      "selected": {"type": "array", "items": {"type": "string"}},
      "interfaces": {"type": "array", "items": {"type": "object",
        "required": ["name", "mac", "addresses"], "properties": {
        "name": {"type": "string"}, "mac": {"type": ["string", "null"]},
        "addresses": {"type": "array", "items": {"type": "string"}}}}},
      "shared_endpoints": {"type": "integer", "description": "In what the gateway is told now"},
      "live_sessions": {"type": ["integer", "null"],
        "description": "Connections with an endpoint's certificate, as it last reported; null: away, or no report yet"},
      "decisions": {"type": ["object", "null"], "required": ["allowed", "denied", "cut", "uncounted", "since"],
        "description": "Of its access proxies, since its process began; null: away, or no report yet",
        "properties": {
          "allowed": {"type": "integer", "description": "Requests let through, once they have ended"},
          "denied": {"type": "integer", "description": "Requests refused"},
          "cut": {"type": "integer", "description": "Live requests ended because they would no longer be let through"},
          "uncounted": {"type": "integer", "description": "Decisions of which the gateway does not know which"},
          "since": {"type": ["string", "null"], "format": "date-time", "description": "By the gateway's clock"}}},
      "reported_at": {"type": ["string", "null"], "format": "date-time", "description": "When it last reported"},
      "first_seen": {"type": ["string", "null"], "format": "date-time"},
      "last_contact": {"type": ["string", "null"], "format": "date-time", "description": "Since this EMS was started"},
      "authorized_at": {"type": ["string", "null"], "format": "date-time"},
      "authorized_by": {"type": "string"}}}
})";

}  // namespace

Resource fabric_devices_resource() {
  return {
      .name = "fabric-devices",
      .description = "Gateways: authorised or not, and what is shared with them",
      .routes =
          {{.method = "GET",
            .path = "/api/v1/fabric-devices",
            .role = Role::kReadonly,
            .handler = list_fabric_devices,
            .summary = "All fabric devices, pending ones first, then by serial number",
            .query = list_query({}, {{.name = "state",
                                      .description = "Only in this state",
                                      .values = {"pending", "authorised", "refused", "conflict"}}}),
            .result = "FabricDevice",
            .list = true},
           {.method = "GET",
            .path = "/api/v1/fabric-devices/{serial}",
            .role = Role::kReadonly,
            .handler = show_fabric_device,
            .summary = "One fabric device",
            .result = "FabricDevice"},
           {.method = "PATCH",
            .path = "/api/v1/fabric-devices/{serial}",
            .handler = change_fabric_device,
            .summary = "Authorise or refuse a device, or change what is shared with it; what is not given stays",
            .body_kind = BodyKind::kFields,
            .body = {{.name = "authorized",
                      .type = FieldType::kBoolean,
                      .description = "true: its key is pinned to its serial number. false: it is disconnected and gets "
                                     "nothing"},
                     {.name = "expected_key_sha256",
                      .description = "With authorized: the key that was compared. Another one now is a conflict. "
                                     "Demanded where another key was authorised before",
                      .min = 64,
                      .max = 95},
                     {.name = "alias", .description = "For administrators"},
                     {.name = "tag_kinds",
                      .type = FieldType::kTexts,
                      .description = "Kinds of tags shared; security always is",
                      .min = 1,
                      .max = 3,
                      .values = {"security", "classification", "fabric"}},
                     {.name = "endpoint_sharing",
                      .description = "Which endpoints are shared: those connected to this device, all, or those "
                                     "connected to it or to the selected devices",
                      .values = {"connected", "all", "selected"}},
                     {.name = "selected",
                      .type = FieldType::kTexts,
                      .description = "Serial numbers of other fabric devices",
                      .max = 4}},
            .result = "FabricDevice"},
           {.method = "DELETE",
            .path = "/api/v1/fabric-devices/{serial}",
            .handler = remove_fabric_device,
            .summary = "Forget a device and its key; when it connects again it is pending",
            .success = 204}},
      .schemas = kFabricDeviceSchemas};
}

}  // namespace postern::ems::api
