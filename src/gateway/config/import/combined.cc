#include "gateway/config/import/combined.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/config/import/policies.h"
#include "gateway/config/schedule.h"

namespace postern::gateway::config::fortios {
namespace {

constexpr std::array<std::string_view, 3> kRequestSettings = {"url-map", "url-map-type", "virtual-host"};

/// Every IPv4 address, which can't be a network here (its default stands for "not set").
void every_address(Draft& draft, Judgements& judgements) {
  const Setting* subnet = draft.setting("subnet");
  const Attribute* attribute = draft.table->attribute("subnet");
  if (!subnet || !attribute || draft.object.values.contains("type")) return;
  const auto value = attribute->normalise(subnet->values);
  if (!value || *value != attribute->default_value) return;
  draft.object.values["type"] = {"iprange"};
  draft.object.values["start-ip"] = {"0.0.0.0"};
  draft.object.values["end-ip"] = {"255.255.255.255"};
  judgements[subnet->at] = {Verdict::kTranslated, "set type iprange, set start-ip 0.0.0.0, set end-ip 255.255.255.255"};
}

/// Tags without ztna-status are asked: whether they are there, is not said alike in every version. Asking can only refuse
/// more; in a refusal, it would refuse less.
void tags_without_status(Draft& policy, Judgements& judgements) {
  auto& values = policy.object.values;
  if (!policy.table->attribute("ztna-status") || values.contains("ztna-status")) return;
  const Setting* tags = policy.setting("ztna-ems-tag");
  if (!tags || !values.contains("ztna-ems-tag")) return;
  values["ztna-status"] = {"enable"};
  const Setting* status = policy.setting("ztna-status");
  judgements[status ? status->at : tags->at] = {
      Verdict::kTranslated,
      (status ? "" : words_of("ztna-ems-tag", values["ztna-ems-tag"]) + ", ") + "set ztna-status enable"};
  if (refuses(policy)) {
    policy.wider.push_back({tags->at, "ztna-status: without it, the refusal may be for everybody there, whatever the tags"});
  }
}

/// There the negation may be of the first group alone; here it is of both together.
void negation_of_two_groups(Draft& policy) {
  const auto& values = policy.object.values;
  if (!values.contains("ztna-ems-tag-negate") || !values.contains("ztna-ems-tag-secondary")) return;
  const Setting* secondary = policy.setting("ztna-ems-tag-secondary");
  policy.wider.push_back(
      {secondary ? secondary->at : policy.source->at,
       "ztna-ems-tag-secondary: ztna-ems-tag-negate may be for ztna-ems-tag alone there; here it is for both"});
}

/// Without one it may do nothing there; here it would be the only one that there is.
void account_without_profile(Draft& account) {
  const Setting* profile = account.setting("accprofile");
  if (profile && profile->command == "set" && profile->values == Value{"super_admin"}) return;
  account.leave_out(account.source->at, "accprofile: without one, an account may do nothing there, and everything here");
}

/// A moment in seconds is the same everywhere; the words beside it are in the source's time zone.
void moments_by_utc(Draft& draft, Judgements& judgements) {
  for (const char* name : {"start", "end"}) {
    const std::string exact = std::string(name) + "-utc";
    const Setting* utc = draft.setting(exact);
    const Setting* words = draft.setting(name);
    if (!utc || !words || utc->command == "unset" || utc->values.size() != 1) continue;
    constexpr std::uint64_t kYear9000 = 221845392000;
    const auto seconds = parse_u64(utc->values[0]);
    if (!seconds || *seconds > kYear9000) {
      judgements[utc->at] = {Verdict::kIgnored, "is no number of seconds since 1970"};
      draft.leave_out(utc->at, exact + ": is no number of seconds since 1970");
      continue;
    }
    // Neither begins earlier nor ends later by being rounded.
    const auto time = WallTime(std::chrono::seconds(*seconds + (*name == 's' ? 59 : 0)));
    const auto m = local_minute(time);
    const std::string value =
        fmt::format("{:02}:{:02} {:04}/{:02}/{:02}", m.minute / 60, m.minute % 60, m.year, m.month, m.day);
    auto& taken = draft.object.values[name];
    if (taken != Value{value}) {
      taken = {value};
      judgements[words->at] = {Verdict::kTranslated, fmt::format("{} (by {}, in this machine's time)",
                                                                 words_of(name, taken), exact)};
    }
    judgements[utc->at] = {Verdict::kTaken, {}};
  }
}

/// 0: refuses whoever shows none; more: lets in more of them.
int openness(const Value& empty_cert_action) {
  if (empty_cert_action == Value{"accept"}) return 2;
  return empty_cert_action == Value{"accept-unmanageable"} ? 1 : 0;
}

}  // namespace

void combine(Draft& draft, Judgements& judgements) {
  if (!draft.alive()) return;
  if (draft.from == "firewall address") every_address(draft, judgements);
  if (draft.from == "firewall schedule onetime") moments_by_utc(draft, judgements);
  if (draft.from == "system admin" || draft.from == "system api-user") account_without_profile(draft);
  if (!draft.is_policy()) return;
  tags_without_status(draft, judgements);
  negation_of_two_groups(draft);
}

bool is_request_setting(std::string_view name) {
  return std::find(kRequestSettings.begin(), kRequestSettings.end(), name) != kRequestSettings.end();
}

bool requests_are_known(const Draft& api_gateway, const Judgements& judgements) {
  const Entry& source = *api_gateway.source;
  if (!source.closed || !source.strange.empty()) return false;
  return std::all_of(source.settings.begin(), source.settings.end(), [&](const Setting& s) {
    return !is_request_setting(s.name) || judgements[s.at].verdict != Verdict::kIgnored;
  });
}

std::string refuses_without_certificate(const ObjectView& access_proxy, const Draft& at_the_door) {
  const int here = openness(access_proxy.values("empty-cert-action"));
  if (here == 0) return {};
  const Setting* action = at_the_door.setting("empty-cert-action");
  const Setting* ask = at_the_door.setting("client-cert");
  const bool stricter = action && action->command != "unset" ? openness(action->values) < here
                                                             : ask && ask->values == Value{"enable"};
  if (!stricter) return {};
  return fmt::format("{} refuses there who shows no certificate, and the access proxy alone is asked here",
                     at_the_door.name());
}

}  // namespace postern::gateway::config::fortios
