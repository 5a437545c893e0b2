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

void add_types(const Facts& facts, const std::string& name, std::set<std::string>& out) {
  const auto link = std::string(kLinks) + "/" + name + "/";
  const auto read = [&](const char* file) {
    const auto text = facts.read(link + file, kSmall);
    return text ? std::string(trim(*text)) : std::string();
  };
  const auto state = read("operstate");
  // A tunnel's state is "unknown" while it is up.
  if (state != "up" && !(state == "unknown" && read("carrier") == "1")) return;
  const auto type = read("type");
  const auto kind = value_of(parse_key_values(read("uevent")), "DEVTYPE");
  if (type == "772") return;  // loopback
  if (kind == "wlan" || facts.exists(link + "wireless") || facts.exists(link + "phy80211")) {
    out.insert("wifi");
    const auto ssid = facts.foreign() ? std::string() : ssid_of(name);
    if (!ssid.empty()) out.insert("wifi:" + ssid);
  } else if (kind == "wireguard" || kind == "ppp" || type == "512" || type == "65534" || facts.exists(link + "tun_flags")) {
    out.insert("vpn");
  } else if (type == "1" && (kind.empty() || kind == "gadget")) {
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
  for (const auto& name : *names) add_types(facts, name, out);
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
