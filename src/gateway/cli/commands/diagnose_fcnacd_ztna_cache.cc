#include <fmt/format.h>

#include "gateway/cli/commands/diagnose_fcnacd.h"
#include "gateway/cli/lines.h"

namespace postern::gateway::cli::commands {
namespace {

/// The kinds of tags in the order in which an EMS lists them for sharing; 3, outbreak alerts, does not exist here.
int tag_level(const std::string& kind) { return kind == "classification" ? 2 : kind == "fabric" ? 4 : 1; }

void add_entry(Lines& out, std::size_t number, const EndpointTrace& trace) {
  using State = EndpointTrace::Tag::State;
  const Record& r = trace.endpoint.record;
  std::vector<const EndpointTrace::Tag*> held;
  bool decided = true;
  for (const auto& tag : trace.tags) {
    if (tag.state == State::kHas) held.push_back(&tag);
    decided = decided && tag.state != State::kUnknown;
  }
  out.add(fmt::format("#ID:{}", number));
  out.add("UID:", r.key.uid.str());
  out.add("EMS:", r.ems_serial.str() + ' ' + r.tenant.str());
  out.add(fmt::format("State: sysinfo:1, tag:{}, tagsz:{}, out-of-sync:{}, ref:{}", decided ? 1 : 0, held.size(),
                      trace.stale ? 1 : 0, trace.sessions));
  out.add("Owner:", r.owner);
  out.add("Cert SN:", r.certificates.empty() ? "" : r.certificates.front().serial.str());
  out.add("online:", r.online ? "Yes" : "No");
  out.add("Sub TS:", trace.confirmed_at ? to_asctime(*trace.confirmed_at) : "");
  for (const auto& route : trace.endpoint.routes) out.add(fmt::format("Route IP:{}, vdom:root(0)", route.ip.str()));
  for (std::size_t i = 0; i < held.size(); ++i) {
    out.add(fmt::format("idx:{}, ttdl:{} name:{}", i, tag_level(held[i]->kind), held[i]->tag));
  }
}

void show_ztna_cache(const CommandContext& c) {
  Lines out;
  out.add("ZTNA Cache:");
  std::size_t number = 0;
  for (const auto& trace : c.operations.endpoint_traces([](const auto&) { return true; })) {
    if (trace.matched) add_entry(out, number++, trace);
  }
  c.print(out.take());
}

}  // namespace

FcnacdTest fcnacd_ztna_cache() {
  return {"7", "Show the ZTNA cache: by which endpoints and tags access proxies decide.", show_ztna_cache};
}

}  // namespace postern::gateway::cli::commands
