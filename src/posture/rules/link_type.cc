// link-type {"types","ssids","match"}: how the endpoint is connected.
#include <algorithm>

#include "posture/fact_keys.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace link_type_rule {
namespace {

constexpr Reason kConnected{"link_present", "the endpoint is connected so"};
constexpr Reason kNotConnected{"link_absent", "the endpoint is not connected so"};
constexpr Reason kSsidUnknown{"ssid_unknown", "the endpoint is on a wireless network whose name is not known"};
constexpr Match kOtherwise = Match::kAny;
constexpr std::string_view kWifi = "wifi";
constexpr std::string_view kNamedWifi = "wifi:";

class LinkTypes final : public Condition {
 public:
  LinkTypes(std::vector<std::string> types, std::vector<std::string> ssids, Match match, std::string text)
      : types_(std::move(types)), ssids_(std::move(ssids)), match_(match), text_(std::move(text)) {
    keys_ = {std::string(keys::kLinkTypes)};
  }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* links = read<std::vector<std::string>>(facts, keys::kLinkTypes, why);
    if (links == nullptr) return {Verdict::kUnknown, why};
    SetVerdict set(match_);
    for (const std::string& type : types_) {
      set.add(verdict_of(std::any_of(links->begin(), links->end(), [&](const std::string& link) {
                return link == type || (type == kWifi && link.starts_with(kNamedWifi));
              })),
              nullptr);
    }
    for (const std::string& ssid : ssids_) set.add(on_network(*links, ssid), &kSsidUnknown);
    return set.judgement(kConnected, kNotConnected);
  }
  std::string describe() const override { return text_; }

 private:
  /// A wireless link without any name could be the one that is asked for.
  static Verdict on_network(const std::vector<std::string>& links, std::string_view ssid) {
    bool unnamed = false, named = false;
    for (const std::string_view link : links) {
      if (link == kWifi) unnamed = true;
      if (!link.starts_with(kNamedWifi)) continue;
      named = true;
      if (link.substr(kNamedWifi.size()) == ssid) return Verdict::kMatch;
    }
    return unnamed && !named ? Verdict::kUnknown : Verdict::kNoMatch;
  }

  std::vector<std::string> types_;
  std::vector<std::string> ssids_;
  Match match_;
  std::string text_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& types = list_of(parameters, "types");
  const auto& ssids = list_of(parameters, "ssids");
  if (types.empty() && ssids.empty()) return invalid("types: is missing; give types, ssids or both");
  const Match match = match_of(parameters, kOtherwise);
  std::vector<std::string> words = types;
  for (const std::string& ssid : ssids) words.push_back("the wireless network " + ssid);
  return std::make_unique<LinkTypes>(types, ssids, match, "the endpoint is connected by " + in_words(words, match));
}

}  // namespace
}  // namespace link_type_rule

const RuleType& link_type() {
  static const RuleType kType{
      .name = "link-type",
      .title = "Link Type",
      .help =
          "The endpoint is connected by ethernet, by wireless, through a VPN, or to a wireless network of this name. "
          "Anybody can give a wireless network any name.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {{.name = "types",
                      .type = ParameterSpec::Type::kTexts,
                      .choices = {"ethernet", "wifi", "vpn"},
                      .help = "Kinds of links. This, ssids or both."},
                     {.name = "ssids",
                      .type = ParameterSpec::Type::kTexts,
                      .max_bytes = 32,
                      .help = "Names of wireless networks, by their case."},
                     match_parameter(link_type_rule::kOtherwise)},
      .facts = {keys::kLinkTypes},
      .unknown =
          "Of a name also where the endpoint is on a wireless network and can't tell which; of all where a tap device "
          "is up "
          "that is no bridge's port: it may be a VPN's or a virtual machine's.",
      .compile = link_type_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
