#include "proto/destinations.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>
#include <set>

#include "base/hex.h"
#include "base/text.h"
#include "pki/certificate.h"
#include "posture/strict_json.h"
#include "proto/invitation.h"

namespace postern::proto {
namespace {

namespace json = boost::json;
namespace strict = posture::strict_json;

tl::unexpected<Error> wrong(std::string what) { return fail(ErrorCode::kInvalidArgument, std::move(what)); }

bool only(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || more.find(c) != more.npos;
  });
}

/// The field's value into its place.
Status take(ZtnaDestination& d, std::string_view name, const std::string& where, const json::value& value) {
  const auto at = where + ": " + std::string(name);
  if (name == "port") {
    const auto* number = value.if_int64();
    if (number == nullptr || *number < 1 || *number > 65535) return wrong(at + ": must be a number from 1 to 65535");
    d.port = static_cast<std::uint16_t>(*number);
    return {};
  }
  auto text = strict::read_text(at, value);
  if (!text) return fail(text.error());
  if (name == "name") {
    if (text->empty() || text->size() > 63 || !only(*text, ".-_")) return wrong(at + ": must be 1 to 63 letters, digits, dots, hyphens or underscores");
    d.name = *text;
  } else if (name == "host") {
    const bool sound = IpAddress::parse(*text) || (!text->empty() && text->size() <= 253 && only(*text, ".-_"));
    if (!sound) return wrong(at + ": must be a host's name or an IP address");
    d.host = to_lower(*text);
  } else if (name == "gateway") {
    if (auto read = parse_host_port(*text); !read) return fail(read.error().context(at));
    d.gateway = *text;
  } else if (name == "path") {
    const bool sound = text->starts_with('/') && text->size() <= 255 && only(*text, "/.-_~") && text->find("//") == text->npos &&
                       text->find("/.") == text->npos;
    if (!sound) return wrong(at + ": must be a path such as /tcp: letters, digits, - _ ~ and dots inside, no //");
    d.path = *text;
  } else if (name == "ca") {
    if (!text->empty()) {
      if (auto read = pki::certificates_from_pem(*text); !read) return wrong(at + ": must be certificates in PEM, or empty: " + read.error().message);
    }
    d.ca_pem = *text;
  } else if (name == "fingerprint") {
    d.fingerprint.reset();
    if (text->empty()) return {};
    std::string digits;
    std::copy_if(text->begin(), text->end(), std::back_inserter(digits), [](char c) { return c != ':'; });
    const auto digest = from_hex(digits);
    if (!digest || digest->size() != sizeof(Sha256)) return wrong(at + ": must be the SHA-256 of the gateway's certificate, 64 hexadecimal digits, or empty");
    d.fingerprint.emplace();
    std::memcpy(d.fingerprint->data(), digest->data(), digest->size());
  } else if (name == "listen") {
    const auto colon = text->rfind(':');
    auto host = text->substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const auto ip = IpAddress::parse(host);
    const auto port = colon == text->npos ? std::nullopt : parse_u64(text->substr(colon + 1));
    if (!ip || !ip->is_loopback() || !port || *port > 65535)
      return wrong(at + ": must be a loopback address and a port, such as 127.0.0.1:2222 or [::1]:2222; port 0: the agent chooses");
    d.listen = *ip;
    d.listen_port = static_cast<std::uint16_t>(*port);
  } else {
    return wrong(where + ": there is no such field; a destination has name, host, port, gateway, path, ca, fingerprint and listen");
  }
  return {};
}

Result<ZtnaDestination> read_destination(const std::string& where, const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return wrong(where + ": must be an object with name, host, port and gateway");
  for (const char* name : {"name", "host", "port", "gateway"}) {
    if (!object->contains(name)) return wrong(fmt::format("{}: {}: is missing", where, name));
  }
  ZtnaDestination d;
  for (const auto& [key, member] : *object) {
    if (auto taken = take(d, strict::plain(key), where, member); !taken) return fail(taken.error());
  }
  return d;
}

}  // namespace

Result<std::vector<ZtnaDestination>> parse_ztna_destinations(std::string_view text) {
  const auto value = strict::read("the list of destinations", text, kMaxDestinationsJson, 4);
  if (!value) return fail(value.error());
  const auto* object = value->if_object();
  const auto* list = object != nullptr && object->contains("destinations") ? object->at("destinations").if_array() : nullptr;
  if (list == nullptr || object->size() != 1) return wrong("destinations: must be an object with the list destinations, and nothing else");
  if (list->size() > kMaxDestinations)
    return wrong(fmt::format("destinations: there are {}, allowed are {}", list->size(), kMaxDestinations));
  std::vector<ZtnaDestination> out;
  std::set<std::string> names;
  std::set<std::pair<std::string, std::uint16_t>> places;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto where = fmt::format("destinations[{}]", i);
    auto one = read_destination(where, (*list)[i]);
    if (!one) return fail(one.error());
    if (!names.insert(one->name).second) return wrong(where + ": name: " + one->name + " is that of another, too");
    if (one->listen_port != 0 && !places.emplace(one->listen.str(), one->listen_port).second)
      return wrong(where + ": listen: another destination listens there, too");
    out.push_back(std::move(*one));
  }
  // What was left out is written out when they are kept, and what is kept has to be read again.
  if (const auto size = print_ztna_destinations(out).size(); size > kMaxDestinationsJson) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the list of destinations, written out in full, has {} bytes, allowed are {}", size, kMaxDestinationsJson));
  }
  return out;
}

std::string print_ztna_destinations(const std::vector<ZtnaDestination>& destinations) {
  json::array list;
  for (const auto& d : destinations) {
    list.push_back(json::object{
        {"name", d.name},
        {"host", d.host},
        {"port", d.port},
        {"gateway", d.gateway},
        {"path", d.path},
        {"ca", d.ca_pem},
        {"fingerprint", d.fingerprint ? to_hex_lower(*d.fingerprint) : std::string()},
        {"listen", fmt::format("{}:{}", d.listen.is_v6() ? "[" + d.listen.str() + "]" : d.listen.str(), d.listen_port)}});
  }
  return json::serialize(json::object{{"destinations", std::move(list)}});
}

}  // namespace postern::proto
