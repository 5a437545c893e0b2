#include "gateway/core/gateway_core_lab.h"

#include "base/hex.h"
#include "proto/deflate.h"

namespace postern::gateway {

using wire::FabricFrame;

const MacAddress GatewayCoreLab::kGatewayMac = *MacAddress::parse("02:09:0f:00:01:01");
const MacAddress GatewayCoreLab::kEndpointMac = *MacAddress::parse("02:09:0f:00:01:02");

std::string GatewayCoreLab::raw(const MacAddress& mac) { return std::string(mac.bytes().begin(), mac.bytes().end()); }
std::string GatewayCoreLab::raw(const IpAddress& ip) { return std::string(ip.bytes().begin(), ip.bytes().begin() + 4); }
IpAddress GatewayCoreLab::ip(const char* text) { return *IpAddress::parse(text); }
Sha256 GatewayCoreLab::leaf(char fill) {
  Sha256 d;
  d.fill(static_cast<std::uint8_t>(fill));
  return d;
}

wire::ViewEntry GatewayCoreLab::endpoint(const std::vector<std::uint32_t>& tags,
                                         const std::vector<std::uint32_t>& unknown) {
  wire::ViewEntry e;
  auto& r = *e.mutable_record();
  r.set_uid(kUid);
  r.set_online(true);
  r.set_registered(true);
  r.set_public_ip(raw(ip("10.0.1.2")));
  auto& c = *r.add_certificates();
  c.set_sha256(std::string(32, 'a'));
  c.set_serial("1D3D");
  c.set_not_after_ms(1'900'000'000'000);
  auto& i = *r.add_interfaces();
  i.set_name("eth0");
  i.set_up(true);
  i.set_mac(raw(kEndpointMac));
  i.add_addresses(raw(ip("10.0.1.2")));
  auto& route = *r.add_routes();
  route.set_interface("eth0");
  route.set_gateway_mac(raw(kGatewayMac));
  for (const auto t : tags) r.add_tags(t);
  for (const auto t : unknown) r.add_unknown_tags(t);
  e.set_share_connected(true);
  return e;
}

FakeEms::FakeEms(GatewayCore& core, Clock& clock, ConnectorId id) : core_(core), clock_(clock), id_(id) {}
FakeEms::~FakeEms() = default;

void FakeEms::authorise(const char* serial, const std::string& tenant) {
  core_.on_connected(clock_.now(), id_);
  FabricFrame f;
  f.mutable_status()->set_state(wire::FabricStatus::AUTHORISED);
  f.mutable_status()->set_ems_serial(serial);
  f.mutable_status()->set_tenant_id(tenant);
  send(f);
}

void FakeEms::withdraw(wire::FabricStatus::State state) {
  FabricFrame f;
  f.mutable_status()->set_state(state);
  f.mutable_status()->set_ems_serial("PSTEMS0123456789");
  send(f);
}

void FakeEms::say_goodbye(const char* reason) {
  FabricFrame f;
  f.mutable_goodbye()->set_reason(reason);
  send(f);
}

void FakeEms::tag(std::uint32_t id, const char* name) {
  wire::TagInfo t;
  t.set_id(id);
  t.set_name(name);
  t.set_kind("security");
  tags_.push_back(t);
  view_.upsert_tag(id, t.SerializeAsString());
}

void FakeEms::hold(const wire::ViewEntry& entry) { view_.upsert(EndpointUid(entry.record().uid()), entry.SerializeAsString()); }

void FakeEms::snapshot() {
  ++revision_;
  FabricFrame f;
  auto& begin = *f.mutable_snapshot_begin();
  begin.set_epoch(1);
  begin.set_revision(revision_);
  begin.set_count(static_cast<std::uint32_t>(view_.entries().size()));
  for (const auto& t : tags_) *begin.add_tags() = t;
  send(f);
  wire::ViewEntryList list;
  for (const auto& [uid, entry] : view_.entries()) list.add_entries(entry);
  f.mutable_snapshot_chunk()->set_zlib(proto::deflate_text(list.SerializeAsString()));
  send(f);
  f.mutable_snapshot_end()->set_revision(revision_);
  f.mutable_snapshot_end()->set_digest(std::string(as_text(view_.digest())));
  send(f);
}

void FakeEms::upsert(const wire::ViewEntry& entry) {
  view_.upsert(EndpointUid(entry.record().uid()), entry.SerializeAsString());
  FabricFrame f;
  auto& d = *f.mutable_delta();
  d.set_from_revision(revision_);
  d.set_to_revision(++revision_);
  d.add_upserts(entry.SerializeAsString());
  d.set_count(static_cast<std::uint32_t>(view_.entries().size()));
  d.set_digest(std::string(as_text(view_.digest())));
  send(f);
}

void FakeEms::answer(std::uint64_t request, wire::CertificateAnswer::State state) {
  FabricFrame f;
  f.mutable_certificate_answer()->set_request_id(request);
  f.mutable_certificate_answer()->set_state(state);
  f.mutable_certificate_answer()->set_uid(GatewayCoreLab::kUid);
  send(f);
}

void FakeEms::pong() {
  FabricFrame f;
  f.mutable_pong();
  send(f);
}

void FakeEms::send(const FabricFrame& frame) {
  const auto text = frame.SerializeAsString();
  core_.on_frame(clock_.now(), id_, as_bytes(text));
}

GatewayCoreLab::GatewayCoreLab()
    : core_({GatewaySerial("PGW0123456789ABC"), "gw", "0.1", ""}, random_), ems_(core_, clock_) {
  core_.set_interfaces({{"port1", kGatewayMac, {{ip("10.0.1.1"), 24}}}});
  core_.set_policy_tags({"EMS1_ZTNA_Telemetry-Connected"});
  core_.set_connectors(clock_.now(), {{1, true, "EMS", "10.0.2.10", 8443, Seconds(180), {}}});
  core_.set_trusted(clock_.now(), 1, true);
}
GatewayCoreLab::~GatewayCoreLab() = default;

void GatewayCoreLab::connect() {
  ems_.authorise();
  ems_.tag(70, "all_registered_clients");
  ems_.tag(311, "Vulnerable-Device");
  ems_.tag(495, "Telemetry-Connected");
  ems_.snapshot();
  network_answers();
}

void GatewayCoreLab::network_answers() {
  core_.set_neighbour({"port1", ip("10.0.1.2")}, {Neighbour::State::kPresent, kEndpointMac});
}

std::vector<FabricFrame> GatewayCoreLab::take_frames() {
  std::vector<FabricFrame> out;
  for (const auto& send : take<act::Send>()) {
    FabricFrame frame;
    EXPECT_TRUE(frame.ParseFromArray(send.bytes.data(), static_cast<int>(send.bytes.size())));
    out.push_back(std::move(frame));
  }
  return out;
}

void GatewayCoreLab::tick(std::chrono::nanoseconds later) {
  clock_.advance(later);
  core_.on_tick(clock_.now());
}

std::size_t GatewayCoreLab::bit(const char* name) const { return core_.tags().find(name)->bit; }

}  // namespace postern::gateway
