#include "proto/fact_codec.h"

#include <algorithm>
#include <cstring>

#include "wire/endpoint.pb.h"

namespace postern::proto {
namespace {

using namespace posture;

/// Empty is "none"; false for any other wrong length.
bool read(const std::string& bytes, IpAddress& out) {
  const auto address = IpAddress::from_bytes(bytes);
  out = address.value_or(IpAddress());
  return address || bytes.empty();
}

bool read(const std::string& bytes, MacAddress& out) {
  const auto address = MacAddress::from_bytes(bytes);
  out = address.value_or(MacAddress());
  return address || bytes.empty();
}

wire::UnknownReason wire_reason(UnknownReason reason) {
  switch (reason) {
    case UnknownReason::kUnsupported: return wire::UNKNOWN_REASON_UNSUPPORTED;
    case UnknownReason::kDenied: return wire::UNKNOWN_REASON_DENIED;
    case UnknownReason::kStale: return wire::UNKNOWN_REASON_STALE;
    case UnknownReason::kFailed: return wire::UNKNOWN_REASON_FAILED;
  }
  return wire::UNKNOWN_REASON_FAILED;
}

UnknownReason reason_of(wire::UnknownReason reason) {
  switch (reason) {
    case wire::UNKNOWN_REASON_UNSUPPORTED: return UnknownReason::kUnsupported;
    case wire::UNKNOWN_REASON_DENIED: return UnknownReason::kDenied;
    case wire::UNKNOWN_REASON_STALE: return UnknownReason::kStale;
    default: return UnknownReason::kFailed;  // a newer peer's reason is still no value
  }
}

tl::unexpected<Error> bad(const char* what) { return fail(ErrorCode::kInvalidArgument, what); }
tl::unexpected<Error> large(const char* what) { return fail(ErrorCode::kResourceExhausted, what); }

bool too_long(const std::string& text) { return text.size() > kMaxFactText; }

Result<FactValue> read_texts(const wire::TextList& in) {
  if (static_cast<std::size_t>(in.values_size()) > kMaxFactList) return large("a list that is too long");
  std::vector<std::string> out;
  for (const auto& text : in.values()) {
    if (too_long(text)) return large("a text that is too long");
    out.push_back(text);
  }
  return FactValue(std::move(out));
}

Result<FactValue> read_interfaces(const wire::InterfaceList& in) {
  if (static_cast<std::size_t>(in.values_size()) > kMaxFactList) return large("a list that is too long");
  std::vector<Interface> out;
  for (const auto& i : in.values()) {
    Interface to;
    if (too_long(i.name())) return large("a text that is too long");
    to.name = i.name();
    to.up = i.up();
    if (!read(i.mac(), to.mac)) return bad("a hardware address of the wrong length");
    if (static_cast<std::size_t>(i.addresses_size()) > kMaxFactList) return large("a list that is too long");
    for (const auto& a : i.addresses()) {
      IpAddress ip;
      if (a.empty() || !read(a, ip)) return bad("an address of the wrong length");
      to.addresses.push_back(ip);
    }
    out.push_back(std::move(to));
  }
  return FactValue(std::move(out));
}

Result<FactValue> read_routes(const wire::RouteList& in) {
  if (static_cast<std::size_t>(in.values_size()) > kMaxFactList) return large("a list that is too long");
  std::vector<Route> out;
  for (const auto& r : in.values()) {
    Route to;
    if (too_long(r.interface())) return large("a text that is too long");
    to.interface = r.interface();
    to.vpn = r.vpn();
    to.metric = r.metric();
    if (!read(r.gateway_ip(), to.gateway_ip) || !read(r.local_ip(), to.local_ip))
      return bad("an address of the wrong length");
    if (!read(r.gateway_mac(), to.gateway_mac)) return bad("a hardware address of the wrong length");
    out.push_back(std::move(to));
  }
  return FactValue(std::move(out));
}

/// What a newer agent means by another number nobody here knows.
ChainTrust trust_of(wire::ChainTrust in) {
  if (in == wire::CHAIN_TRUST_TRUSTED) return ChainTrust::kTrusted;
  return in == wire::CHAIN_TRUST_UNTRUSTED ? ChainTrust::kUntrusted : ChainTrust::kUnknown;
}

Result<std::optional<std::vector<std::string>>> read_usages(const wire::Certificate& in) {
  std::optional<std::vector<std::string>> out;
  if (!in.has_usages()) return out;
  const auto& oids = in.usages().oids();
  if (static_cast<std::size_t>(oids.size()) > posture::kMaxCertificateUsages) return large("a list that is too long");
  if (std::ranges::any_of(oids, [](const std::string& oid) { return too_long(oid); }))
    return large("a text that is too long");
  out.emplace(oids.begin(), oids.end());
  return out;
}

Result<FactValue> read_certificates(const wire::CertificateList& in) {
  if (static_cast<std::size_t>(in.values_size()) > kMaxFactList) return large("a list that is too long");
  std::vector<Certificate> out;
  for (const auto& c : in.values()) {
    if (too_long(c.subject()) || too_long(c.issuer()) || too_long(c.store())) return large("a text that is too long");
    auto usages = read_usages(c);
    if (!usages) return fail(usages.error());
    const auto digest = parse_sha256(c.sha256());
    if (!digest) return bad("a digest of the wrong length");
    out.push_back({c.subject(), c.issuer(), *digest, c.store(), from_unix_ms(c.not_before_ms()),
                   from_unix_ms(c.not_after_ms()), c.ca(), c.client_auth(), c.has_private_key(), trust_of(c.trust()),
                   std::move(*usages)});
  }
  return FactValue(std::move(out));
}

Result<FactValue> read_value(const wire::Fact& in) {
  if (in.unknown() != wire::UNKNOWN_REASON_NONE) {
    if (in.value_case() != wire::Fact::VALUE_NOT_SET) return bad("a value and a reason why there is none");
    return FactValue(Unknown{reason_of(in.unknown())});
  }
  switch (in.value_case()) {
    case wire::Fact::kBoolean: return FactValue(in.boolean());
    case wire::Fact::kInteger: return FactValue(static_cast<std::int64_t>(in.integer()));
    case wire::Fact::kText:
      if (too_long(in.text())) return large("a text that is too long");
      return FactValue(in.text());
    case wire::Fact::kTexts: return read_texts(in.texts());
    case wire::Fact::kInterfaces: return read_interfaces(in.interfaces());
    case wire::Fact::kRoutes: return read_routes(in.routes());
    case wire::Fact::kCertificates: return read_certificates(in.certificates());
    default: return bad("neither a value nor a reason why there is none");
  }
}

/// Length of the UTF-8 sequence at `at`, 0 where there is none (overlong forms and surrogates included).
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xc2 && lead < 0xe0   ? 2
                             : (lead & 0xf0) == 0xe0       ? 3
                             : lead >= 0xf0 && lead < 0xf5 ? 4
                                                           : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(at + 1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f)) return 0;
  if ((lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) return 0;
  return length;
}

std::string utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto length = utf8_length(text, at);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      ++at;
    } else {
      out += text.substr(at, length);
      at += length;
    }
  }
  return out;
}

struct Bounds {
  static bool fits(const std::string& text) { return text.size() <= kMaxFactText / 3; }  // U+FFFD has three bytes
  bool operator()(const std::string& v) const { return fits(v); }
  bool operator()(const std::vector<std::string>& v) const {
    return v.size() <= kMaxFactList && std::ranges::all_of(v, fits);
  }
  bool operator()(const std::vector<Interface>& v) const {
    return v.size() <= kMaxFactList && std::ranges::all_of(v, [](const Interface& i) {
             return fits(i.name) && i.addresses.size() <= kMaxFactList &&
                    std::ranges::all_of(i.addresses, &IpAddress::valid);
           });
  }
  bool operator()(const std::vector<Route>& v) const {
    return v.size() <= kMaxFactList && std::ranges::all_of(v, [](const Route& r) { return fits(r.interface); });
  }
  bool operator()(const std::vector<Certificate>& v) const {
    return v.size() <= kMaxFactList && std::ranges::all_of(v, [](const Certificate& c) {
             return fits(c.subject) && fits(c.issuer) && fits(c.store) &&
                    (!c.usages || (c.usages->size() <= posture::kMaxCertificateUsages && std::ranges::all_of(*c.usages, fits)));
           });
  }
  template <class T>
  bool operator()(const T&) const {
    return true;
  }
};

struct Writer {
  wire::Fact& out;
  void operator()(const Unknown& v) { out.set_unknown(wire_reason(v.reason)); }
  void operator()(bool v) { out.set_boolean(v); }
  void operator()(std::int64_t v) { out.set_integer(v); }
  void operator()(const std::string& v) { out.set_text(utf8(v)); }
  void operator()(const std::vector<std::string>& v) {
    out.mutable_texts();
    for (const auto& text : v) out.mutable_texts()->add_values(utf8(text));
  }
  void operator()(const std::vector<Interface>& v) {
    out.mutable_interfaces();
    for (const auto& i : v) {
      auto& to = *out.mutable_interfaces()->add_values();
      to.set_name(utf8(i.name));
      to.set_mac(i.mac.packed());
      for (const auto& a : i.addresses) to.add_addresses(a.packed());
      to.set_up(i.up);
    }
  }
  void operator()(const std::vector<Route>& v) {
    out.mutable_routes();
    for (const auto& r : v) {
      auto& to = *out.mutable_routes()->add_values();
      to.set_interface(utf8(r.interface));
      to.set_gateway_ip(r.gateway_ip.packed());
      to.set_gateway_mac(r.gateway_mac.packed());
      to.set_local_ip(r.local_ip.packed());
      to.set_vpn(r.vpn);
      to.set_metric(r.metric);
    }
  }
  void operator()(const std::vector<Certificate>& v) {
    out.mutable_certificates();
    for (const auto& c : v) {
      auto& to = *out.mutable_certificates()->add_values();
      to.set_subject(utf8(c.subject));
      to.set_issuer(utf8(c.issuer));
      to.set_sha256(c.sha256.data(), c.sha256.size());
      to.set_store(utf8(c.store));
      to.set_not_before_ms(to_unix_ms(c.not_before));
      to.set_not_after_ms(to_unix_ms(c.not_after));
      to.set_ca(c.ca);
      to.set_client_auth(c.client_auth);
      to.set_has_private_key(c.has_private_key);
      to.set_trust(static_cast<wire::ChainTrust>(c.trust));
      if (!c.usages) continue;
      to.mutable_usages();
      for (const auto& oid : *c.usages) to.mutable_usages()->add_oids(utf8(oid));
    }
  }
  void operator()(const VulnerabilityCounts&) { out.set_unknown(wire::UNKNOWN_REASON_UNSUPPORTED); }
};

}  // namespace

bool within_bounds(const Fact& fact) { return std::visit(Bounds{}, fact.value); }

void encode_fact(std::string_view key, const Fact& fact, wire::Fact& out) {
  out.set_key(utf8(key));
  std::visit(Writer{out}, fact.value);
  out.set_collected_at_ms(to_unix_ms(fact.collected_at));
  out.set_source(utf8(std::string_view(fact.source).substr(0, 170)));
}

Result<Fact> decode_fact(const wire::Fact& in) {
  if (in.source().size() > 512) return large("a source that is too long");
  auto value = read_value(in);
  if (!value) return fail(value.error());
  return Fact{std::move(*value), from_unix_ms(in.collected_at_ms()), in.source()};
}

}  // namespace postern::proto
