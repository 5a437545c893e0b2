#include "gateway/forward/destinations.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace postern::gateway {
namespace {

Error not_destinations() {
  return {ErrorCode::kInvalidArgument, "destinations are told as \"10.0.0.5 22 5432-5440;db.example 5432\""};
}

std::optional<std::uint16_t> read_port(std::string_view text) {
  const auto number = parse_u64(text);
  if (!number || *number < 1 || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

}  // namespace

bool host_name_sound(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (const auto label : split(name, '.')) {
    const bool sound = !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
                       std::all_of(label.begin(), label.end(), [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
                       });
    if (!sound) return false;
  }
  // Of digits alone resolvers make addresses.
  return name.find_first_not_of("0123456789.") != name.npos;
}

std::string print_destinations(const std::vector<ForwardDestination>& destinations) {
  std::string out;
  for (const auto& d : destinations) {
    if (!out.empty()) out += ';';
    if (!d.range) {
      out += d.name;
    } else {
      out += d.range->first.str();
      if (!(d.range->first == d.range->last)) out += '-' + d.range->last.str();
    }
    for (const auto& p : d.ports) out += p.first == p.last ? fmt::format(" {}", p.first) : fmt::format(" {}-{}", p.first, p.last);
  }
  return out;
}

Result<std::vector<ForwardDestination>> parse_destinations(std::string_view text) {
  if (text.empty() || text.size() > kMaxDestinationsText) return fail(not_destinations());
  std::vector<ForwardDestination> out;
  for (const auto one : split(text, ';')) {
    const auto words = split(one, ' ');
    if (words.size() < 2) return fail(not_destinations());
    ForwardDestination d;
    const auto host = words.front();
    const auto dash = host.find('-');
    if (const auto ip = IpAddress::parse(host)) {
      d.range = IpRange{*ip, *ip};
    } else if (const auto first = IpAddress::parse(host.substr(0, dash)); dash != host.npos && first) {
      const auto last = IpAddress::parse(host.substr(dash + 1));
      if (!last || first->is_v4() != last->is_v4() || *last < *first) return fail(not_destinations());
      d.range = IpRange{*first, *last};
    } else if (host_name_sound(host)) {
      d.name = host;
    } else {
      return fail(not_destinations());
    }
    for (std::size_t i = 1; i < words.size(); ++i) {
      const auto to = words[i].find('-');
      const auto first = read_port(words[i].substr(0, to));
      const auto last = to == words[i].npos ? first : read_port(words[i].substr(to + 1));
      if (!first || !last || *last < *first) return fail(not_destinations());
      d.ports.push_back({*first, *last});
    }
    out.push_back(std::move(d));
  }
  return out;
}

bool leads_to(const std::vector<ForwardDestination>& destinations, std::string_view host, std::uint16_t port) {
  const auto ip = IpAddress::parse(host);
  const auto name = to_lower(host);
  return std::any_of(destinations.begin(), destinations.end(), [&](const ForwardDestination& d) {
    const bool here = d.range ? ip && d.range->contains(*ip) : !ip && d.name == name;
    return here && std::any_of(d.ports.begin(), d.ports.end(), [&](const auto& p) { return p.first <= port && port <= p.last; });
  });
}

bool named_singly(const std::vector<ForwardDestination>& destinations, const IpAddress& address) {
  return std::any_of(destinations.begin(), destinations.end(), [&](const ForwardDestination& d) {
    return d.range && d.range->first == address && d.range->last == address;
  });
}

}  // namespace postern::gateway
