// ip-range {"ranges","address"}: an address of the endpoint lies in the ranges.
#include <fmt/format.h>

#include <algorithm>

#include "base/ip.h"
#include "posture/fact_keys.h"
#include "posture/rules/addresses.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace ip_range_rule {
namespace {

constexpr Reason kInside{"address_in_range", "an address of the endpoint is in the range"};
constexpr Reason kOutside{"address_not_in_range",
                          "no address of an interface that is up is in the range"};
constexpr Reason kObservedInside{"observed_in_range", "the address that the EMS sees is in the range"};
constexpr Reason kObservedOutside{"observed_not_in_range", "the address that the EMS sees is not in the range"};
constexpr Match kOtherwise = Match::kAny;

class LocalIn final : public Condition {
 public:
  LocalIn(const std::vector<std::string>& texts, std::vector<IpRange> ranges, Match match)
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

class ObservedIn final : public Condition {
 public:
  ObservedIn(const std::vector<std::string>& texts, std::vector<IpRange> ranges, Match match)
      : texts_(texts), ranges_(std::move(ranges)), match_(match) {
    keys_ = {std::string(keys::kEmsPublicIp)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* text = read<std::string>(facts, keys::kEmsPublicIp, why);
    if (text == nullptr) return {Verdict::kUnknown, why};
    const auto address = IpAddress::parse(*text);
    if (!address) return {Verdict::kUnknown, &kNoAddress};
    SetVerdict set(match_);
    for (const IpRange& range : ranges_) set.add(verdict_of(range.contains(*address)), nullptr);
    return set.judgement(kObservedInside, kObservedOutside);
  }

  std::string describe() const override {
    return "the address that the EMS sees is in " + in_words(texts_, match_);
  }

 private:
  std::vector<std::string> texts_;
  std::vector<IpRange> ranges_;
  Match match_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& texts = list_of(parameters, "ranges");
  auto ranges = parse_ranges("ranges", texts);
  if (!ranges) return fail(ranges.error());
  const Match match = match_of(parameters, kOtherwise);
  if (text_of(parameters, "address") == "observed") return std::make_unique<ObservedIn>(texts, std::move(*ranges), match);
  return std::make_unique<LocalIn>(texts, std::move(*ranges), match);
}

}  // namespace
}  // namespace ip_range_rule

const RuleType& ip_range() {
  static const RuleType kType{
      .name = "ip-range",
      .title = "IP Range",
      .help =
          "An address of an interface that is up lies in the ranges, loopback aside; or the address from which the EMS sees "
          "the endpoint connect does.",
      .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
      .parameters =
          {{.name = "ranges",
            .type = ParameterSpec::Type::kTexts,
            .required = true,
            .help = "Networks, ranges or addresses, such as 10.0.1.0/24 or 10.0.2.1-10.0.2.9."},
           {.name = "address",
            .choices = {"local", "observed"},
            .help = "The endpoint's own addresses, or the one that the EMS sees (behind NAT: the public one); local if not "
                    "given."},
           match_parameter(ip_range_rule::kOtherwise)},
      .facts = {keys::kInterfaces, keys::kEmsPublicIp},
      .compile = ip_range_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
