// net.listening: of the agent's network namespace.
#include "agent/collectors/asked/listening.h"

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "agent/collectors/asked.h"
#include "base/hex.h"
#include "base/ip.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace listening_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr std::size_t kMaxTable = 16u << 20;
struct Table {
  const char* path;
  bool udp;
};
constexpr Table kTables[] = {
    {"/proc/net/tcp", false}, {"/proc/net/tcp6", false}, {"/proc/net/udp", true}, {"/proc/net/udp6", true}};

/// "0100007F:1F90", words in the machine's own order of bytes.
std::optional<std::string> endpoint(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == text.npos) return std::nullopt;
  auto bytes = from_hex(text.substr(0, colon));
  unsigned port = 0;
  const auto digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port, 16);
  if (!bytes || error != std::errc() || end != digits.data() + digits.size() || port > 65535) return std::nullopt;
  if (bytes->size() != 4 && bytes->size() != 16) return std::nullopt;
  for (std::size_t i = 0; i < bytes->size(); i += 4) {
    // The digits are a number's: most significant first.
    const auto word = static_cast<std::uint32_t>((*bytes)[i]) << 24 | static_cast<std::uint32_t>((*bytes)[i + 1]) << 16 |
                      static_cast<std::uint32_t>((*bytes)[i + 2]) << 8 | (*bytes)[i + 3];
    std::memcpy(bytes->data() + i, &word, 4);
  }
  const auto ip = IpAddress::from_bytes(as_text(*bytes));
  if (!ip) return std::nullopt;
  return (ip->is_v4() ? ip->str() : "[" + ip->str() + "]") + ":" + std::to_string(port);
}

void answer(const Question&, Facts& facts) {
  std::set<std::string> all;
  bool any = false;
  for (const auto& [path, udp] : kTables) {
    const auto text = facts.read(path, kMaxTable);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;  // a kernel without IPv6
    if (!text) return facts.unknown(keys::kListening, reason_of(text.error()), path);
    any = true;
    parse_sockets(*text, udp, all);
  }
  if (!any) return facts.unknown(keys::kListening, UnknownReason::kUnsupported, facts.foreign() ? kForeignRoot : "/proc/net");
  if (all.size() >= kMaxListening)
    return facts.unknown(keys::kListening, UnknownReason::kFailed, "more sockets listen than can be told");
  facts.know(keys::kListening, std::vector<std::string>(all.begin(), all.end()), "/proc/net");
}

Triggers triggers(const Question&, const Facts&) {
  return {.interval = Seconds(1), .why = "the kernel tells nobody that a socket listens"};
}

}  // namespace
}  // namespace listening_family

void parse_sockets(std::string_view text, bool udp, std::set<std::string>& out) {
  for (const auto line : split(text, '\n')) {
    std::array<std::string_view, 4> fields;  // number, local, remote, state
    std::size_t count = 0;
    for (const auto field : split(line, ' ')) {
      if (field.empty()) continue;
      fields[count++] = field;
      if (count == fields.size()) break;
    }
    if (count != fields.size() || out.size() >= kMaxListening) continue;
    const bool waits = udp ? fields[3] == "07" && fields[2].ends_with(":0000") : fields[3] == "0A";
    if (!waits) continue;
    if (const auto local = listening_family::endpoint(fields[1]); local && !local->ends_with(":0")) {
      out.insert((udp ? "udp " : "tcp ") + *local);
    }
  }
}

namespace asked {
const AskedFamily& listening() {
  static const AskedFamily kFamily{.name = "listening",
                                   .keys = {posture::keys::kListening},
                                   .answer = listening_family::answer,
                                   .triggers = listening_family::triggers};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
