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

constexpr Reason kTooMuch{"certificates_too_long", "comparing its certificates' names with the regular expression takes too long"};

struct Demands {
  std::optional<NamePattern> subject;
  std::string issuer;
  std::optional<bool> ca, client_auth;
  bool private_key = false;
  std::int64_t valid_days = 0;
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
    std::optional<WallTime> best;  // the last of which it is still long enough to the end
    WallTime next = WallTime::max();
    bool alike = false, keyless = false, unread = false;
    std::size_t compared = 0;
    for (const Certificate& one : *list) {
      if (!is_demanded(one)) continue;
      if (demands_.subject && demands_.subject->is_regex() && (compared += one.subject.size()) > kMaxRegexNames) {
        unread = true;
        break;
      }
      if (demands_.subject && !demands_.subject->matches(one.subject)) continue;
      if (demands_.private_key && !one.has_private_key) {
        keyless = true;
        continue;
      }
      alike = true;
      if (one.not_after < needed) continue;
      if (one.not_before > now) {
        next = std::min(next, one.not_before);
      } else {
        best = std::max(best.value_or(one.not_after), one.not_after);
      }
    }
    if (!best && unread) return {Verdict::kUnknown, &kTooMuch};
    if (!best) {
      facts.holds_until(next);
      return {Verdict::kNoMatch, alike ? &kNotValid : keyless ? &kNoKey : &kMissing};
    }
    if (*best != WallTime::max()) facts.holds_until(*best - Millis(days(demands_.valid_days)) + Millis(1));
    return {Verdict::kMatch, &kFound};
  }

  std::string describe() const override { return text_; }
  bool timed() const override { return true; }

 private:
  /// But for its subject.
  bool is_demanded(const Certificate& one) const {
    return (demands_.issuer.empty() || demands_.issuer == one.issuer) && (!demands_.ca || *demands_.ca == one.ca) &&
           (!demands_.client_auth || *demands_.client_auth == one.client_auth);
  }

  Demands demands_;
  std::string text_;
};

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
  if (demands.private_key) parts.push_back("whose private key the endpoint holds");
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
  demands.private_key = flag_of(parameters, "private_key", false);
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
           {.name = "private_key",
            .type = ParameterSpec::Type::kBoolean,
            .help = "The endpoint must hold its private key; false if not given."},
           days_parameter("valid_days", "Days, 1 to 3650: it must be valid for so much longer; 0 if not given.")},
      .facts = {"certificates:<store>"},
      .compile = certificate_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
