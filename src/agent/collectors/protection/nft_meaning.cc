#include "agent/collectors/protection/nft_meaning.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "agent/collectors/network/netlink.h"

namespace postern::agent {
namespace {

using Subject = NftTest::Subject;
using How = NftTest::How;

constexpr double kAllPorts = 65536;

std::uint32_t host32(ByteView value) {
  std::uint32_t raw = 0;
  read_struct(value, raw);
  return raw;
}

bool is_loopback(const Bytes& interface) {
  constexpr std::uint32_t kLoopbackIndex = 1;
  if (interface.size() == sizeof(std::uint32_t) && host32(interface) == kLoopbackIndex) return true;
  const auto name = as_text(interface);
  return name.starts_with(std::string_view("lo\0", 3));
}

NftMeaning of_family(const std::vector<Bytes>& values, bool inverted, std::uint8_t family) {
  const bool here = std::ranges::any_of(values, [&](const Bytes& v) { return !v.empty() && v[0] == family; });
  return here != inverted ? NftMeaning::kAlways : NftMeaning::kNever;
}

NftMeaning of_interface(const std::vector<Bytes>& values, bool inverted) {
  const bool loopback = std::ranges::all_of(values, is_loopback);
  if (!loopback) return NftMeaning::kMaybe;
  return inverted ? NftMeaning::kAlways : NftMeaning::kNever;
}

NftMeaning of_protocol(const std::vector<Bytes>& values, bool inverted) {
  const bool common = std::ranges::any_of(
      values, [](const Bytes& v) { return v.empty() || v[0] == IPPROTO_TCP || v[0] == IPPROTO_UDP; });
  return common || inverted ? NftMeaning::kMaybe : NftMeaning::kNarrow;
}

NftMeaning of_state(const std::vector<Bytes>& values, bool inverted) {
  constexpr std::uint32_t kNew = NF_CT_STATE_BIT(IP_CT_NEW) | NF_CT_STATE_UNTRACKED_BIT;
  const bool fresh =
      std::ranges::any_of(values, [](const Bytes& v) { return v.size() != 4 || (host32(v) & kNew) != 0; });
  return fresh || inverted ? NftMeaning::kMaybe : NftMeaning::kNarrow;
}

std::size_t port_of(const Bytes& value) { return value.size() == 2 ? std::size_t{value[0]} << 8 | value[1] : 0; }

NftMeaning of_ports(std::size_t from, std::size_t to) {
  return from <= to && to - from < kFewPorts ? NftMeaning::kNarrow : NftMeaning::kMaybe;
}
NftMeaning of_port(const NftTest& test) {
  const auto port = port_of(test.value);
  if (test.how == How::kAtLeast) return of_ports(port, 0xffff);
  if (test.how == How::kAtMost) return of_ports(0, port);
  return test.how == How::kEqual ? NftMeaning::kNarrow : NftMeaning::kMaybe;
}

/// A network of some size: two halves would be everybody.
NftMeaning of_sender(const NftTest& test) {
  constexpr std::size_t kNetwork = 8;
  if (test.how == How::kEqual && test.bits >= kNetwork) return NftMeaning::kNarrow;
  return test.how == How::kEqual || test.how == How::kNotEqual ? NftMeaning::kMaybe : NftMeaning::kUnclear;
}

}  // namespace

NftMeaning meaning_of(const NftTest& test, const std::vector<Bytes>& values, std::uint8_t family) {
  const bool inverted = test.how == How::kNotEqual;
  const bool ordered = test.how == How::kAtLeast || test.how == How::kAtMost;
  if (test.how == How::kAnyBit && test.subject != Subject::kState) return NftMeaning::kUnclear;
  if (ordered && test.subject == Subject::kProtocol) return NftMeaning::kMaybe;
  if (ordered && (test.subject == Subject::kFamily || test.subject == Subject::kState)) return NftMeaning::kUnclear;
  switch (test.subject) {
    case Subject::kFamily:
      return of_family(values, inverted, family);
    case Subject::kInterface:
      return of_interface(values, inverted);
    case Subject::kProtocol:
      return of_protocol(values, inverted);
    case Subject::kState:
      return of_state(values, inverted);
    case Subject::kPort:
      return of_port(test);
    case Subject::kPorts:
      return test.how == How::kEqual && test.bits == 32 ? NftMeaning::kNarrow : NftMeaning::kUnclear;
    case Subject::kSender:
      return of_sender(test);
    case Subject::kNarrow:
      return inverted ? NftMeaning::kMaybe : NftMeaning::kNarrow;
    case Subject::kWide:
      return NftMeaning::kMaybe;
    case Subject::kTranslated:  // by what other rules do
    case Subject::kUnclear:
      break;
  }
  return NftMeaning::kUnclear;
}

std::optional<NftMeaning> meaning_of_range(const NftTest& test, const NftTest& next) {
  const bool range = test.subject == Subject::kPort && test.how == How::kAtLeast && next.subject == Subject::kPort &&
                     next.how == How::kAtMost;
  return range ? std::optional(of_ports(port_of(test.value), port_of(next.value))) : std::nullopt;
}

double share_of(const NftTest& test, std::size_t values) {
  const auto many = static_cast<double>(values);
  if (test.subject == Subject::kSender) return std::min(1.0, many * std::ldexp(1.0, -static_cast<int>(test.bits)));
  if (test.subject != Subject::kPort) return 0;
  const auto port = static_cast<double>(port_of(test.value));
  if (test.how == How::kAtLeast) return 1 - port / kAllPorts;
  return test.how == How::kAtMost ? (port + 1) / kAllPorts : std::min(1.0, many / kAllPorts);
}

double share_of_range(const NftTest& test, const NftTest& next) {
  return (static_cast<double>(port_of(next.value)) - static_cast<double>(port_of(test.value)) + 1) / kAllPorts;
}

NftMeaning meaning_of_both(NftMeaning a, NftMeaning b) {
  for (const auto strongest : {NftMeaning::kNever, NftMeaning::kNarrow, NftMeaning::kUnclear, NftMeaning::kMaybe}) {
    if (a == strongest || b == strongest) return strongest;
  }
  return NftMeaning::kAlways;
}

bool is_counted(const NftTest& test) { return test.subject == Subject::kPort || test.subject == Subject::kSender; }

bool is_translated(const NftTest& test) {
  return test.subject == Subject::kTranslated && test.how == How::kAnyBit && test.value.size() == sizeof(std::uint32_t) &&
         host32(test.value) == IPS_DST_NAT;
}

}  // namespace postern::agent
