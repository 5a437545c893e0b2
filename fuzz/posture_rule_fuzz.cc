// A rule of any type with any parameters, and any facts: it is refused with a clear error or compiles within bounds,
// and then judges whatever is reported, the same by its parts, until the time that it says.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "posture/compiled_tag.h"
#include "posture/explain.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/registry.h"

using namespace postern;
using namespace postern::posture;

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

class Given {
 public:
  explicit Given(std::string_view rest) : rest_(rest) {
    for (const char c : rest) mix_ = (mix_ ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  /// When all is used up: what follows from it.
  std::uint8_t one() {
    if (rest_.empty()) {
      mix_ = mix_ * 6364136223846793005u + 1442695040888963407u;
      return static_cast<std::uint8_t>(mix_ >> 56);
    }
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  std::size_t below(std::size_t bound) { return one() % bound; }
  std::string raw() {
    const std::string_view taken = rest_.substr(0, one());
    rest_.remove_prefix(std::min(rest_.size(), taken.size()));
    return std::string(taken);
  }
  std::int64_t integer() {
    std::int64_t out = 0;
    for (std::size_t i = below(9); i > 0; --i)
      out = static_cast<std::int64_t>(static_cast<std::uint64_t>(out) << 8 | one());
    return out;
  }
  /// What some rule may take, or anything.
  std::string text() {
    static const std::string kTexts[] = {"/etc/x",
                                         "sshd",
                                         "10.0.0.0/8",
                                         "12",
                                         "6.1.0-37",
                                         "debian",
                                         "Debian 12",
                                         "a*b?",
                                         "(a|b)+",
                                         "a{1000}",
                                         "(((a{30}){30}){30}){30}",
                                         "CVE-2024-1234",
                                         "x",
                                         "ssh.service",
                                         std::string(64, 'a'),
                                         "HKLM\\SOFTWARE\\x",
                                         "C:\\x",
                                         "1",
                                         "0x1F",
                                         "user@example.org",
                                         "02:00:00:00:00:01",
                                         "22",
                                         "tcp/22",
                                         "host.example",
                                         "https://host.example/",
                                         "1.2-3",
                                         std::string(255, '*'),
                                         "firewalld"};
    constexpr std::size_t kCount = std::size(kTexts);
    const std::size_t which = below(kCount + 8);
    return which < kCount ? kTexts[which] : raw();
  }

  /// What a fact may say: what a rule asks for, in the form in which facts have it, or anything.
  std::string said(const std::vector<std::string>& asked) {
    static const std::string kSaid[] = {
        "10.1.2.3",  "fe80::1",           "ipv4",           "ipv6",         "wifi", "wifi:x",
        "vpn",       "ethernet",          "tcp 0.0.0.0:22", "udp [::1]:53", "no",   "yes",
        "no-server", "prohibit-password", "selinux",        "apparmor"};
    const std::size_t which = below(3 * std::size(kSaid));
    if (which < std::size(kSaid)) return kSaid[which];
    return which < 2 * std::size(kSaid) && !asked.empty() ? asked[which % asked.size()] : text();
  }

 private:
  std::string_view rest_;
  std::uint64_t mix_ = 14695981039346656037u;
};

ParameterValue parameter(const ParameterSpec& spec, Given& bytes) {
  using Type = ParameterSpec::Type;
  const auto text = [&] {
    return spec.choices.empty() ? bytes.text() : std::string(spec.choices[bytes.below(spec.choices.size())]);
  };
  const auto type = bytes.below(32) == 31 ? static_cast<Type>(bytes.below(5)) : spec.type;  // mostly of the right type
  switch (type) {
    case Type::kText:
      return text();
    case Type::kTexts: {
      std::vector<std::string> list;
      for (std::size_t i = bytes.below(5); i > 0; --i) list.push_back(text());
      return list;
    }
    case Type::kInteger:
      return bytes.below(4) == 0 ? bytes.integer() : std::int64_t{bytes.one()};
    case Type::kNumber:
      return static_cast<double>(bytes.integer()) / 16;
    case Type::kBoolean:
      return bytes.below(2) == 1;
  }
  return false;
}

/// The texts that a rule was given.
std::vector<std::string> texts_of(const Parameters& parameters) {
  std::vector<std::string> out;
  for (const auto& [name, value] : parameters) {
    if (const auto* text = std::get_if<std::string>(&value)) out.push_back(*text);
    if (const auto* list = std::get_if<std::vector<std::string>>(&value))
      out.insert(out.end(), list->begin(), list->end());
  }
  return out;
}

std::vector<Route> routes(Given& bytes) {
  std::vector<Route> list(bytes.below(3));
  for (Route& one : list) {
    if (const auto ip = IpAddress::parse(bytes.below(2) == 1 ? "10.1.2.3" : "192.0.2.1"); bytes.below(4) > 0)
      one.gateway_ip = *ip;
    if (const auto mac = MacAddress::parse(bytes.below(2) == 1 ? "02:00:00:00:00:01" : "02:00:00:00:00:02");
        bytes.below(4) > 0)
      one.gateway_mac = *mac;
  }
  return list;
}

constexpr std::size_t kKinds = 11;
FactValue value(std::size_t kind, Given& bytes, WallTime now, const std::vector<std::string>& asked) {
  const auto time = [&] {
    return bytes.below(4) == 0 ? bytes.integer() : to_unix_ms(now) + (bytes.integer() % (400LL * 24 * 3600 * 1000));
  };
  switch (kind) {
    case 0:
      return Unknown{static_cast<UnknownReason>(bytes.below(4))};
    case 1:
      return bytes.below(2) == 1;
    case 2:
      return time();
    case 3:
      return std::int64_t{bytes.one()};
    case 4:
      return bytes.said(asked);
    case 5:
    case 6: {
      std::vector<std::string> list;
      for (std::size_t i = bytes.below(4); i > 0; --i) list.push_back(bytes.said(asked));
      return list;
    }
    case 7: {
      std::vector<Interface> list(bytes.below(3));
      for (Interface& one : list) {
        one.name = bytes.text();
        one.up = bytes.below(2) == 1;
        if (const auto address = IpAddress::parse(bytes.below(2) == 1 ? "10.1.2.3" : "fe80::1"))
          one.addresses = {*address};
      }
      return list;
    }
    case 8: {
      std::vector<Certificate> list(bytes.below(3));
      for (Certificate& one : list) {
        one.subject = bytes.text();
        one.issuer = bytes.text();
        one.not_before = from_unix_ms(time());
        one.not_after = from_unix_ms(time());
        one.ca = bytes.below(2) == 1;
        one.has_private_key = bytes.below(2) == 1;
        one.trust = static_cast<ChainTrust>(bytes.below(3));
        if (bytes.below(2) == 1) one.usages = {"1.3.6.1.5.5.7.3.2", bytes.text()};
      }
      return list;
    }
    case 9:
      return routes(bytes);
    default: {
      VulnerabilityCounts counts;
      counts.critical = bytes.one();
      counts.low = bytes.one();
      counts.unknown = counts.unknown_fixable = bytes.below(2);
      return counts;
    }
  }
}

RuleSpec rule_of(const RuleType& type, Given& bytes) {
  RuleSpec rule;
  rule.id = 1;
  rule.type = type.name;
  rule.os = bytes.below(8) == 7 ? static_cast<OsFamily>(bytes.below(kOsFamilies))
                                : type.systems[bytes.below(type.systems.size())];
  rule.negate = bytes.below(2) == 1;
  for (const ParameterSpec& spec : type.parameters) {
    if (spec.required ? bytes.below(16) != 15 : bytes.below(3) == 1)
      rule.parameters.emplace(std::string(spec.name), parameter(spec, bytes));
  }
  return rule;
}

Verdict by_parts(const Condition& condition, const FactView& facts) {
  const SetParts* parts = condition.parts();
  if (parts == nullptr) return condition.judge(facts).verdict;
  Verdict out = parts->match == Match::kAll ? Verdict::kMatch : Verdict::kNoMatch;
  for (const auto& part : parts->conditions) {
    const Verdict one = by_parts(*part, facts);
    out = parts->match == Match::kAll ? verdict_and(out, one) : verdict_or(out, one);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');  // the type's name, so that a corpus outlives new types
  Given bytes(line == input.npos ? input : input.substr(line + 1));
  const RuleType* type = find_rule_type(input.substr(0, line));
  if (type == nullptr) type = rule_types()[bytes.below(rule_types().size())];

  // A few tries, so that most inputs come to judging.
  Result<CompiledTag> tag = invalid("none");
  OsFamily os{};
  bool negate = false;
  std::vector<std::string> asked;
  for (int tries = 0; !tag && tries < 8; ++tries) {
    RuleSpec rule = rule_of(*type, bytes);
    os = rule.os;
    negate = rule.negate;
    asked = texts_of(rule.parameters);
    TagDefinition definition;
    definition.name = TagName("T");
    definition.rules.push_back(std::move(rule));
    tag = compile_tag(std::move(definition));
    if (tag) break;
    demand(clean_text(tag.error().message));
    demand(tag.error().message.size() < 1000);
  }
  if (!tag) return 0;
  const Condition& condition = *tag->part(os).rules.front().condition;
  demand(!condition.describe().empty() && clean_text(condition.describe()));

  const Now now{WallTime(Millis(1'780'000'000'000)), {}};
  for (int round = 0; round < 4; ++round) {
    FactMap facts;
    facts[std::string(keys::kOsFamily)] = {std::string(os_family_name(os)), now.wall, "fuzz"};
    for (const std::string& key : condition.keys()) {
      if (key.starts_with(keys::kTagPrefix) || bytes.below(8) == 7) continue;
      // Mostly of a type that the rule takes.
      for (std::size_t kind = bytes.below(kKinds), tries = 0; tries < kKinds; ++tries) {
        facts[key] = {value((kind + tries) % kKinds, bytes, now.wall, asked), now.wall - Millis(bytes.one()), "fuzz"};
        const Judgement alone = condition.judge(FactView(facts, now));
        if (alone.reason->code != "malformed") break;
      }
    }
    const FactView view(facts, now);
    const Judgement judged = condition.judge(view);
    demand(judged.reason != nullptr && !judged.reason->code.empty());
    demand(by_parts(condition, FactView(facts, now)) == judged.verdict);
    const auto state = tag->evaluate(FactView(facts, now));
    const Verdict whole = negate ? verdict_not(judged.verdict) : judged.verdict;
    demand((state == TagState::kHas) == (whole == Verdict::kMatch) &&
           (state == TagState::kAbsent) == (whole == Verdict::kNoMatch));
    demand(tag->explain(FactView(facts, now)).state == state);
    // What is concluded although something is unknown holds whatever that turns out to be. (os-supported is told by the
    // system itself or else by a table: the one may correct the other.)
    if (judged.verdict != Verdict::kUnknown && type->name != "os-supported") {
      FactMap turned = facts;
      for (const std::string& key : condition.keys()) {
        const auto it = turned.find(key);
        if (it == turned.end() || !it->second.known())
          turned[key] = {value(bytes.below(kKinds), bytes, now.wall, asked), now.wall, "fuzz"};
      }
      demand(condition.judge(FactView(turned, now)).verdict == judged.verdict);
    }
    // It holds until it says, and what depends on no time always.
    demand(view.until() > now.wall);
    demand(condition.timed() || view.until() == WallTime::max());
    const WallTime later = std::min(view.until() - Millis(1), now.wall + Seconds(3600LL * 24 * 3650));
    demand(condition.judge(FactView(facts, Now{later, {}})).verdict == judged.verdict);
  }
  return 0;
}
