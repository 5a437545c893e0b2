#include "ecshm/event.h"

#include <algorithm>
#include <cstring>

namespace postern::ecshm {
namespace {

struct Wire {
  std::uint32_t type;
  std::uint32_t reason;
  std::int64_t time_ms;
  std::uint8_t leaf[32];
  std::uint8_t source[16];
  std::uint8_t has_leaf;
  std::uint8_t family;
  std::uint16_t source_port;
  std::uint32_t proxy;
  std::uint32_t policy;
  std::uint32_t api_gateway;
  std::uint32_t pool;
  std::uint32_t status;
  std::uint64_t bytes;
  std::uint32_t duration_ms;
  std::uint32_t kind;
  std::uint64_t tags[policy::kTagWords];
  char id[12];
  char method[12];
  char host[120];
  char path[200];
  char detail[88];
  char interface[16];
};
static_assert(sizeof(Wire) <= kEventBytes && alignof(Wire) == 8);

template <std::size_t N>
void put(char (&to)[N], std::string_view text) {
  std::memcpy(to, text.data(), std::min(text.size(), N));
}

/// Up to the first NUL; control characters and what is not ASCII become '?', so that logs stay
/// lines.
template <std::size_t N>
std::string get(const char (&from)[N]) {
  std::string out(from, strnlen(from, N));
  for (auto& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  return out;
}

}  // namespace

void encode_event(const Event& event, std::uint8_t* out) {
  Wire w{};
  w.type = static_cast<std::uint32_t>(event.type);
  w.reason = static_cast<std::uint32_t>(event.reason);
  w.time_ms = to_unix_ms(event.time);
  if (event.leaf) {
    w.has_leaf = 1;
    std::memcpy(w.leaf, event.leaf->data(), sizeof w.leaf);
  }
  if (event.source.valid()) {
    w.family = event.source.is_v4() ? 4 : 6;
    std::memcpy(w.source, event.source.bytes().data(), sizeof w.source);
  }
  w.source_port = event.source_port;
  w.proxy = event.proxy;
  w.policy = event.policy;
  w.api_gateway = event.api_gateway;
  w.pool = event.pool;
  w.status = event.status;
  w.bytes = event.bytes;
  w.duration_ms = event.duration_ms;
  w.kind = static_cast<std::uint32_t>(event.kind);
  std::copy(event.tags.words.begin(), event.tags.words.end(), w.tags);
  put(w.id, event.id);
  put(w.method, event.method);
  put(w.host, event.host);
  put(w.path, event.path);
  put(w.detail, event.detail);
  put(w.interface, event.interface);
  std::memcpy(out, &w, sizeof w);
  std::memset(out + sizeof w, 0, kEventBytes - sizeof w);
}

Result<Event> decode_event(ByteView bytes) {
  if (bytes.size() != kEventBytes)
    return fail(ErrorCode::kDataLoss, "an event of a worker has a wrong size");
  Wire w;
  std::memcpy(&w, bytes.data(), sizeof w);
  const auto reason = policy::reason_from_number(w.reason);
  if (w.type < 1 || w.type > 6 || !reason || w.has_leaf > 1 || w.kind >= kSessionKinds ||
      (w.family != 0 && w.family != 4 && w.family != 6)) {
    return fail(ErrorCode::kDataLoss, "an event of a worker is damaged");
  }
  Event out;
  out.type = static_cast<EventType>(w.type);
  out.reason = *reason;
  out.time = from_unix_ms(w.time_ms);
  if (w.has_leaf != 0) {
    out.leaf.emplace();
    std::memcpy(out.leaf->data(), w.leaf, sizeof w.leaf);
  }
  if (w.family == 4)
    out.source = IpAddress::v4({w.source[0], w.source[1], w.source[2], w.source[3]});
  if (w.family == 6) {
    std::array<std::uint8_t, 16> address;
    std::memcpy(address.data(), w.source, address.size());
    out.source = IpAddress::v6(address);
  }
  out.source_port = w.source_port;
  out.proxy = w.proxy;
  out.policy = w.policy;
  out.api_gateway = w.api_gateway;
  out.pool = w.pool;
  out.status = w.status;
  out.bytes = w.bytes;
  out.duration_ms = w.duration_ms;
  out.kind = static_cast<SessionKind>(w.kind);
  std::copy(std::begin(w.tags), std::end(w.tags), out.tags.words.begin());
  out.id = get(w.id);
  out.method = get(w.method);
  out.host = get(w.host);
  out.path = get(w.path);
  out.detail = get(w.detail);
  out.interface = get(w.interface);
  return out;
}

}  // namespace postern::ecshm
