// net.link_types: of the interfaces that are up.
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <set>

#include <linux/wireless.h>

#include "agent/collectors/asked.h"
#include "agent/collectors/listing.h"
#include "agent/collectors/network/tunnel.h"
#include "agent/collectors/os/key_values.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace links_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr const char* kLinks = "/sys/class/net";
constexpr std::size_t kSmall = 64u << 10;
constexpr std::string_view kEthernet = "1";  // ARPHRD_ETHER

std::string text_of(const Facts& facts, const std::string& path) {
  const auto text = facts.read(path, kSmall);
  return text ? std::string(trim(*text)) : std::string();
}

/// The network that a wireless card is in; empty: none, or the driver does not say.
std::string ssid_of(const std::string& name) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return {};
  char text[IW_ESSID_MAX_SIZE + 1] = {};
  iwreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  request.u.essid.pointer = text;
  request.u.essid.length = sizeof text;
  const bool told = ::ioctl(fd, SIOCGIWESSID, &request) == 0 && request.u.essid.flags != 0;
  ::close(fd);
  return told ? std::string(text, std::min<std::size_t>(request.u.essid.length, IW_ESSID_MAX_SIZE)) : std::string();
}

/// A link as /sys shows it.
struct Shown {
  std::string at;    // its directory, with the slash behind
  std::string type;  // ARPHRD_…, a number
  std::string kind;  // DEVTYPE; empty: an Ethernet card, or many a virtual link
};

bool is_up(const Facts& facts, const std::string& at) {
  const auto state = text_of(facts, at + "operstate");
  // A tunnel's state is "unknown" while it is up.
  return state == "up" || (state == "unknown" && text_of(facts, at + "carrier") == "1");
}

/// Only hardware, or what a hypervisor shows as such, has a device behind it: no veth, bridge or tap has.
bool is_hardware(const Facts& facts, const Shown& link) { return facts.exists(link.at + "device"); }

bool is_wireless(const Facts& facts, const Shown& link) {
  return link.kind == "wlan" || facts.exists(link.at + "wireless") || facts.exists(link.at + "phy80211");
}

bool is_vpn(const Facts& facts, const Shown& link) {
  constexpr std::string_view kNoHeader = "65534";  // ARPHRD_NONE: tun, WireGuard, xfrm, and modems that carry bare IP
  if (is_hardware(facts, link)) return false;
  const auto type = parse_u64(link.type);
  const auto kind = facts.exists(link.at + "tun_flags") ? "tun" : std::string_view(link.kind);
  return link.type == kNoHeader || (type && is_tunnel(kind, static_cast<unsigned>(*type)));
}

/// A tap that is no bridge's port: a VPN's, or a virtual machine's.
bool is_loose_tap(const Facts& facts, const Shown& link) {
  return link.type == kEthernet && facts.exists(link.at + "tun_flags") && !facts.exists(link.at + "master");
}

void add_types(const Facts& facts, const std::string& name, const Shown& link, std::set<std::string>& out) {
  if (is_wireless(facts, link)) {
    out.insert("wifi");
    const auto ssid = facts.foreign() ? std::string() : ssid_of(name);
    if (!ssid.empty()) out.insert("wifi:" + ssid);
  } else if (is_vpn(facts, link)) {
    out.insert("vpn");
  } else if (link.type == kEthernet && (link.kind.empty() || link.kind == "gadget") && is_hardware(facts, link)) {
    out.insert("ethernet");
  }
}

void answer(const Question&, Facts& facts) {
  const auto names = list_directory(facts, kLinks);
  if (!names) {
    const bool foreign = facts.foreign() && names.error().code == ErrorCode::kNotFound;
    return facts.unknown(keys::kLinkTypes, reason_of(names.error()), foreign ? kForeignRoot : kLinks);
  }
  std::set<std::string> out;
  for (const auto& name : *names) {
    const auto at = std::string(kLinks) + "/" + name + "/";
    if (!is_up(facts, at)) continue;
    const Shown link{at, text_of(facts, at + "type"),
                     value_of(parse_key_values(text_of(facts, at + "uevent")), "DEVTYPE")};
    if (is_loose_tap(facts, link)) {
      return facts.unknown(keys::kLinkTypes, UnknownReason::kUnsupported,
                           "whether " + name + " is a VPN's or a virtual machine's can't be told");
    }
    add_types(facts, name, link, out);
  }
  facts.know(keys::kLinkTypes, std::vector<std::string>(out.begin(), out.end()), kLinks);
}

Triggers triggers(const Question&, const Facts&) { return {.network = true}; }

}  // namespace
}  // namespace links_family

namespace asked {
const AskedFamily& links() {
  static const AskedFamily kFamily{.name = "links",
                                   .keys = {posture::keys::kLinkTypes},
                                   .answer = links_family::answer,
                                   .triggers = links_family::triggers,
                                   .pause = std::chrono::milliseconds(20)};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
