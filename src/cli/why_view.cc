#include "cli/why_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "cli/endpoint_ref.h"
#include "cli/json_view.h"
#include "cli/logic.h"
#include "cli/moments.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kFactsOfARule = 6;
constexpr std::size_t kLabelWidth = 9;

Truth truth_of(std::string_view verdict) {
  return verdict == "match" ? Truth::kYes : verdict == "no_match" ? Truth::kNo : Truth::kUnknown;
}

/// What an administrator can do about a fact that is not known.
std::string_view remedy(std::string_view reason) {
  constexpr std::pair<std::string_view, std::string_view> kRemedies[] = {
      {"not_reported",
       "The agent has not told it yet: see that it is connected, or let it look again (postern-agent recheck)."},
      {"unsupported", "As long as that is so, nobody can judge this rule on this endpoint."},
      {"denied", "The agent may not read it: run it with the rights that it needs."},
      {"stale", "It was known, but that is too long ago: see that the agent is running and connected."},
      {"failed", "Reading it went wrong: the agent's log says how."},
      {"malformed", "The agent tells it in a form that this EMS doesn't know: are their versions the same?"},
      {"severity_unknown", "No source gives a severity; install the fix that is there, or accept the risk."}};
  for (const auto& [code, text] : kRemedies) {
    if (code == reason) return text;
  }
  return "";
}

/// "rule 2", "rules 1 and 3".
std::string rules_named(const std::vector<std::uint32_t>& rules, std::string_view last = "and") {
  std::string out = rules.size() == 1 || last == "or" ? "rule " : "rules ";
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (i > 0) out += i + 1 < rules.size() ? ", " : " " + std::string(last) + " ";
    out += std::to_string(rules[i]);
  }
  return out;
}

class Writer {
 public:
  Writer(const Look& look, const WhyQuestion& question)
      : look_(look),
        q_(question),
        name_(endpoint_name(question.endpoint)),
        tag_(one_line(text_at(question.why, "tag"))),
        state_(text_at(question.why, "state")) {
    for (const json::value& rule : list_at(q_.why, "rules")) {
      const auto id = static_cast<std::uint32_t>(number_at(rule, "id").value_or(0));
      rules_.emplace_back(id, &rule);
      truths_[id] = truth_of(text_at(rule, "verdict"));
    }
    if (auto parsed = Logic::parse(text_at(q_.why, "logic"))) logic_ = std::move(*parsed);
    const std::string reason = text_at(q_.why, "reason");
    if (reason == "held" && logic_) {
      decisive_ = logic_->decisive(truths_);  // of the no that its delay keeps from counting
    } else if (reason == "logic" || reason == "built_in") {
      find_decisive();
    }
  }

  std::string text() {
    headline();
    if (!rules_.empty()) rules();
    logic();
    change();
    context();
    return std::move(out_);
  }

 private:
  void find_decisive() {
    if (logic_) {
      for (const std::uint32_t id : logic_->decisive(truths_)) decisive_.push_back(id);
      // The expression says something else than the EMS does: another version's words. Its verdict counts.
      if (logic_->value(truths_) != state_truth()) logic_.reset();
    }
    if (!logic_) {
      decisive_.clear();
      for (const auto& [id, rule] : rules_) {
        if (truths_[id] == state_truth()) decisive_.push_back(id);
      }
    }
  }

  Truth state_truth() const {
    return state_ == "has" ? Truth::kYes : state_ == "unknown" ? Truth::kUnknown : Truth::kNo;
  }
  bool past() const { return q_.past; }
  std::string emphasised(const std::string& text) const { return look_.paint(Style::kStrong, text); }
  void line(const std::string& text) { out_ += text + '\n'; }

  /// A paragraph behind a label, wrapped.
  void paragraph(std::string_view label, std::string_view text, Style style = Style::kPlain) {
    std::string shown(label);
    for (const std::string& part : wrapped(text, look_.width > kLabelWidth + 20 ? look_.width - kLabelWidth : 0)) {
      line(look_.paint(Style::kFaint, padded(shown, kLabelWidth)) + look_.paint(style, part));
      shown.clear();
    }
  }

  // ---- the verdict
  // ---------------------------------------------------------------------------------------------------

  void headline() {
    std::string sentence;
    if (past()) sentence = moment_text(time_at(q_.why, "at").value_or(WallTime{})) + ": ";
    const std::string because = cause();
    if (state_ == "has") {
      sentence += fmt::format("{} {} {}", name_, past() ? "had" : "has", tag_);
    } else if (state_ == "unknown") {
      sentence += fmt::format("{} whether {} {} {}", past() ? "nobody knew" : "Nobody knows", name_,
                              past() ? "had" : "has", tag_);
    } else {
      sentence += fmt::format("{} {} not have {}", name_, past() ? "did" : "does", tag_);
    }
    sentence += because.empty() ? "." : ": " + because + ".";
    for (const std::string& part : wrapped(sentence, look_.width)) line(emphasised(part));
    if (state_ == "unknown") unknown_means();
    line("");
  }

  /// Why, in the fewest words.
  std::string cause() {
    const std::string reason = text_at(q_.why, "reason");
    if (reason == "disabled") return past() ? "the tag was disabled" : "the tag is disabled";
    if (reason == "no_rules") return past() ? "the tag had no rules" : "the tag has no rules";
    if (reason == "no_rules_for_os")
      return fmt::format("the tag {} no rules for {}", past() ? "had" : "has", system_text());
    if (reason == "os_unknown") return past() ? "its operating system was unknown" : "its operating system is unknown";
    if (reason == "logic" && !decisive_.empty()) return decisive_words();
    return with_local_times(one_line(text_at(q_.why, "text")));
  }

  std::string system_text() const {
    const std::string os = text_at(q_.why, "os");
    if (!os.empty()) return os;
    const json::value* fact = member(q_.why, "os_fact");
    const std::string text = fact == nullptr ? "" : one_line(text_at(*fact, "text"));
    return text.empty() ? "its operating system" : text;
  }

  std::string decisive_words() {
    std::vector<std::uint32_t> hold, fail, unknown;
    for (const std::uint32_t id : decisive_) {
      (truths_[id] == Truth::kYes ? hold : truths_[id] == Truth::kNo ? fail : unknown).push_back(id);
    }
    std::vector<std::string> parts;
    const auto say = [&](const std::vector<std::uint32_t>& ids, std::string_view one, std::string_view many,
                         std::string_view then) {
      if (!ids.empty())
        parts.push_back(fmt::format("{} {}", rules_named(ids), past() ? then : ids.size() == 1 ? one : many));
    };
    say(fail, "fails", "fail", "failed");
    say(unknown, unknown.size() == 1 ? "is unknown" : "", "are unknown",
        unknown.size() == 1 ? "was unknown" : "were unknown");
    say(hold, "holds", "hold", "held");
    return join(parts, ", ");
  }

  void unknown_means() {
    const bool ignore = q_.tag != nullptr && text_at(*q_.tag, "on_unknown") == "ignore";
    const std::string text =
        fmt::format("Unknown never grants: policies that demand {} refuse it, and policies that deny by {} {}.", tag_,
                    tag_, ignore ? "let it be (on_unknown: ignore)" : "deny it too");
    for (const std::string& part : wrapped(text, look_.width)) line(part);
  }

  // ---- the rules
  // -----------------------------------------------------------------------------------------------------

  void rules() {
    std::size_t wide = 0;
    for (const auto& [id, rule] : rules_) wide = std::max(wide, rule_name(id).size());
    indent_ = 2 + wide + 2;
    for (const std::uint32_t id : decisive_) {
      for (const auto& [own, rule] : rules_) {
        if (own == id) in_full(id, *rule);
      }
    }
    bool others = false;
    for (const auto& [id, rule] : rules_) {
      if (std::find(decisive_.begin(), decisive_.end(), id) != decisive_.end()) continue;
      if (!others && !decisive_.empty()) line(look_.paint(Style::kFaint, "  others"));
      others = true;
      const std::string head = rule_head(id);
      const std::string condition = one_line(text_at(*rule, "condition"));
      line(head + look_.paint(Style::kFaint, fitted(condition, indent_)));
    }
    line("");
  }

  std::string rule_name(std::uint32_t id) const {
    if (id != 0) return fmt::format("rule {}", id);
    return text_at(q_.why, "reason") == "by_hand" ? "by hand" : "built-in";
  }
  std::string rule_head(std::uint32_t id) { return look_.mark(truths_[id]) + " " + padded(rule_name(id), indent_ - 2); }
  std::string fitted(const std::string& text, std::size_t used) const {
    if (look_.width == 0) return text;
    return shortened(look_, text, look_.width > used + 10 ? look_.width - used : 10);
  }

  void in_full(std::uint32_t id, const json::value& rule) {
    const std::string blanks(indent_, ' ');
    std::string head = rule_head(id);
    for (const std::string& part :
         wrapped(one_line(text_at(rule, "condition")), look_.width > indent_ + 20 ? look_.width - indent_ : 0)) {
      line(head + emphasised(part));
      head = blanks;
    }
    const Truth truth = truths_[id];
    const std::string text = with_local_times(one_line(text_at(rule, "text")));
    if (!text.empty()) {
      const std::string_view word = truth == Truth::kYes ? "Holds: " : truth == Truth::kNo ? "Fails: " : "Unknown: ";
      for (const std::string& part :
           wrapped(std::string(word) + text, look_.width > indent_ + 20 ? look_.width - indent_ : 0)) {
        line(blanks + look_.paint(truth == Truth::kYes  ? Style::kGood
                                  : truth == Truth::kNo ? Style::kBad
                                                        : Style::kWarning,
                                  part));
      }
    }
    facts(list_at(rule, "facts"), truth);
    const auto max_age = number_at(rule, "max_age");
    std::string more;
    if (max_age && text_at(rule, "reason") == "stale") {
      more = fmt::format("The rule takes nothing older than {}. ", age_text(Seconds(*max_age), ""));
      more.erase(more.find(" ."), 1);
    }
    if (truth == Truth::kUnknown && !past()) more += remedy(text_at(rule, "reason"));
    if (const auto until = time_at(rule, "holds_until")) {
      more += (more.empty() ? "" : " ") + fmt::format("By itself this may change on {}.", moment_text(*until));
    }
    if (more.empty()) return;
    for (const std::string& part : wrapped(trim(more), look_.width > indent_ + 20 ? look_.width - indent_ : 0))
      line(blanks + part);
  }

  std::string origin(const json::value& fact) const {
    const std::string_view behind = past() ? "earlier" : "ago";
    const auto at = time_at(q_.why, "at"), as_of = time_at(fact, "as_of");
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
      return fmt::format("{} = {}", one_line(text_at(f, "key")), one_line(text_at(f, "text")));
    };
    const auto unknown_said = [](const json::value& f) {
      return fmt::format("{}: {}", one_line(text_at(f, "key")), one_line(text_at(f, "text")));
    };
    const auto what = [&](const json::value& f) { return is_true(f, "known") ? said(f) : unknown_said(f); };
    std::size_t behind = 0;
    for (const json::value* f : list) {
      wide = std::max(wide, columns_of(what(*f)));
      behind = std::max(behind, columns_of(origin(*f)));
    }
    const bool one_line_each = look_.width == 0 || indent_ + wide + 2 + behind <= look_.width;
    for (const json::value* f : list) {
      const std::string from = look_.paint(Style::kFaint, origin(*f));
      if (one_line_each) {
        line(blanks + (from.empty() ? what(*f) : padded(what(*f), wide) + "  " + from));
        continue;
      }
      line(blanks + fitted(what(*f), indent_));
      if (!from.empty()) line(blanks + "  " + from);
    }
    if (left_out > 0)
      line(blanks + look_.paint(Style::kFaint, fmt::format("and {} more facts (--json has all)", left_out)));
  }

  // ---- logic, and what would change it
  // -------------------------------------------------------------------------------

  std::string truth_word(Truth truth) const {
    if (look_.utf8) return look_.mark(truth);
    const std::string_view word = truth == Truth::kYes ? "yes" : truth == Truth::kNo ? "no" : "unknown";
    return look_.paint(truth == Truth::kYes ? Style::kGood : truth == Truth::kNo ? Style::kBad : Style::kWarning, word);
  }

  void logic() {
    const std::string text = one_line(text_at(q_.why, "logic"));
    if (text.empty() || rules_.empty()) return;
    if (!logic_) return paragraph("Logic", text);
    const std::string values = logic_->text([&](std::uint32_t id) { return truth_word(truths_[id]); });
    const std::string arrow = fmt::format("  {}  ", look_.arrow());
    const std::string result = truth_word(logic_->value(truths_));
    const std::string whole = text + arrow + values + arrow + result;
    if (rules_.size() == 1 && text == std::to_string(rules_.front().first)) return;  // says nothing new
    if (look_.width == 0 || columns_of(whole) + kLabelWidth <= look_.width) {
      line(look_.paint(Style::kFaint, padded("Logic", kLabelWidth)) + whole);
    } else {
      paragraph("Logic", text);
      paragraph("", values + arrow + result);
    }
  }

  /// "rule 2 holds and rule 3 no longer holds".
  std::string change_words(const std::vector<Logic::Change>& changes, const char* joint) {
    std::vector<std::pair<std::string, std::vector<std::uint32_t>>> groups;
    for (const Logic::Change& change : changes) {
      const bool unknown = truths_[change.rule] == Truth::kUnknown, to_yes = change.to == Truth::kYes;
      const std::string words = unknown  ? to_yes ? "known to hold" : "known not to hold"
                                : to_yes ? "hold"
                                         : "no longer hold";
      const auto it = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first == words; });
      (it == groups.end() ? groups.emplace_back(words, std::vector<std::uint32_t>()) : *it)
          .second.push_back(change.rule);
    }
    const bool any = std::string_view(joint) == "or";
    std::string out;
    for (const auto& [words, ids] : groups) {
      const bool one = ids.size() == 1 || any;
      if (!out.empty()) out += " " + std::string(joint) + " ";
      out += rules_named(ids, joint) + " ";
      out += words.starts_with("known") ? (one ? "is " : "are ") + words : words + (one ? "s" : "");
    }
    return out;
  }

  void change() {
    const std::string reason = text_at(q_.why, "reason");
    if (past()) return now_words();
    if (reason == "disabled") paragraph("Change", "Enable it: set enabled: true in its YAML and postern apply it.");
    if (reason == "no_rules" || reason == "no_rules_for_os") {
      paragraph("Change", fmt::format("Give the tag a rule{}: postern export '{}', add it, postern apply.",
                                      reason == "no_rules" ? "" : " for " + system_text(), tag_));
    }
    if (reason == "by_hand")
      paragraph("Change", fmt::format("It is given and taken by hand: postern classify {}.", name_));
    if (reason == "held" && logic_) {
      if (const auto mended = logic_->mend(truths_); !mended.empty()) {
        paragraph("Change", fmt::format("It stays if {} before that.", change_words(mended, "and")));
      }
    }
    if (reason == "logic" && logic_) {
      if (state_ == "has") {
        const auto lost = logic_->levers(truths_, Truth::kNo);
        paragraph("Change", lost.empty() ? "No single rule takes it away."
                                         : fmt::format("It is lost as soon as {}.", change_words(lost, "or")));
      } else if (const auto gained = logic_->levers(truths_, Truth::kYes); !gained.empty()) {
        paragraph("Change", fmt::format("{} has it as soon as {}.", name_, change_words(gained, "or")));
      } else if (const auto mended = logic_->mend(truths_); !mended.empty()) {
        paragraph("Change", fmt::format("{} has it once {}.", name_, change_words(mended, "and")));
      }
    }
    if (q_.tag != nullptr && (reason == "logic" || reason == "built_in" || reason == "held")) {
      const std::string message = one_line(text_at(*q_.tag, "message"));
      if (!message.empty())
        paragraph("Advice", (state_ == "has" ? "Where a policy refuses because of it: " : "") + message);
    }
  }

  bool lists(const char* list) const {
    const auto names = texts_at(q_.endpoint, list);
    return std::find(names.begin(), names.end(), tag_) != names.end();
  }

  void now_words() {
    const Truth now = lists("tags") ? Truth::kYes : lists("unknown_tags") ? Truth::kUnknown : Truth::kNo;
    const bool same = now == state_truth();
    std::string text;
    if (q_.tag == nullptr) {
      text = "There is no such tag any more.";
    } else if (now == Truth::kYes) {
      text = same ? "It still has it." : "It has it now.";
    } else if (now == Truth::kNo) {
      text = same ? "It still does not have it." : "It does not have it now.";
    } else {
      text = same ? "It is still unknown." : "It is unknown now.";
    }
    paragraph("Now", text);
  }

  // ---- what else there is to know
  // ------------------------------------------------------------------------------------

  void context() {
    const std::string uid = text_at(q_.endpoint, "uid");
    if (!past()) {
      if (is_true(q_.endpoint, "quarantined")) {
        paragraph("Note", name_ + " is in quarantine: no policy lets it through, whatever its tags.", Style::kBad);
      } else if (!is_true(q_.endpoint, "registered")) {
        paragraph("Note",
                  fmt::format("{} is {}: gateways don't let it through, whatever its tags.", name_,
                              text_at(q_.endpoint, "registration")),
                  Style::kBad);
      } else if (!is_true(q_.endpoint, "online")) {
        paragraph("Note", name_ + " is offline: gateways count it for no tag until it is back.", Style::kWarning);
      }
    }
    const auto at = time_at(q_.why, "at");
    std::string facts = name_ == uid ? uid : fmt::format("{} {}", name_, uid);
    if (at) facts += fmt::format(" {} as of {}", look_.dot(), moment_text(*at));
    line(look_.paint(Style::kFaint, facts));
  }

  const Look& look_;
  const WhyQuestion& q_;
  std::string name_, tag_, state_;
  std::vector<std::pair<std::uint32_t, const json::value*>> rules_;
  Truths truths_;
  std::optional<Logic> logic_;
  std::vector<std::uint32_t> decisive_;
  std::size_t indent_ = 0;
  std::string out_;
};

}  // namespace

std::string why_text(const Look& look, const WhyQuestion& question) { return Writer(look, question).text(); }

}  // namespace postern::cli
