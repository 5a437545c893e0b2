// dns-server {"servers","only","match"}: whom the endpoint asks for names.
#include "posture/fact_keys.h"
#include "posture/rules/addresses.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace dns_server_rule {
namespace {

constexpr Reason kUsed{"dns_server_used", "the endpoint asks the DNS servers that were named"};
constexpr Reason kNotUsed{"dns_server_not_used", "the endpoint does not ask the DNS servers that were named"};
constexpr Reason kOther{"dns_server_other", "the endpoint asks a DNS server that was not named"};
constexpr Match kOtherwise = Match::kAny;

class DnsServers final : public Condition {
 public:
  DnsServers(std::vector<IpRange> ranges, Match match, bool only, std::string text)
      : ranges_(std::move(ranges)), match_(match), only_(only), text_(std::move(text)) {
    keys_ = {std::string(keys::kDnsServers)};
  }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* servers = read<std::vector<std::string>>(facts, keys::kDnsServers, why);
    if (servers == nullptr) return {Verdict::kUnknown, why};
    SetVerdict set(match_);
    for (const IpRange& range : ranges_) set.add(asks_one_of(range, *servers), &kNoAddress);
    const Judgement used = set.judgement(kUsed, kNotUsed);
    if (!only_ || used.verdict == Verdict::kNoMatch) return used;
    Verdict others = Verdict::kNoMatch;
    for (const std::string& text : *servers) {
      const auto address = IpAddress::parse(text);
      others = verdict_or(others, address ? verdict_of(!in_any(ranges_, *address)) : Verdict::kUnknown);
    }
    if (others == Verdict::kMatch) return {Verdict::kNoMatch, &kOther};
    return others == Verdict::kUnknown ? Judgement{others, &kNoAddress} : used;
  }
  std::string describe() const override { return text_; }

 private:
  static Verdict asks_one_of(const IpRange& range, const std::vector<std::string>& servers) {
    Verdict any = Verdict::kNoMatch;
    for (const std::string& text : servers) {
      const auto address = IpAddress::parse(text);
      any = verdict_or(any, address ? verdict_of(range.contains(*address)) : Verdict::kUnknown);
    }
    return any;
  }

  std::vector<IpRange> ranges_;
  Match match_;
  bool only_;
  std::string text_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& texts = list_of(parameters, "servers");
  auto ranges = parse_ranges("servers", texts);
  if (!ranges) return fail(ranges.error());
  const Match match = match_of(parameters, kOtherwise);
  const bool only = flag_of(parameters, "only", false);
  std::string text = "it asks the DNS servers " + in_words(texts, match) + (only ? " and no others" : "");
  return std::make_unique<DnsServers>(std::move(*ranges), match, only, std::move(text));
}

}  // namespace
}  // namespace dns_server_rule

const RuleType& dns_server() {
  static const RuleType kType{
      .name = "dns-server",
      .title = "DNS Server",
      .help = "The endpoint asks these DNS servers; with only: and no others.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {{.name = "servers",
                      .type = ParameterSpec::Type::kTexts,
                      .required = true,
                      .help = "Addresses, or ranges of them as for ip-range."},
                     {.name = "only",
                      .type = ParameterSpec::Type::kBoolean,
                      .help = "Refuse any server that is not listed; false if not given."},
                     match_parameter(dns_server_rule::kOtherwise)},
      .facts = {keys::kDnsServers},
      .unknown = "Also where an entry that was reported is no address and could decide.",
      .compile = dns_server_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
