#include "gateway/cli/endpoint_filter.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace postern::gateway::cli {

Result<bool> fits(const EndpointView& e, const std::string& word) {
  const Record& r = e.record;
  if (word == "-") return true;
  if (const auto ip = IpAddress::parse(word)) {
    if (e.ip == *ip) return true;
    for (const auto& interface : r.interfaces) {
      if (std::find(interface.addresses.begin(), interface.addresses.end(), *ip) != interface.addresses.end())
        return true;
    }
    return false;
  }
  if (const auto mac = MacAddress::parse(word)) {
    return e.mac == *mac || std::find(e.other_macs.begin(), e.other_macs.end(), *mac) != e.other_macs.end();
  }
  if (valid_ems_serial(word)) return r.ems_serial.str() == word;
  if (const auto uid = parse_endpoint_uid(word); !uid.empty()) {
    return r.key.uid == uid || to_lower(r.tenant.str()) == to_lower(word);
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("\"{}\" is not a filter; allowed: an IP address, a hardware address, an EMS serial number, a "
                          "UID, a tenant id, or - for any",
                          word.substr(0, 80)));
}

}  // namespace postern::gateway::cli
