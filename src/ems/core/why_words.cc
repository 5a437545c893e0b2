#include "ems/core/why_words.h"

#include <fmt/format.h>

#include "posture/fact_keys.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;

std::string span_text(Seconds span) {
  const auto of = [](std::int64_t count, std::string_view unit) { return fmt::format("{} {}{}", count, unit, count == 1 ? "" : "s"); };
  const auto seconds = span.count();
  if (seconds >= 3600 && seconds % 3600 == 0) return of(seconds / 3600, "hour");
  if (seconds >= 60 && seconds % 60 == 0) return of(seconds / 60, "minute");
  return of(seconds, "second");
}

}  // namespace

void say_silence(posture::TagExplanation& why, std::string_view silence, Seconds timeout) {
  if (why.reason != "silent" || silence.empty()) return;
  why.text = fmt::format("{}; what an endpoint reported counts for {} after that (the EMS's --tag-timeout), so until it reports "
                         "again nobody knows of any tag that has rules",
                         silence, span_text(timeout));
}

void say_what_is_missing(posture::TagExplanation& why) {
  for (auto& rule : why.rules) {
    if (rule.verdict != posture::Verdict::kUnknown || rule.reason != "unsupported" || rule.facts.empty()) continue;
    auto& reading = rule.facts.front();
    if (reading.key == keys::kEmsOnFabric) {
      rule.reason = "on_fabric_undecided";
      rule.text = "its endpoint profile has no detection sets, or what they ask for is not known";
      reading.text = "not known";
    } else if (const auto service = keys::argument_of(reading.key, keys::kUserIdentity);
               !service.empty() && why.os == posture::OsFamily::kLinux) {
      rule.reason = "no_identity";
      rule.text = fmt::format("nobody named an account on the endpoint: /etc/postern/identity.conf is not there, or has no line "
                              "{}=ACCOUNT", service);
      reading.text = "not named";
    }
  }
}

std::string unjudged_words(std::string_view unjudged) {
  return std::string("of one of its packages nobody knows what is open in it. ").append(unjudged);
}

void say_what_had_expired(posture::TagExplanation& why) {
  for (auto& rule : why.rules) {
    if (rule.verdict != posture::Verdict::kUnknown || rule.reason != "stale") continue;
    for (auto& reading : rule.facts) {
      const auto name = keys::argument_of(reading.key, keys::kEmsAttributePrefix);
      if (name.empty() || !reading.fact || reading.fact->known()) continue;  // a known one is too old for the rule
      rule.reason = "attribute_expired";
      rule.text = fmt::format("the attribute {} had expired", name);
      reading.text = "expired";
      break;
    }
  }
}

}  // namespace postern::ems
