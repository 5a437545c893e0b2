// ip-range {"ranges"}: an address of the endpoint's own lies in the ranges.
#include <fmt/format.h>

#include <algorithm>

#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace {

constexpr Reason kInside{"address_in_range", "an address of the endpoint is in the range"};
constexpr Reason kOutside{"address_not_in_range",
                          "no address of an interface that is up is in the range"};
constexpr Match kAnyRange = Match::kAny;

class InRanges final : public Condition {
 public:
  InRanges(const std::vector<std::string>& texts, std::vector<IpRange> ranges, Match match)
      : texts_(texts), ranges_(std::move(ranges)), match_(match) {
    keys_ = {std::string(keys::kInterfaces)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* interfaces = read<std::vector<Interface>>(facts, keys::kInterfaces, why);
    if (interfaces == nullptr) return {Verdict::kUnknown, why};
    SetVerdict set(match_);
    for (const IpRange& range : ranges_)
      set.add(verdict_of(any_address_in(range, *interfaces)), nullptr);
    return set.judgement(kInside, kOutside);
  }

  std::string describe() const override {
    return "an address of its own is in " + in_words(texts_, match_);
  }

 private:
  /// Loopback addresses don't count: every endpoint has them, so they say nothing of where it is.
  static bool any_address_in(const IpRange& range, const std::vector<Interface>& interfaces) {
    for (const Interface& interface : interfaces) {
      if (!interface.up) continue;
      for (const IpAddress& address : interface.addresses) {
        if (!address.is_loopback() && range.contains(address)) return true;
      }
    }
    return false;
  }

  std::vector<std::string> texts_;
  std::vector<IpRange> ranges_;
  Match match_;
};

Result<std::unique_ptr<const Condition>> compile_ip_range(const Parameters& parameters, OsFamily) {
  const auto& texts = list_of(parameters, "ranges");
  std::vector<IpRange> ranges;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto range = IpRange::parse(texts[i]);
    if (!range) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format(
              "ranges[{}]: {} is not a range of addresses; write 10.0.1.0/24, 10.0.2.1-10.0.2.9, "
              "10.0.0.7 or the same in IPv6",
              i, posture::quoted(texts[i])));
    }
    ranges.push_back(*range);
  }
  return std::make_unique<InRanges>(texts, std::move(ranges), match_of(parameters, kAnyRange));
}

}  // namespace

const RuleType& ip_range() {
  static const RuleType kType{
      .name = "ip-range",
      .title = "IP Range",
      .help =
          "An address of an interface that is up lies in the ranges. Loopback and the public "
          "address don't count.",
      .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
      .parameters =
          {{.name = "ranges",
            .type = ParameterSpec::Type::kTexts,
            .required = true,
            .help = "Networks, ranges or addresses, such as 10.0.1.0/24 or 10.0.2.1-10.0.2.9."},
           match_parameter(kAnyRange)},
      .compile = compile_ip_range};
  return kType;
}

}  // namespace postern::posture::rules
