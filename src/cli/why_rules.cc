#include "cli/why_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "cli/endpoint_ref.h"
#include "cli/json_view.h"
#include "cli/moments.h"
#include "cli/shell_word.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kFactsOfARule = 6;

/// What an administrator can do about a fact that is not known.
std::string_view remedy(std::string_view reason) {
  static constexpr std::pair<std::string_view, std::string_view> kRemedies[] = {
      {"not_reported",
       "The agent has not told it yet: see that it is connected, or let it look again (postern-agent recheck)."},
      {"unsupported", "As long as that is so, nobody can judge this rule on this endpoint."},
      {"denied", "The agent may not read it: run it with the rights that it needs."},
      {"stale", 
       "It was known, but that is too long ago, or it may have changed and could not be read since: see that the agent is "
       "running, connected and not overloaded."},
      {"failed", "Reading it went wrong, as it says behind \"unknown\"; the agent's log says so too."},
      {"malformed", "The agent tells it in a form that this EMS doesn't know: are their versions the same?"},
      {"before_1970", "Set that time right: a file's with touch, or the clock by which it was written."},
      {"certificate_untold",
       "Its agent is older than this question, or can't read the system's authorities: update it (postern-agent facts --fact "
       "certificates:personal shows what it tells)."},
      {"update_lists_old", "Let it fetch them: apt-get update. Where that brings none that is newer, its release is supported no more."},
      {"no_identity", "Name it there: a line SERVICE=ACCOUNT; the agent sees it at once."},
      {"no_detection_sets", "Say it there: PUT /api/v1/profiles/NAME/on-fabric (docs: guide/tags.md, On-fabric)."},
      {"detection_unknown", "GET /api/v1/endpoints/UID/on-fabric tells every set rule by rule."},
      {"severity_unknown", "No source gives a severity; install the fix that is there, or accept the risk."},
      {"inventory_too_old", "See that the agent is running and connected: it tells them as often as its endpoint profile says."},
      {"max_age_too_short",
       "Give the rule a longer max_age, or none; or have the endpoint profile ask more often (inventory_interval_s)."},
      {"scan_off", "Switch it on there: vulnerability_scan of the endpoint profile."},
      {"no_inventory",
       "Agents tell them by themselves, as often as the endpoint profile says: see that it is running and connected."},
      {"feeds_being_read", "It is known once they are read: postern status shows how far that is."},
      {"no_feed", "Add one that covers its system: postern feed debian https://security-tracker.debian.org/tracker/data/json, or "
                  "of another system postern feed NAME https://storage.googleapis.com/osv-vulnerabilities/ECOSYSTEM/all.zip "
                  "(https://osv.dev/list). What there is: postern feeds."},
      {"no_feed_for_system",
       "Add one that does: postern feed NAME https://storage.googleapis.com/osv-vulnerabilities/ECOSYSTEM/all.zip, of Debian "
       "postern feed debian https://security-tracker.debian.org/tracker/data/json. What there is: postern feeds."},
      {"package_unjudged",
       "A version that is none: see what is installed there (dpkg --audit, apk audit, rpm --verify) and install it anew. A record: fetch "
       "the feed again later (postern feeds tells what is left out), or give one that is right."},
      {"no_kev", "Add it: postern feed kev https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"},
      {"no_epss", "Add it: postern feed epss https://epss.empiricalsecurity.com/epss_scores-current.csv.gz"},
      {"tag_missing", "Make it, or take it out of the rule (postern tags lists all)."},
      {"tag_disabled", "Enable it: set enabled: true in its YAML (postern export) and postern apply it."},
      {"tag_of_other_kind", "Refer to it by a rule of type tag, or change its kind."},
      {"no_score", "As long as that is so, nobody can judge this rule on this endpoint."}};
  for (const auto& [code, text] : kRemedies) {
    if (code == reason) return text;
  }
  return "";
}

/// The same of an attribute, which no agent tells: the command that sets it.
std::string attribute_remedy(const json::value& rule, const WhyAnswer& a) {
  constexpr std::string_view kPrefix = "ems.attribute:";
  for (const json::value& fact : list_at(rule, "facts")) {
    const std::string key = one_line(text_at(fact, "key"));
    if (!key.starts_with(kPrefix)) continue;
    const std::string name = key.substr(kPrefix.size());
    return fmt::format(
        "No agent tells attributes; administrators and other systems set them: postern attribute {} {} VALUE --expires 7d, or "
        "PUT /api/v1/endpoints/{}/attributes/{}",
        shell_word(a.name), shell_word(name), text_at(a.endpoint, "uid"), name);
  }
  return "";
}

/// A fact's name for a person: what the key holds for programs only is left out.
std::string fact_name(const json::value& fact) {
  const std::string key = one_line(text_at(fact, "key"));
  constexpr std::string_view kMatches = "file.matches:";  // + the path's length, the path, what is searched for
  if (!key.starts_with(kMatches)) return key;
  const std::string rest = key.substr(kMatches.size());
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), length);
  const auto at = static_cast<std::size_t>(end - rest.data());
  if (error != std::errc() || at >= rest.size() || length >= rest.size() - at - 1 || rest[at] != ':' || rest[at + 1 + length] != ':') return key;
  return fmt::format("file {} has {}", rest.substr(at + 1, length), rest.substr(at + 2 + length));
}

/// A condition may name dozens of paths with their digests: nobody reads that to its end.
std::string cut_short(std::string text) {
  constexpr std::size_t kMost = 400;
  if (text.size() <= kMost) return text;
  std::size_t end = kMost;
  while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // within a character
  return text.substr(0, end) + "… (postern tag shows all)";
}

bool too_old(std::string_view reason) {
  return reason == "stale" || reason == "max_age_too_short" || reason.ends_with("_too_old");
}

class RulesWriter {
 public:
  RulesWriter(Page& page, const WhyAnswer& answer) : page_(page), a_(answer) {}

  void rules() {
    std::size_t wide = 0;
    for (const auto& [id, rule] : a_.rules) wide = std::max(wide, rule_name(id).size());
    indent_ = 2 + wide + 2;
    for (const std::uint32_t id : a_.decisive) {
      for (const auto& [own, rule] : a_.rules) {
        if (own == id) in_full(id, *rule);
      }
    }
    bool others = false;
    for (const auto& [id, rule] : a_.rules) {
      if (std::find(a_.decisive.begin(), a_.decisive.end(), id) != a_.decisive.end()) continue;
      if (!others && !a_.decisive.empty()) page_.line(page_.look().paint(Style::kFaint, "  others"));
      others = true;
      const std::string head = rule_head(id);
      const std::string condition = one_line(text_at(*rule, "condition"));
      page_.line(head + page_.look().paint(Style::kFaint, page_.fitted(condition, indent_)));
    }
    page_.line("");
  }

 private:
  std::string rule_name(std::uint32_t id) const {
    if (id != 0) return fmt::format("rule {}", id);
    return a_.reason == "by_hand" ? "by hand" : a_.reason == "not_in_force" ? "rules" : "built-in";
  }
  std::string rule_head(std::uint32_t id) { return page_.look().mark(a_.truth(id)) + " " + padded(rule_name(id), indent_ - 2); }
  void in_full(std::uint32_t id, const json::value& rule) {
    const std::string blanks(indent_, ' ');
    std::string head = rule_head(id);
    for (const std::string& part : wrapped(cut_short(one_line(text_at(rule, "condition"))), page_.left(indent_))) {
      page_.line(head + page_.look().paint(Style::kStrong, part));
      head = blanks;
    }
    const Truth truth = a_.truth(id);
    const std::string text = with_local_times(one_line(text_at(rule, "text")));
    if (!text.empty()) {
      const std::string_view word = truth == Truth::kYes ? "Holds: " : truth == Truth::kNo ? "Fails: " : "Unknown: ";
      const Style style = truth == Truth::kYes ? Style::kGood : truth == Truth::kNo ? Style::kBad : Style::kWarning;
      page_.wrapped_lines(std::string(word) + text, indent_, style);
    }
    facts(list_at(rule, "facts"), truth);
    const auto max_age = number_at(rule, "max_age");
    std::string more;
    const std::string reason = text_at(rule, "reason");
    if (max_age && too_old(reason)) {
      more = fmt::format("The rule takes nothing older than {}. ", age_text(Seconds(*max_age), ""));
      more.erase(more.find(" ."), 1);
    }
    if (truth == Truth::kUnknown && !a_.past) {
      more += reason.starts_with("attribute_") && reason != "attribute_of_other_type" ? attribute_remedy(rule, a_)
                                                                                    : std::string(remedy(reason));
    }
    if (const auto until = a_.changes_at(rule)) {
      more += (more.empty() ? "" : " ") + fmt::format("By itself this may change on {}.", moment_text(*until));
    }
    if (!more.empty()) page_.wrapped_lines(trim(more), indent_);
  }

  std::string origin(const json::value& fact) const {
    const std::string_view behind = a_.past ? "earlier" : "ago";
    const auto at = time_at(a_.why, "at"), as_of = time_at(fact, "as_of");
    const auto seen = at && as_of ? std::optional(std::max(Millis(0), *at - *as_of)) : std::nullopt;
    // Nobody collects what the EMS concludes itself: it has no age but that.
    const auto age = member(fact, "collected_at") != nullptr ? number_at(fact, "age_ms")
                     : seen                                  ? std::optional(seen->count())
                                                             : std::nullopt;
    if (!age) return "";
    std::string out = age_text(Millis(*age), behind);
    // What is told when it changes is true for longer than since it was told.
    if (seen && is_true(fact, "known") && *seen * 2 < Millis(*age) && Millis(*age) > Millis(60'000)) {
      out += ", still so " + age_text(*seen, behind);
    }
    const std::string source = one_line(text_at(fact, "source"));
    return out + (source.empty() ? "" : ", from " + source);
  }

  /// "key = value    2 minutes ago, from rtnetlink". Those that are not known first, if the rule isn't.
  void facts(const json::array& all, Truth truth) {
    std::vector<const json::value*> list;
    for (const json::value& fact : all) list.push_back(&fact);
    if (truth == Truth::kUnknown) {
      std::stable_partition(list.begin(), list.end(), [](const json::value* f) { return !is_true(*f, "known"); });
    }
    const std::size_t left_out = list.size() > kFactsOfARule ? list.size() - kFactsOfARule : 0;
    list.resize(list.size() - left_out);
    const std::string blanks(indent_, ' ');
    std::size_t wide = 0;
    const auto said = [](const json::value& f) {
      return fmt::format("{} = {}", fact_name(f), one_line(text_at(f, "text")));
    };
    const auto unknown_said = [](const json::value& f) {
      return fmt::format("{}: {}", fact_name(f), one_line(text_at(f, "text")));
    };
    const auto what = [&](const json::value& f) { return is_true(f, "known") ? said(f) : unknown_said(f); };
    std::size_t behind = 0;
    for (const json::value* f : list) {
      wide = std::max(wide, columns_of(what(*f)));
      behind = std::max(behind, columns_of(origin(*f)));
    }
    const bool one_line_each = page_.look().width == 0 || indent_ + wide + 2 + behind <= page_.look().width;
    for (const json::value* f : list) {
      const std::string from = page_.look().paint(Style::kFaint, origin(*f));
      if (one_line_each) {
        page_.line(blanks + (from.empty() ? what(*f) : padded(what(*f), wide) + "  " + from));
        continue;
      }
      page_.line(blanks + page_.fitted(what(*f), indent_));
      if (!from.empty()) page_.line(blanks + "  " + from);
    }
    if (left_out > 0)
      page_.line(blanks + page_.look().paint(Style::kFaint, fmt::format("and {} more facts (--json has all)", left_out)));
  }

  Page& page_;
  const WhyAnswer& a_;
  std::size_t indent_ = 0;
};

}  // namespace

void write_rules(Page& page, const WhyAnswer& answer) { RulesWriter(page, answer).rules(); }

}  // namespace postern::cli
