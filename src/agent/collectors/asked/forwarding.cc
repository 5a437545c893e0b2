// net.forwarding: does this machine pass on what is not for it?
#include "agent/collectors/asked.h"
#include "agent/collectors/listing.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace forwarding_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

/// On for all interfaces, or for one of them.
Result<bool> forwards(const Facts& facts, const std::string& family) {
  const auto conf = "/proc/sys/net/" + family + "/conf";
  auto names = list_directory(facts, conf);
  if (!names) return fail(names.error());
  for (const auto& name : *names) {
    if (name == "default" || name == "lo") continue;  // of interfaces to come; what comes in by lo is this machine's own
    const auto text = facts.read(conf + "/" + name + "/forwarding", 64);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;  // the interface went away
    if (!text) return fail(text.error());
    if (trim(*text) != "0") return true;
  }
  return false;
}

void answer(const Question&, Facts& facts) {
  std::vector<std::string> out;
  bool any = false;
  for (const auto* family : {"ipv4", "ipv6"}) {
    const auto on = forwards(facts, family);
    if (!on && on.error().code == ErrorCode::kNotFound) continue;  // a kernel without it
    if (!on) return facts.unknown(keys::kForwarding, reason_of(on.error()), on.error().message);
    any = true;
    if (*on) out.emplace_back(family);
  }
  if (!any)
    return facts.unknown(keys::kForwarding, UnknownReason::kUnsupported, facts.foreign() ? kForeignRoot : "/proc/sys/net");
  facts.know(keys::kForwarding, std::move(out), "/proc/sys/net");
}

Triggers triggers(const Question&, const Facts&) {
  return {.network = true, .interval = Seconds(1), .why = "a setting of the kernel that is changed sends no event"};
}

}  // namespace
}  // namespace forwarding_family

namespace asked {
const AskedFamily& forwarding() {
  static const AskedFamily kFamily{.name = "forwarding",
                                   .keys = {posture::keys::kForwarding},
                                   .answer = forwarding_family::answer,
                                   .triggers = forwarding_family::triggers};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
