#include "gateway/config/import/convert.h"

#include <fmt/format.h>

#include "base/ip.h"
#include "base/text.h"
#include "gateway/config/model.h"

namespace postern::gateway::config::fortios {
namespace {

/// "10.0.1.7 255.255.255.0" there is that network: the bits behind the mask don't count.
Value without_host_bits(const Attribute& attribute, const Value& values) {
  if (attribute.type != Type::kSubnet || attribute.many || attribute.normalise(values)) return values;
  std::string ip, mask;
  if (values.size() == 2) {
    ip = values[0];
    mask = values[1];
  } else if (values.size() == 1) {
    const auto slash = values[0].find('/');
    if (slash == std::string::npos) return values;
    ip = values[0].substr(0, slash);
    mask = values[0].substr(slash + 1);
  }
  const auto address = IpAddress::parse(ip);
  if (!address) return values;
  auto bytes = address->bytes();
  const std::size_t size = address->is_v4() ? 4 : 16;
  if (values.size() == 2) {
    const auto wanted = IpAddress::parse(mask);
    if (!wanted || !wanted->is_v4() || !address->is_v4()) return values;
    for (std::size_t i = 0; i < size; ++i) bytes[i] &= wanted->bytes()[i];
  } else {
    const auto prefix = parse_u64(mask);
    if (!prefix || *prefix > size * 8) return values;
    for (std::size_t bit = *prefix; bit < size * 8; ++bit) {
      bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
    }
  }
  const auto network = address->is_v4() ? IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]}) : IpAddress::v6(bytes);
  if (values.size() == 2) return {network.str(), mask};
  return {network.str() + "/" + mask};
}

/// "FCTEMS8825007278_tag", as such names once were, is the tag of the connector to that EMS.
std::string tag_name(const std::string& word, const EmsSlots& slots) {
  const auto underscore = word.find('_');
  if (!word.starts_with("FCTEMS") || underscore == std::string::npos) return word;
  const auto slot = slots.by_serial.find(word.substr(0, underscore));
  if (slot == slots.by_serial.end()) return word;
  auto tag = word.substr(underscore + 1);
  // "…_ZTNA_tag" stood between the two forms.
  if (tag.starts_with("ZTNA_")) tag = tag.substr(5);
  return fmt::format("EMS{}_ZTNA_{}", slot->second, tag);
}

/// "80:1-65535": from whatever port, which is what a port alone says.
std::string without_any_source(const std::string& word) {
  const auto colon = word.find(':');
  if (colon == std::string::npos) return word;
  const auto from = word.substr(colon + 1);
  return from == "1-65535" || from == "0-65535" ? word.substr(0, colon) : word;
}

/// "10.0.2.1-10.0.2.1" is one address.
std::string single_address(const std::string& word) {
  const auto dash = word.find('-');
  return dash != std::string::npos && word.substr(0, dash) == word.substr(dash + 1) ? word.substr(0, dash) : word;
}

/// Notes have one line here, and fewer characters.
std::string note(std::string word, std::size_t max) {
  for (auto& c : word) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  if (word.size() <= max) return word;
  while (max > 0 && (static_cast<unsigned char>(word[max]) & 0xc0) == 0x80) --max;  // not within a character
  word.resize(max);
  return word;
}

std::string our_name(std::string_view table, const Table& ours, std::string_view name) {
  if (ours.attribute(name)) return std::string(name);
  if (table == "firewall address6" && name == "ip6") return "subnet";
  return std::string(name);
}

}  // namespace

bool is_factory_certificate(std::string_view name) { return name.starts_with("Fortinet_"); }

Converted convert(std::string_view table, const Table& ours, std::string_view name, const Value& values,
                  const EmsSlots& slots) {
  Converted out{our_name(table, ours, name), values};
  const Attribute* attribute = ours.attribute(out.name);
  if (!attribute) return out;
  out.values = without_host_bits(*attribute, values);
  const auto has_option = [&](std::string_view option) {
    for (const auto& o : attribute->options) {
      if (o.name == option) return true;
    }
    return false;
  };
  for (auto& word : out.values) {
    if (out.name == "comment" || out.name == "comments")
      word = note(std::move(word), static_cast<std::size_t>(attribute->max));
    if (attribute->type == Type::kTag) word = tag_name(word, slots);
    if (attribute->type == Type::kPortRange) word = without_any_source(word);
    if (out.name == "extip") word = single_address(word);
    if (out.name == "ssl-certificate" && is_factory_certificate(word)) word = kFactoryCertificate;
    if (out.name == "type" && (word == "ipprefix" || word == "interface-subnet") && has_option("ipmask")) word = "ipmask";
    if (out.name == "protocol" && word.starts_with("TCP/UDP/") && has_option("TCP/UDP/SCTP")) word = "TCP/UDP/SCTP";
  }
  return out;
}

}  // namespace postern::gateway::config::fortios
