#include "posture/population/fact_codec.h"

#include <array>
#include <cstddef>
#include <utility>

namespace postern::posture {
namespace {

/// The first byte of a value. Unknown's reasons come first.
enum class Form : std::uint8_t {
  kUnknown = 0,
  kFalse = 4,
  kTrue,
  kInteger,
  kText,
  kTexts,
  kInterfaces,
  kRoutes,
  kVulnerabilities,
  kCertificates,
};

/// How a text is written. Its length in bytes as written stands before it, with this in the three low bits.
enum class Script : std::uint8_t { kPlain, kHexLower, kHexUpper, kUuidLower, kUuidUpper, kMacLower, kMacUpper };

constexpr std::string_view kLower = "0123456789abcdef", kUpper = "0123456789ABCDEF";

int digit_of(char c, bool upper) {
  if (c >= '0' && c <= '9') return c - '0';
  const char a = upper ? 'A' : 'a';
  return c >= a && c <= a + 5 ? c - a + 10 : -1;
}

/// Where "-" or ":" stands in this script: a text of another shape isn't one.
bool separated(Script script, std::size_t at, char& separator) {
  if (script == Script::kUuidLower || script == Script::kUuidUpper) {
    separator = '-';
    return at == 8 || at == 13 || at == 18 || at == 23;
  }
  separator = ':';
  return (script == Script::kMacLower || script == Script::kMacUpper) && at % 3 == 2;
}

bool is_upper(Script script) {
  return script == Script::kHexUpper || script == Script::kUuidUpper || script == Script::kMacUpper;
}

/// Packs two digits into a byte; false where a character doesn't fit the script.
bool pack(std::string_view text, Script script, std::string& out) {
  int high = -1;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char separator = 0;
    if (separated(script, at, separator)) {
      if (text[at] != separator) return false;
      continue;
    }
    const int digit = digit_of(text[at], is_upper(script));
    if (digit < 0) return false;
    if (high < 0) {
      high = digit;
    } else {
      out += static_cast<char>(high << 4 | digit);
      high = -1;
    }
  }
  return high < 0;
}

void unpack(std::string_view bytes, Script script, std::string& out) {
  const std::string_view digits = is_upper(script) ? kUpper : kLower;
  for (const char c : bytes) {
    char separator = 0;
    if (separated(script, out.size(), separator)) out += separator;
    const auto byte = static_cast<unsigned char>(c);
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
}

void put_text(std::string_view text, std::string& out) {
  const auto attempt = [&](Script script, std::size_t packed) {
    const std::size_t start = out.size();
    put_number(packed << 3 | static_cast<std::uint64_t>(script), out);
    if (pack(text, script, out)) return true;
    out.resize(start);
    return false;
  };
  if (text.size() == 36 && (attempt(Script::kUuidLower, 16) || attempt(Script::kUuidUpper, 16))) return;
  if (text.size() == 17 && (attempt(Script::kMacLower, 6) || attempt(Script::kMacUpper, 6))) return;
  if (text.size() >= 8 && text.size() % 2 == 0 &&
      (attempt(Script::kHexLower, text.size() / 2) || attempt(Script::kHexUpper, text.size() / 2)))
    return;
  put_number(text.size() << 3, out);
  out += text;
}

/// Reads from the front of `rest_`; once something is wrong, everything is.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool good() const { return good_; }
  bool done() const { return good_ && rest_.empty(); }
  void spoil() { good_ = false; }

  std::uint64_t number() {
    std::uint64_t out = 0;
    good_ = good_ && take_number(rest_, out);
    return good_ ? out : 0;
  }
  std::int64_t integer() {
    const std::uint64_t folded = number();
    return static_cast<std::int64_t>(folded >> 1 ^ (~(folded & 1) + 1));
  }
  std::string_view bytes(std::uint64_t count) {
    good_ = good_ && count <= rest_.size();
    if (!good_) return {};
    const auto out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return out;
  }
  std::string text() {
    const std::uint64_t head = number();
    const auto script = static_cast<Script>(head & 7);
    const std::string_view packed = bytes(head >> 3);
    std::string out;
    if (script == Script::kPlain) {
      out = packed;
    } else if (script <= Script::kMacUpper) {
      unpack(packed, script, out);
    } else {
      good_ = false;
    }
    return out;
  }
  /// Of a list of things that take a byte at least.
  std::size_t count() {
    const std::uint64_t out = number();
    good_ = good_ && out <= rest_.size();
    return good_ ? static_cast<std::size_t>(out) : 0;
  }
  IpAddress ip() {
    const std::uint64_t size = number();
    if (size == 0) return {};
    const auto address = IpAddress::from_bytes(bytes(size));
    good_ = good_ && address.has_value();
    return good_ ? *address : IpAddress();
  }
  MacAddress mac() {
    if (number() == 0) return {};
    const auto address = MacAddress::from_bytes(bytes(6));
    good_ = good_ && address.has_value();
    return good_ ? *address : MacAddress();
  }
  std::uint32_t number32() {
    const std::uint64_t out = number();
    good_ = good_ && out <= 0xFFFFFFFF;
    return static_cast<std::uint32_t>(out);
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void operator()(const Unknown& value) { out_ += static_cast<char>(value.reason); }
  void operator()(bool value) { form(value ? Form::kTrue : Form::kFalse); }
  void operator()(std::int64_t value) {
    form(Form::kInteger);
    integer(value);
  }
  void operator()(const std::string& value) {
    form(Form::kText);
    put_text(value, out_);
  }
  void operator()(const std::vector<std::string>& value) {
    form(Form::kTexts);
    put_number(value.size(), out_);
    for (const std::string& text : value) put_text(text, out_);
  }
  void operator()(const std::vector<Interface>& value) {
    form(Form::kInterfaces);
    put_number(value.size(), out_);
    for (const Interface& one : value) {
      put_text(one.name, out_);
      mac(one.mac);
      put_number(one.addresses.size() << 1 | (one.up ? 1 : 0), out_);
      for (const IpAddress& address : one.addresses) ip(address);
    }
  }
  void operator()(const std::vector<Route>& value) {
    form(Form::kRoutes);
    put_number(value.size(), out_);
    for (const Route& one : value) {
      put_text(one.interface, out_);
      ip(one.gateway_ip);
      mac(one.gateway_mac);
      ip(one.local_ip);
      put_number(std::uint64_t{one.metric} << 1 | (one.vpn ? 1 : 0), out_);
    }
  }
  void operator()(const VulnerabilityCounts& value) {
    form(Form::kVulnerabilities);
    for (const auto n :
         {value.critical, value.high, value.medium, value.low, value.info, value.unknown, value.unknown_fixable})
      put_number(n, out_);
  }
  void operator()(const std::vector<Certificate>& value) {
    form(Form::kCertificates);
    put_number(value.size(), out_);
    for (const Certificate& one : value) {
      for (const std::string* text : {&one.subject, &one.issuer, &one.store}) put_text(*text, out_);
      put_text({reinterpret_cast<const char*>(one.sha256.data()), one.sha256.size()}, out_);
      integer(to_unix_ms(one.not_before));
      integer(to_unix_ms(one.not_after));
      put_number((one.ca ? 1u : 0u) | (one.client_auth ? 2u : 0u) | (one.has_private_key ? 4u : 0u) |
                     (one.usages ? 8u : 0u) | static_cast<unsigned>(one.trust) << 4,
                 out_);
      if (!one.usages) continue;
      put_number(one.usages->size(), out_);
      for (const std::string& usage : *one.usages) put_text(usage, out_);
    }
  }

 private:
  void form(Form form) { out_ += static_cast<char>(form); }
  void integer(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    put_number(bits << 1 ^ (value < 0 ? ~std::uint64_t{0} : 0), out_);
  }
  void ip(const IpAddress& address) {
    const std::string packed = address.packed();
    put_number(packed.size(), out_);
    out_ += packed;
  }
  void mac(const MacAddress& address) {
    put_number(address.valid() ? 6 : 0, out_);
    out_ += address.packed();
  }
  std::string& out_;
};

std::vector<Interface> read_interfaces(Reader& in) {
  std::vector<Interface> out;
  for (std::size_t i = 0, n = in.count(); in.good() && i < n; ++i) {
    Interface one;
    one.name = in.text();
    one.mac = in.mac();
    const std::uint64_t head = in.number();
    one.up = (head & 1) != 0;
    for (std::uint64_t k = 0; in.good() && k < head >> 1; ++k) one.addresses.push_back(in.ip());
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<Route> read_routes(Reader& in) {
  std::vector<Route> out;
  for (std::size_t i = 0, n = in.count(); in.good() && i < n; ++i) {
    Route one;
    one.interface = in.text();
    one.gateway_ip = in.ip();
    one.gateway_mac = in.mac();
    one.local_ip = in.ip();
    const std::uint64_t head = in.number();
    one.vpn = (head & 1) != 0;
    if (head >> 1 > 0xFFFFFFFF) in.spoil();
    one.metric = static_cast<std::uint32_t>(head >> 1);
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<Certificate> read_certificates(Reader& in) {
  std::vector<Certificate> out;
  for (std::size_t i = 0, n = in.count(); in.good() && i < n; ++i) {
    Certificate one;
    for (std::string* text : {&one.subject, &one.issuer, &one.store}) *text = in.text();
    const auto digest = parse_sha256(in.text());
    if (!digest) in.spoil();
    one.sha256 = digest.value_or(Sha256{});
    one.not_before = from_unix_ms(in.integer());
    one.not_after = from_unix_ms(in.integer());
    const std::uint64_t flags = in.number();
    if (flags >> 4 > static_cast<unsigned>(ChainTrust::kTrusted)) in.spoil();
    one.ca = (flags & 1) != 0;
    one.client_auth = (flags & 2) != 0;
    one.has_private_key = (flags & 4) != 0;
    one.trust = static_cast<ChainTrust>(flags >> 4 & 3);
    if ((flags & 8) != 0) {
      one.usages.emplace();
      for (std::size_t k = 0, m = in.count(); in.good() && k < m; ++k) one.usages->push_back(in.text());
    }
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

void put_number(std::uint64_t number, std::string& out) {
  for (; number >= 0x80; number >>= 7) out += static_cast<char>(number | 0x80);
  out += static_cast<char>(number);
}

bool take_number(std::string_view& bytes, std::uint64_t& number) {
  number = 0;
  for (unsigned shift = 0, at = 0; at < bytes.size() && shift < 64; ++at, shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    if (shift == 63 && byte > 1) return false;
    number |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) {
      bytes.remove_prefix(at + 1);
      return true;
    }
  }
  return false;
}

void encode_value(const FactValue& value, std::string& out) { std::visit(Writer(out), value); }

bool decode_value(std::string_view bytes, FactValue& out) {
  if (bytes.empty()) return false;
  const auto first = static_cast<std::uint8_t>(bytes.front());
  Reader in(bytes.substr(1));
  if (first < static_cast<std::uint8_t>(Form::kFalse)) {
    out = Unknown{static_cast<UnknownReason>(first)};
    return in.done();
  }
  switch (static_cast<Form>(first)) {
    case Form::kFalse:
      out = false;
      break;
    case Form::kTrue:
      out = true;
      break;
    case Form::kInteger:
      out = in.integer();
      break;
    case Form::kText:
      out = in.text();
      break;
    case Form::kTexts: {
      std::vector<std::string> texts;
      for (std::size_t i = 0, n = in.count(); in.good() && i < n; ++i) texts.push_back(in.text());
      out = std::move(texts);
      break;
    }
    case Form::kInterfaces:
      out = read_interfaces(in);
      break;
    case Form::kRoutes:
      out = read_routes(in);
      break;
    case Form::kVulnerabilities: {
      VulnerabilityCounts counts;
      for (auto* n : {&counts.critical, &counts.high, &counts.medium, &counts.low, &counts.info, &counts.unknown,
                      &counts.unknown_fixable})
        *n = in.number32();
      out = counts;
      break;
    }
    case Form::kCertificates:
      out = read_certificates(in);
      break;
    default:
      return false;
  }
  return in.done();
}

}  // namespace postern::posture
