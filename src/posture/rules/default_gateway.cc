// default-gateway {"addresses","macs"}: through whom the endpoint reaches the world.
#include "posture/fact_keys.h"
#include "posture/rules/addresses.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace default_gateway_rule {
namespace {

constexpr Reason kIs{"gateway_matches", "a default gateway is one that was named"};
constexpr Reason kIsNot{"gateway_differs", "no default gateway is one that was named"};
constexpr Reason kMacUnknown{"gateway_mac_unknown", "the hardware address of a default gateway is not known"};

class DefaultGateway final : public Condition {
 public:
  DefaultGateway(std::vector<IpRange> ranges, std::vector<MacAddress> macs, std::string text)
      : ranges_(std::move(ranges)), macs_(std::move(macs)), text_(std::move(text)) {
    keys_ = {std::string(keys::kRoutes)};
  }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* routes = read<std::vector<Route>>(facts, keys::kRoutes, why);
    if (routes == nullptr) return {Verdict::kUnknown, why};
    SetVerdict set(Match::kAny);
    for (const Route& route : *routes) set.add(is(route), &kMacUnknown);
    return set.judgement(kIs, kIsNot);
  }
  std::string describe() const override { return text_; }

 private:
  Verdict is(const Route& route) const {
    if (!ranges_.empty() && !(route.gateway_ip.valid() && in_any(ranges_, route.gateway_ip))) return Verdict::kNoMatch;
    if (macs_.empty()) return Verdict::kMatch;
    // A route without a gateway's address, as into a tunnel, has no neighbour whose hardware address could be known.
    if (!route.gateway_mac.valid()) return route.gateway_ip.valid() ? Verdict::kUnknown : Verdict::kNoMatch;
    return verdict_of(std::find(macs_.begin(), macs_.end(), route.gateway_mac) != macs_.end());
  }

  std::vector<IpRange> ranges_;
  std::vector<MacAddress> macs_;
  std::string text_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& addresses = list_of(parameters, "addresses");
  const auto& mac_texts = list_of(parameters, "macs");
  if (addresses.empty() && mac_texts.empty()) return invalid("addresses: is missing; give addresses, macs or both");
  auto ranges = parse_ranges("addresses", addresses);
  if (!ranges) return fail(ranges.error());
  auto macs = parse_macs("macs", mac_texts);
  if (!macs) return fail(macs.error());
  std::vector<std::string> words;
  if (!addresses.empty()) words.push_back("is " + in_words(addresses, Match::kAny));
  if (!mac_texts.empty()) words.push_back("has the hardware address " + in_words(mac_texts, Match::kAny));
  return std::make_unique<DefaultGateway>(std::move(*ranges), std::move(*macs),
                                          "a default gateway " + in_words(words, Match::kAll));
}

}  // namespace
}  // namespace default_gateway_rule

const RuleType& default_gateway() {
  static const RuleType kType{
      .name = "default-gateway",
      .title = "Default Gateway",
      .help = "A default route of the endpoint leads to this gateway; with addresses and macs both must be of one gateway. "
              "The same network stands in many places: its gateway's hardware address tells them apart.",
      .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
      .parameters = {{.name = "addresses",
                      .type = ParameterSpec::Type::kTexts,
                      .help = "Addresses of the gateway, or ranges of them as for ip-range. This, macs or both."},
                     {.name = "macs",
                      .type = ParameterSpec::Type::kTexts,
                      .help = "Hardware addresses of the gateway, such as 02:09:0f:00:01:02."}},
      .facts = {keys::kRoutes},
      .unknown = "Also while the hardware address of a gateway that could decide is not known.",
      .compile = default_gateway_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
