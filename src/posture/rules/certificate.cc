// certificate {"subject","issuer","store",…}: the endpoint has one certificate of which all of this holds.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/regex_limits.h"
#include "posture/rules/conditions.h"
#include "posture/rules/name_pattern.h"
#include "posture/rules/reading.h"
#include "posture/rules/timing.h"

namespace postern::posture::rules {
namespace certificate_rule {
namespace {

constexpr Reason kFound{"certificate_found", "there is such a certificate"};
constexpr Reason kMissing{"certificate_missing", "there is no such certificate"};
constexpr Reason kNoKey{"certificate_without_key",
                        "there is such a certificate, but the endpoint does not hold its private key"};
constexpr Reason kNotValid{"certificate_not_valid",
                           "there is such a certificate, but it is not valid now, or not long enough"};

constexpr Reason kTooMuch{"certificates_too_long",
                          "comparing its certificates' names with the regular expression takes too long"};
constexpr Reason kNotTrusted{"certificate_not_trusted",
                             "there is such a certificate, but no authority that the endpoint trusts vouches for it"};
constexpr Reason kUntold{
    "certificate_untold",
    "there is such a certificate, but nobody tells whether it is trusted, or what it may be used for"};

struct Demands {
  std::optional<NamePattern> subject;
  std::string issuer;
  std::optional<bool> ca, client_auth;
  std::vector<std::string> usages;  // dotted
  bool private_key = false, trusted = false;
  std::int64_t valid_days = 0;
};

/// How near a certificate comes to what is demanded, apart from how long it is valid.
enum class Nearness : std::uint8_t { kOther, kKeyless, kNotTrusted, kUntold, kDemanded };

/// Certificates that are alike but for their times.
struct Validity {
  std::optional<WallTime> last;     // the last end of those that are valid now, and long enough
  WallTime next = WallTime::max();  // when one will be

  void add(const Certificate& one, WallTime now, WallTime needed) {
    if (one.not_after < needed) return;
    if (one.not_before > now) {
      next = std::min(next, one.not_before);
    } else {
      last = std::max(last.value_or(one.not_after), one.not_after);
    }
  }
};

/// Holds subjects against what is demanded of them, as long as a regular expression takes no longer than it may.
class Comparing {
 public:
  explicit Comparing(const std::optional<NamePattern>& subject) : subject_(subject) {}
  bool matches(const std::string& name) {
    if (!subject_) return true;
    if (subject_->is_regex() && (compared_ += name.size()) > kMaxRegexNames) return false;
    return subject_->matches(name);
  }
  /// Of some it could not be told.
  bool gave_up() const { return compared_ > kMaxRegexNames; }

 private:
  const std::optional<NamePattern>& subject_;
  std::size_t compared_ = 0;
};

class HasCertificate final : public Condition {
 public:
  HasCertificate(std::string_view store, Demands demands, std::string text)
      : demands_(std::move(demands)), text_(std::move(text)) {
    keys_ = {keys::with(keys::kCertificates, store)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* list = read<std::vector<Certificate>>(facts, keys_.front(), why);
    if (list == nullptr) return {Verdict::kUnknown, why};
    const WallTime now = facts.now().wall, needed = now + days(demands_.valid_days);
    Nearness nearest = Nearness::kOther;
    Validity demanded, untold, untrusted;
    Comparing comparing(demands_.subject);
    for (const Certificate& one : *list) {
      const Nearness near = nearness(one);
      if (near == Nearness::kOther || !comparing.matches(one.subject)) continue;
      nearest = std::max(nearest, near);
      if (near == Nearness::kDemanded) demanded.add(one, now, needed);
      if (near == Nearness::kUntold) untold.add(one, now, needed);
      if (near == Nearness::kNotTrusted) untrusted.add(one, now, needed);
    }
    if (holds(demanded, facts)) return {Verdict::kMatch, &kFound};
    if (comparing.gave_up()) return {Verdict::kUnknown, &kTooMuch};
    if (holds(untold, facts)) return {Verdict::kUnknown, &kUntold};
    if (holds(untrusted, facts)) return {Verdict::kNoMatch, &kNotTrusted};
    return {Verdict::kNoMatch, &why_not(nearest)};
  }

  std::string describe() const override { return text_; }
  bool timed() const override { return true; }

 private:
  /// One of them is valid now, and long enough.
  bool holds(const Validity& validity, const FactView& facts) const {
    if (!validity.last) {
      facts.holds_until(validity.next);
    } else if (*validity.last != WallTime::max()) {
      facts.holds_until(*validity.last - Millis(days(demands_.valid_days)) + Millis(1));
    }
    return validity.last.has_value();
  }

  /// But for its subject.
  bool is_alike(const Certificate& one) const {
    return (demands_.issuer.empty() || demands_.issuer == one.issuer) && (!demands_.ca || *demands_.ca == one.ca) &&
           (!demands_.client_auth || *demands_.client_auth == one.client_auth);
  }
  bool lacks_usage(const Certificate& one) const {
    return one.usages && !std::ranges::all_of(demands_.usages, [&](const std::string& usage) {
             return std::ranges::find(*one.usages, usage) != one.usages->end();
           });
  }
  Nearness nearness(const Certificate& one) const {
    if (!is_alike(one) || lacks_usage(one)) return Nearness::kOther;
    if (demands_.private_key && !one.has_private_key) return Nearness::kKeyless;
    if (demands_.trusted && one.trust == ChainTrust::kUntrusted) return Nearness::kNotTrusted;
    const bool told =
        (demands_.usages.empty() || one.usages) && (!demands_.trusted || one.trust == ChainTrust::kTrusted);
    return told ? Nearness::kDemanded : Nearness::kUntold;
  }
  static const Reason& why_not(Nearness nearest) {
    if (nearest == Nearness::kOther) return kMissing;
    return nearest == Nearness::kKeyless ? kNoKey : kNotValid;
  }

  Demands demands_;
  std::string text_;
};

struct Usage {
  std::string_view name, oid;
};
constexpr Usage kUsages[] = {{"client-auth", "1.3.6.1.5.5.7.3.2"},  {"server-auth", "1.3.6.1.5.5.7.3.1"},
                             {"code-signing", "1.3.6.1.5.5.7.3.3"}, {"email-protection", "1.3.6.1.5.5.7.3.4"},
                             {"ipsec-ike", "1.3.6.1.5.5.7.3.17"},   {"smart-card-logon", "1.3.6.1.4.1.311.20.2.2"}};

bool is_oid(std::string_view text) {
  const auto arcs = split(text, '.');
  return arcs.size() > 1 && std::ranges::all_of(arcs, [](std::string_view arc) {
           return !arc.empty() && std::ranges::all_of(arc, [](char c) { return c >= '0' && c <= '9'; });
         });
}

Result<std::vector<std::string>> usages_of(const Parameters& parameters) {
  std::vector<std::string> out;
  if (!parameters.contains("usages")) return out;
  for (const std::string& given : list_of(parameters, "usages")) {
    const auto* const known = std::ranges::find(kUsages, std::string_view(given), &Usage::name);
    if (known == std::end(kUsages) && !is_oid(given)) {
      return invalid(
          fmt::format("usages: {} is neither an OID such as 1.3.6.1.5.5.7.3.2 nor one of client-auth, server-auth, "
                      "code-signing, email-protection, ipsec-ike, smart-card-logon",
                      posture::quoted(given)));
    }
    out.emplace_back(known == std::end(kUsages) ? std::string_view(given) : known->oid);
  }
  return out;
}

std::optional<bool> given_flag(const Parameters& parameters, std::string_view name) {
  return parameters.contains(name) ? std::optional(flag_of(parameters, name, false)) : std::nullopt;
}

std::string in_words(std::string_view store, const Parameters& parameters, const Demands& demands) {
  std::vector<std::string> parts;
  if (demands.subject) {
    const std::string_view how = text_of(parameters, "subject_match");
    parts.push_back(
        fmt::format("whose subject is {}{}", how == "regex" ? "like " : "", text_of(parameters, "subject")));
  }
  if (!demands.issuer.empty()) parts.push_back("issued by " + demands.issuer);
  if (demands.ca) parts.push_back(*demands.ca ? "that is a CA's" : "that is no CA's");
  if (demands.client_auth)
    parts.push_back(*demands.client_auth ? "that may prove a client" : "that may not prove a client");
  if (!demands.usages.empty())
    parts.push_back("that names the usages " + rules::in_words(list_of(parameters, "usages"), Match::kAll));
  if (demands.private_key) parts.push_back("whose private key the endpoint holds");
  if (demands.trusted) parts.push_back("for which an authority vouches that it trusts");
  parts.push_back(demands.valid_days == 0
                      ? "valid now"
                      : fmt::format("valid now and for {} more", count_of(demands.valid_days, "day")));
  return fmt::format("its {} certificates hold one {}", store, rules::in_words(parts, Match::kAll));
}

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily os) {
  const std::string_view subject = text_of(parameters, "subject"), how = text_of(parameters, "subject_match");
  if (subject.empty() && (!how.empty() || parameters.contains("case_insensitive"))) {
    return invalid(fmt::format("{}: belongs to subject; give one", how.empty() ? "case_insensitive" : "subject_match"));
  }
  Demands demands;
  if (!subject.empty()) {
    const auto kind = how == "exact"   ? NamePattern::Kind::kExact
                      : how == "regex" ? NamePattern::Kind::kRegex
                                       : NamePattern::Kind::kWildcard;
    auto pattern = NamePattern::compile("subject", subject, kind, flag_of(parameters, "case_insensitive", false));
    if (!pattern) return fail(pattern.error());
    demands.subject = std::move(*pattern);
  }
  demands.issuer = text_of(parameters, "issuer");
  if (subject.empty() && demands.issuer.empty())
    return invalid("subject: is missing; give the common name of a subject, of an issuer, or both");
  demands.ca = given_flag(parameters, "ca");
  demands.client_auth = given_flag(parameters, "client_auth");
  auto usages = usages_of(parameters);
  if (!usages) return fail(usages.error());
  demands.usages = std::move(*usages);
  demands.private_key = flag_of(parameters, "private_key", false);
  demands.trusted = flag_of(parameters, "trusted", false);
  demands.valid_days = integer_of(parameters, "valid_days", 0);
  const std::string_view given = text_of(parameters, "store");
  const std::string_view store = !given.empty() ? given : os == OsFamily::kLinux ? "system" : "personal";
  std::string text = in_words(store, parameters, demands);
  return std::make_unique<HasCertificate>(store, std::move(demands), std::move(text));
}

}  // namespace
}  // namespace certificate_rule

const RuleType& certificate() {
  static const RuleType kType{
      .name = "certificate",
      .title = "Certificate",
      .help = "The endpoint has one certificate of which all that is given holds, and which is valid now.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters =
          {{.name = "subject", .help = "Its subject's common name; any if not given."},
           {.name = "subject_match",
            .choices = {"wildcard", "exact", "regex"},
            .help = "How subject is read: * for any text and ? for one byte (if not given), as it stands, or as a "
                    "regular expression (RE2's syntax) of the whole name."},
           {.name = "case_insensitive",
            .type = ParameterSpec::Type::kBoolean,
            .help = "Case doesn't count in subject; false if not given."},
           {.name = "issuer", .help = "Its issuer's common name, exactly; any if not given."},
           {.name = "store",
            .choices = {"system", "personal"},
            .help = "Where it must be: among the authorities that the system trusts (if not given on Linux), or "
                    "the machine's and users' own (if not given on Windows and macOS)."},
           {.name = "ca", .type = ParameterSpec::Type::kBoolean, .help = "It is, or is not, an authority's."},
           {.name = "client_auth",
            .type = ParameterSpec::Type::kBoolean,
            .help = "It may, or may not, prove a client (extended key usage)."},
           {.name = "usages",
            .type = ParameterSpec::Type::kTexts,
            .max_bytes = 64,
            .max_count = kMaxCertificateUsages,
            .help = "Extended key usages that it must name, all of them: client-auth, server-auth, code-signing, "
                    "email-protection, ipsec-ike, smart-card-logon or OIDs. One that names none does not pass."},
           {.name = "private_key",
            .type = ParameterSpec::Type::kBoolean,
            .help = "The endpoint must hold its private key; false if not given."},
           {.name = "trusted",
            .type = ParameterSpec::Type::kBoolean,
            .help = "Its chain must lead to an authority that the endpoint's system trusts, each link signed, valid "
                    "now and made for that use; false if not given. Without it issuer is but a name, which anybody "
                    "may write into a certificate. Revocation is not looked at, and who administers the endpoint says "
                    "whom it trusts."},
           days_parameter("valid_days", "Days, 1 to 3650: it must be valid for so much longer; 0 if not given.")},
      .facts = {"certificates:<store>"},
      .unknown =
          "With `trusted` also where the system's authorities can't be read, with `usages` where a certificate names "
          "more than 16, with either where the agent is too old to tell.",
      .compile = certificate_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
