#include "agent/forward/forwarding.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "proto/invitation.h"

namespace postern::agent {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxOpen = 1024;  // of a destination
constexpr std::size_t kMaxCas = 4u << 20;
constexpr unsigned kPortTries = 32;
constexpr std::chrono::seconds kListenAgain{5};
constexpr std::uint16_t kResetByServer = 4001;

std::string listening_at(const IpAddress& address, std::uint16_t port) {
  return fmt::format("{}:{}", address.is_v6() ? "[" + address.str() + "]" : address.str(), port);
}

std::string text_member(const json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// Whoever answers for a destination that is configured; others' answers are a page of theirs.
bool forwarder_status(int status) {
  return status == 400 || status == 403 || status == 426 || status == 429 || (status >= 500 && status <= 504);
}

std::string certificate_advice(const proto::ZtnaDestination& d) {
  if (d.fingerprint) return "it is not the one whose fingerprint this destination has in the endpoint profile";
  if (!d.ca_pem.empty()) return "nothing in this destination's ca in the endpoint profile vouches for it";
  return "this machine trusts none that vouches for it; this destination can have a ca or a fingerprint in the endpoint profile";
}

}  // namespace

std::uint16_t chosen_port(std::string_view name, unsigned attempt) {
  const auto digest = sha256(fmt::format("{}\n{}", name, attempt));
  return static_cast<std::uint16_t>(20000 + (digest[0] << 8 | digest[1]) % 10000);
}

ForwardError refusal_text(const proto::ZtnaDestination& destination, const net::TunnelRefusal& refusal, WallTime at) {
  if (refusal.status == 0) {
    auto text = one_line(refusal.error.message);
    if (text.find("certificate is refused") != text.npos) text += " (" + certificate_advice(destination) + ")";
    return {std::move(text), {}, at};
  }
  const auto& body = refusal.response.body;
  boost::system::error_code ec;
  json::parse_options options;
  options.max_depth = 8;
  const auto value = json::parse(body, ec, {}, options);
  const auto* object = ec ? nullptr : value.if_object();
  const auto* said = object != nullptr && object->contains("error") ? object->at("error").if_object() : nullptr;
  if (said != nullptr) {
    auto text = text_member(*said, "title");
    if (const auto advice = text_member(*said, "message"); !advice.empty()) text += (text.empty() ? "" : ": ") + advice;
    if (const auto* details = said->if_contains("details"); details != nullptr && details->is_array()) {
      for (const auto& one : details->get_array()) {
        if (one.is_string()) text += " " + std::string(one.get_string());
      }
    }
    if (text.empty()) text = fmt::format("refused with status {}", refusal.status);
    return {one_line(text.substr(0, 1000)), one_line(text_member(*said, "denial_id").substr(0, 16)), at};
  }
  const auto* type = refusal.response.headers.find("Content-Type");
  if (forwarder_status(refusal.status) && type != nullptr && type->starts_with("text/plain") && !body.empty())
    return {one_line(std::string(trim(body.substr(0, 300)))), {}, at};
  return {fmt::format("{} does not forward TCP at {}: it answered with status {} (is the path in the endpoint profile right?)",
                      destination.gateway, destination.path, refusal.status),
          {}, at};
}

std::string end_text(const net::TunnelEnd& end) {
  constexpr std::uint16_t kWithoutClosing = 1006;
  if (end.code == kWithoutClosing)
    return "the gateway, or the way to it, ended the connection; if this device is refused now, the next one is told why";
  return "the connection was cut: " + one_line(end.reason);
}

Forwarding::~Forwarding() = default;

void Forwarding::set(const std::vector<proto::ZtnaDestination>& destinations) {
  for (auto it = places_.begin(); it != places_.end();) {
    const bool stays = std::find(destinations.begin(), destinations.end(), it->destination) != destinations.end();
    it = stays ? std::next(it) : places_.erase(it);
  }
  for (const auto& d : destinations) {
    const bool there = std::any_of(places_.begin(), places_.end(), [&](const Place& p) { return p.destination == d; });
    if (there) continue;
    places_.emplace_back().destination = d;
    listen(places_.back());
  }
}

void Forwarding::listen(Place& place) {
  const auto& d = place.destination;
  Error error;
  for (unsigned attempt = 0; attempt < (d.listen_port == 0 ? kPortTries : 1); ++attempt) {
    const auto port = d.listen_port == 0 ? chosen_port(d.name, attempt) : d.listen_port;
    auto listener = net::LocalListener::listen(loop_, d.listen, port, [this, &place](net::LocalConnectionPtr connection) {
      carry(place, std::move(connection));
    });
    if (listener) {
      place.listener = std::move(*listener);
      place.error.reset();
      log_info("forward.listening", "a ZTNA destination is listened for", {{"name", d.name}, {"at", listening_at(d.listen, port)}});
      return;
    }
    error = listener.error();
  }
  // Said once; whoever has the port may let go of it.
  if (!place.error) failed(place, {one_line(error.message), {}, clock_.now().wall});
  place.retry = loop_.after(kListenAgain, [this, &place] { listen(place); });
}

Result<net::Target> Forwarding::target_of(const proto::ZtnaDestination& d) const {
  const auto at = proto::parse_host_port(d.gateway);
  if (!at) return fail(at.error());
  net::Target target;
  target.host = at->host;
  target.port = at->port;
  target.tls.identity = identity_();
  if (!target.tls.identity) return fail(ErrorCode::kUnauthenticated, "this machine is not registered: it has no certificate to show to the gateway");
  if (d.fingerprint) {
    target.tls.check_name = false;
    target.tls.accept_peer = [wanted = *d.fingerprint](const net::PeerIdentity& peer) {
      return !peer.chain_der.empty() && sha256(ByteView(peer.chain_der.front())) == wanted;
    };
  } else if (!d.ca_pem.empty()) {
    target.tls.roots_pem = d.ca_pem;
  } else {
    auto roots = read_file(system_cas_, kMaxCas);
    if (!roots) return fail(roots.error().context("the CAs that this machine trusts"));
    target.tls.roots_pem = std::move(*roots);
  }
  return target;
}

void Forwarding::carry(Place& place, net::LocalConnectionPtr connection) {
  const auto& d = place.destination;
  if (place.open.size() >= kMaxOpen)
    return failed(place, {fmt::format("{} connections are open already", kMaxOpen), {}, clock_.now().wall});
  auto target = target_of(d);
  if (!target) return failed(place, {one_line(target.error().message), {}, clock_.now().wall});
  // A host of the profile has nothing in it that would need to be encoded, but an IPv6 address.
  std::string host;
  for (const char c : d.host) host += c == ':' ? std::string("%3A") : std::string(1, c);
  const auto number = place.next++;
  net::TunnelEvents events;
  events.on_open = [&place] { place.error.reset(); };
  events.on_refused = [this, &place, number](const net::TunnelRefusal& refusal) {
    failed(place, refusal_text(place.destination, refusal, clock_.now().wall));
    ended(place, number);
  };
  events.on_end = [this, &place, number](const net::TunnelEnd& end) {
    if (!end.clean && end.code != kResetByServer) failed(place, {end_text(end), {}, clock_.now().wall});
    ended(place, number);
  };
  place.open[number] =
      net::open_tunnel(loop_, std::move(*target), fmt::format("{}?address={}&port={}", d.path, host, d.port), std::move(connection), std::move(events));
}

void Forwarding::failed(Place& place, ForwardError error) {
  log_warning("forward.failed", error.text, {{"name", place.destination.name}, {"denial_id", error.denial_id}});
  place.error = std::move(error);
}

/// Not from inside its own callback.
void Forwarding::ended(Place& place, std::uint64_t number) {
  const auto it = place.open.find(number);
  if (it == place.open.end()) return;
  auto handle = std::make_shared<net::Handle>(std::move(it->second));
  place.open.erase(it);
  loop_.post([handle] { handle->cancel(); });
}

std::string Forwarding::json() const {
  json::array out;
  for (const auto& place : places_) {
    const auto& d = place.destination;
    json::object one{{"name", d.name}, {"host", d.host}, {"port", d.port}, {"gateway", d.gateway},
                     {"listen", nullptr}, {"open", place.open.size()}, {"last_error", nullptr},
                     {"denial_id", nullptr}, {"last_error_at", nullptr}};
    if (place.listener) one["listen"] = listening_at(d.listen, place.listener->port());
    if (place.error) {
      one["last_error"] = place.error->text;
      one["last_error_at"] = to_iso8601(place.error->at);
      if (!place.error->denial_id.empty()) one["denial_id"] = place.error->denial_id;
    }
    out.push_back(std::move(one));
  }
  return json::serialize(out);
}

}  // namespace postern::agent
