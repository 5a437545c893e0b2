#include "gateway/cli/print_device.h"

#include <fmt/format.h>

#include "gateway/cli/lines.h"

namespace postern::gateway::cli {

std::string print_device(const EndpointTrace& trace) {
  const Record& r = trace.endpoint.record;
  std::vector<std::string> held;
  for (const auto& tag : trace.tags) {
    if (tag.state == EndpointTrace::Tag::State::kHas) held.push_back(tag.tag);
  }
  Lines out;
  out.add("UID:", r.key.uid.str());
  out.add("Domain:", r.domain);
  out.add("User:", r.last_login_user);
  out.add("Cert SN:", r.certificates.empty() ? "" : r.certificates.front().serial.str());
  out.add("EMS SN:", r.ems_serial.str());
  out.add(fmt::format("Routes({}):", trace.endpoint.routes.size()));
  for (std::size_t i = 0; i < trace.endpoint.routes.size(); ++i) {
    out.add(fmt::format(" - Route #{}: IP={}, vdom=root(0)", i, trace.endpoint.routes[i].ip.str()));
  }
  out.add(fmt::format("Tags({}):", held.size()));
  for (std::size_t i = 0; i < held.size(); ++i) out.add(fmt::format(" - Tag #{}: {}", i, held[i]));
  return out.take();
}

}  // namespace postern::gateway::cli
