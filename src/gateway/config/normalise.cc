// Attribute::normalise: from what was typed to the one form in which a value is kept.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include <fmt/format.h>

#include "base/hex.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/text.h"
#include "base/utf8.h"
#include "gateway/config/schema.h"
#include "gateway/config/secret.h"

namespace postern::gateway::config {
namespace {

constexpr std::size_t kMaxPem = 64u << 10;
constexpr std::size_t kMaxValues = 4096;

/// Printable and well-formed UTF-8.
bool plain_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) return false;
    const std::size_t length = c < 0x80 ? 1 : c >= 0xf0 && c < 0xf5 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 0;
    if (length == 0 || c >= 0xf5 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    }
    i += length;
  }
  return true;
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  for (const auto label : split(text, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    for (const char c : label) {
      const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
      if (!ok) return false;
    }
  }
  // "10.0.1.300" is a mistyped address, not a name.
  return text.find_first_not_of("0123456789.") != text.npos;
}

bool is_interface_name(std::string_view text) {
  if (text.empty() || text.size() > 15 || text == "." || text == "..") return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '/' && c != ':' && c != '"' && c != '\\' && c != '*';
  });
}

bool is_tag_address(std::string_view text) {
  if (text.size() < 6 || !text.starts_with("EMS") || text[3] < '1' || text[3] > '7') return false;
  text.remove_prefix(4);
  for (const std::string_view kind : {"_ZTNA_", "_CLASS_", "_FABRIC_"}) {
    if (text.starts_with(kind)) return valid_tag_name(text.substr(kind.size()));
  }
  return false;
}

std::optional<IpAddress> network_of(const IpAddress& ip, unsigned prefix) {
  const unsigned bits = ip.is_v4() ? 32 : 128;
  if (prefix > bits) return std::nullopt;
  auto bytes = ip.bytes();
  for (unsigned bit = prefix; bit < bits; ++bit) {
    bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
  }
  if (ip.is_v6()) return IpAddress::v6(bytes);
  return IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
}

std::optional<unsigned> prefix_of_mask(const IpAddress& mask) {
  unsigned prefix = 0;
  bool ended = false;
  for (unsigned bit = 0; bit < 32; ++bit) {
    const bool one = mask.bytes()[bit / 8] & (0x80u >> (bit % 8));
    if (one && ended) return std::nullopt;
    if (one) ++prefix;
    ended = ended || !one;
  }
  return prefix;
}

std::string mask_of_prefix(unsigned prefix) {
  const std::uint32_t mask = prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix);
  return fmt::format("{}.{}.{}.{}", mask >> 24, (mask >> 16) & 255, (mask >> 8) & 255, mask & 255);
}

/// An address and how much of it names the network.
struct Subnet {
  IpAddress ip, network;
  unsigned prefix = 0;

  /// "10.0.1.0 255.255.255.0" for IPv4, "2001:db8::/32" for IPv6.
  std::string str() const {
    if (network.is_v4()) return network.str() + " " + mask_of_prefix(prefix);
    return fmt::format("{}/{}", network.str(), prefix);
  }
};

std::optional<Subnet> read_subnet(const Value& words) {
  std::vector<std::string_view> parts;
  for (const auto& word : words) {
    for (const auto part : split(word, ' ')) {
      if (!part.empty()) parts.push_back(part);
    }
  }
  if (parts.empty() || parts.size() > 2) return std::nullopt;
  std::optional<unsigned> prefix;
  if (parts.size() == 2) {
    const auto mask = IpAddress::parse(parts[1]);
    if (!mask || !mask->is_v4()) return std::nullopt;
    prefix = prefix_of_mask(*mask);
    if (!prefix) return std::nullopt;
  } else if (const auto slash = parts[0].find('/'); slash != parts[0].npos) {
    const auto number = parse_u64(parts[0].substr(slash + 1));
    if (!number || *number > 128) return std::nullopt;
    prefix = static_cast<unsigned>(*number);
    parts[0] = parts[0].substr(0, slash);
  }
  const auto ip = IpAddress::parse(parts[0]);
  if (!ip || (parts.size() == 2 && !ip->is_v4())) return std::nullopt;
  const unsigned length = prefix.value_or(ip->is_v4() ? 32 : 128);
  const auto network = network_of(*ip, length);
  if (!network) return std::nullopt;
  return Subnet{*ip, *network, length};
}

std::optional<std::string> normal_ports(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_u64(text.substr(0, dash));
  const auto last = dash == text.npos ? first : parse_u64(text.substr(dash + 1));
  if (!first || !last || *first < 1 || *last > 65535 || *first > *last) return std::nullopt;
  if (*first == *last) return fmt::format("{}", *first);
  return fmt::format("{}-{}", *first, *last);
}

/// Two digits that make a number of at most `max`.
std::optional<unsigned> two_digits(std::string_view text, unsigned max) {
  if (text.size() != 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') return std::nullopt;
  const auto number = static_cast<unsigned>((text[0] - '0') * 10 + (text[1] - '0'));
  return number <= max ? std::optional(number) : std::nullopt;
}

/// "8:30" is "08:30".
std::optional<std::string> normal_time(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == text.npos || colon == 0) return std::nullopt;
  const std::string hour = (colon == 1 ? "0" : "") + std::string(text.substr(0, colon));
  const auto minute = text.substr(colon + 1);
  if (!two_digits(hour, 23) || !two_digits(minute, 59)) return std::nullopt;
  return hour + ':' + std::string(minute);
}

std::optional<std::string> normal_date(std::string_view text) {
  const auto parts = split(text, '/');
  if (parts.size() != 3 || parts[0].size() != 4) return std::nullopt;
  const auto year = parse_u64(parts[0]);
  const auto month = two_digits(parts[1], 12), day = two_digits(parts[2], 31);
  if (!year || *year < 2000 || *year > 2999 || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)), std::chrono::month(*month),
                                         std::chrono::day(*day));
  return date.ok() ? std::optional(std::string(text)) : std::nullopt;
}

/// Of one word or two.
std::optional<std::string> normal_moment(const Value& words) {
  const std::string all = join(words, " ");
  const auto space = all.find(' ');
  if (space == all.npos) return std::nullopt;
  const auto time = normal_time(std::string_view(all).substr(0, space));
  const auto date = normal_date(std::string_view(all).substr(space + 1));
  if (!time || !date) return std::nullopt;
  return *time + ' ' + *date;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// One word; nullopt when it is not allowed here.
std::optional<std::string> normal_word(const Attribute& attribute, const std::string& word) {
  switch (attribute.type) {
    case Type::kText: {
      // Well-formed, a character has four bytes at most: the limit is one of bytes, too.
      const auto length = plain_text(word) ? count_characters(word) : std::string::npos;
      if (length < static_cast<std::size_t>(attribute.min) || length > static_cast<std::size_t>(attribute.max)) {
        return std::nullopt;
      }
      return word;
    }
    case Type::kInteger: {
      const auto value = parse_integer(word);
      if (!value || *value < attribute.min || *value > attribute.max) return std::nullopt;
      return std::to_string(*value);
    }
    case Type::kOption: {
      const auto is = [&](const Option& option) { return option.name == word; };
      if (std::none_of(attribute.options.begin(), attribute.options.end(), is)) return std::nullopt;
      return word;
    }
    case Type::kAddress: {
      const auto ip = IpAddress::parse(word);
      if (!ip) return std::nullopt;
      return ip->str();
    }
    case Type::kSubnet: {
      const auto subnet = read_subnet({word});
      if (!subnet) return std::nullopt;
      return subnet->str();
    }
    case Type::kHost: {
      if (word.size() > static_cast<std::size_t>(attribute.max)) return std::nullopt;
      if (const auto ip = IpAddress::parse(word)) return ip->str();
      if (!is_host_name(word)) return std::nullopt;
      return to_lower(word);
    }
    case Type::kInterface:
      if (!is_interface_name(word)) return std::nullopt;
      return word;
    case Type::kTag:
      if (!is_tag_address(word)) return std::nullopt;
      return word;
    case Type::kPortRange: return normal_ports(word);
    case Type::kTime: return normal_time(word);
    case Type::kMoment: return normal_moment({word});
    case Type::kReference:
      if (!plain_text(word) || word.size() > 255) return std::nullopt;
      return word;
    case Type::kFingerprint: {
      const auto bytes = from_hex(word);
      if (!bytes || bytes->size() != 32) return std::nullopt;
      return to_hex_colons(*bytes);
    }
    case Type::kPem: {
      if (word.size() > kMaxPem) return std::nullopt;
      if (word.starts_with('/')) return plain_text(word) ? std::optional(word) : std::nullopt;
      const auto text = trim(word);
      if (!text.starts_with("-----BEGIN ") || !text.ends_with("-----") || text.find("-----END ") == text.npos) {
        return std::nullopt;
      }
      const bool printable = std::all_of(text.begin(), text.end(), [](char c) {
        return c == '\n' || c == '\r' || (c >= ' ' && c < 0x7f);
      });
      if (!printable) return std::nullopt;
      std::string normal;
      for (const char c : text) {
        if (c != '\r') normal += c;
      }
      return normal + "\n";
    }
    case Type::kSecret:
      if (!plain_text(word) || word.size() > 512 || !is_hashed_secret(word)) return std::nullopt;
      return word;
  }
  return std::nullopt;
}

}  // namespace

std::string Attribute::allowed() const {
  if (!rule.empty()) return rule;
  switch (type) {
    case Type::kText:
      return min > 0 ? fmt::format("{} to {} printable characters", min, max)
                     : fmt::format("at most {} printable characters", max);
    case Type::kInteger: return fmt::format("a whole number from {} to {}", min, max);
    case Type::kOption: {
      std::string out;
      for (std::size_t i = 0; i < options.size(); ++i) {
        out += (i == 0 ? "" : i + 1 == options.size() ? " or " : ", ") + options[i].name;
      }
      return out;
    }
    case Type::kAddress: return "an IPv4 or IPv6 address";
    case Type::kSubnet: return "\"10.0.1.0 255.255.255.0\", 10.0.1.0/24 or an IPv6 prefix";
    case Type::kHost: return "a host name or an IP address";
    case Type::kInterface: return "an interface's name of at most 15 characters, or any";
    case Type::kTag: return "EMS<1..7>_ZTNA_<tag> (or _CLASS_, _FABRIC_)";
    case Type::kPortRange: return "a port or a range such as 8000-8100, within 1 to 65535";
    case Type::kTime: return "a time of day from 00:00 to 23:59";
    case Type::kMoment: return "a time and a date, such as 08:30 2026/11/27";
    case Type::kReference: return "a name in " + join(references, " or ");
    case Type::kFingerprint: return "a SHA-256 fingerprint: 64 hex digits, with or without colons";
    case Type::kPem: return "PEM text (-----BEGIN … -----END …) in quotes, or the absolute path of a PEM file";
    case Type::kSecret:
      return min > 0 ? fmt::format("a secret of {} to {} characters", min, kMaxSecret)
                     : fmt::format("a secret of at most {} characters", kMaxSecret);
  }
  return {};
}

Status Attribute::check_secret(std::string_view clear, std::string_view key) const {
  if (const auto length = count_characters(clear); length < static_cast<std::size_t>(min) || length > kMaxSecret) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: must be {} to {} characters long", name, min, kMaxSecret));
  }
  if (min > 0 && !key.empty() && to_lower(clear).find(to_lower(key)) != std::string::npos) {
    return fail(ErrorCode::kInvalidArgument, name + ": must not contain the user's name");
  }
  return {};
}

Status Attribute::check_readable(std::string_view text) const {
  while (!text.empty()) {
    const auto character = first_character(text);
    if (character.length == 0) return fail(ErrorCode::kInvalidArgument, name + ": is not UTF-8");
    if (is_control(character.point) || is_invisible(character.point)) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: U+{:04X} in it is not allowed: it can't be seen, or changes how the text around it reads",
                              name, static_cast<std::uint32_t>(character.point)));
    }
    text.remove_prefix(character.length);
  }
  return {};
}

Result<Value> Attribute::normalise(const Value& words) const {
  const auto refuse = [&](std::string_view word) {
    std::string shown = one_line(word.substr(0, 80));
    if (type == Type::kSecret && word.starts_with("ENC ")) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: what begins with ENC is a hash, and this is none that such a gateway wrote; allowed: {}",
                              name, allowed()));
    }
    if (type == Type::kSecret || type == Type::kPem) shown = "that";
    else shown = '"' + shown + (word.size() > 80 ? "…\"" : "\"");
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: {} is not allowed; allowed: {}", name, shown, allowed()));
  };
  if (words.empty()) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: a value is missing; allowed: {}", name, allowed()));
  }
  if (words.size() == 1 && words[0].empty()) {
    const bool may_be_nothing = default_value.empty() && type != Type::kOption;
    if (required || !may_be_nothing) return refuse("");
    return Value{};
  }
  if (type == Type::kSubnet && !many) {
    const auto subnet = read_subnet(words);
    if (!subnet) return refuse(join(words, " "));
    if (subnet->network != subnet->ip) {
      // One host or all of its network: a policy opens for the one or the other, and only the person knows.
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{0}: {1} with the mask of /{2} could mean one host or its network: write {1}/{3} for this "
                              "host alone, or {4}/{2} for the network",
                              name, subnet->ip.str(), subnet->prefix, subnet->ip.is_v4() ? 32 : 128,
                              subnet->network.str()));
    }
    return Value{subnet->str()};
  }
  if (type == Type::kMoment && !many) {
    auto moment = normal_moment(words);
    if (!moment) return refuse(join(words, " "));
    return Value{std::move(*moment)};
  }
  if (!many && words.size() > 1) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: takes one value, not {} (put a value with spaces in quotes)", name, words.size()));
  }
  if (words.size() > kMaxValues) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: takes at most {} values", name, kMaxValues));
  }
  Value out;
  for (const auto& word : words) {
    auto normal = normal_word(*this, word);
    if (!normal) return refuse(word);
    if (std::find(out.begin(), out.end(), *normal) == out.end()) out.push_back(std::move(*normal));
  }
  return out;
}

}  // namespace postern::gateway::config
