#include "cli/why_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
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

class ChangeWriter {
 public:
  ChangeWriter(Page& page, const WhyAnswer& answer) : page_(page), a_(answer) {}

  void change() {
    const std::string& reason = a_.reason;
    if (a_.past) return now_words();
    if (reason == "disabled") say("Enable it: set enabled: true in its YAML and postern apply it.");
    if (reason == "no_rules" || reason == "no_rules_for_os") {
      say(fmt::format("Give the tag a rule{}: postern export '{}', add it, postern apply.",
                                      reason == "no_rules" ? "" : " for " + a_.system_text(), a_.tag));
    }
    if (reason == "by_hand")
      say(fmt::format("It is given and taken by hand: postern classify {} {} {}.", shell_word(a_.name),
                      a_.state == "has" ? "--remove" : "--add", shell_word(a_.tag)));
    if (reason == "silent")
      say(fmt::format("Its rules count again as soon as its agent reports: see that {} is running and connected.", a_.name));
    if (reason == "held" && a_.logic) {
      if (const auto mended = a_.logic->mend(a_.truths); !mended.empty()) {
        say(fmt::format("It stays if {} before that.", change_words(mended, "and")));
      }
    }
    if (reason == "logic" && a_.logic) {
      if (a_.state == "has") {
        const auto lost = a_.logic->levers(a_.truths, Truth::kNo);
        say(lost.empty() ? "No single rule takes it away."
                                         : fmt::format("It is lost as soon as {}.", change_words(lost, "or")));
      } else if (const auto gained = a_.logic->levers(a_.truths, Truth::kYes); !gained.empty()) {
        say(fmt::format("{} has it as soon as {}.", a_.name, change_words(gained, "or")));
      } else if (const auto mended = a_.logic->mend(a_.truths); !mended.empty()) {
        say(fmt::format("{} has it once {}.", a_.name, change_words(mended, "and")));
      }
    }
    itself();
    if (a_.tag_now != nullptr && (reason == "logic" || reason == "built_in" || reason == "held")) {
      const std::string message = one_line(text_at(*a_.tag_now, "message"));
      if (!message.empty())
        page_.paragraph("Advice", (a_.state == "has" ? "Where a policy refuses because of it: " : "") + message);
    }
  }

 private:
  void say(const std::string& text) {
    page_.paragraph(said_ ? "" : "Change", text);
    said_ = true;
  }

  /// "rule 2 holds and rule 3 no longer holds".
  std::string change_words(const std::vector<Logic::Change>& changes, const char* joint) {
    std::vector<std::pair<std::string, std::vector<std::uint32_t>>> groups;
    for (const Logic::Change& change : changes) {
      const bool unknown = a_.truth(change.rule) == Truth::kUnknown, to_yes = change.to == Truth::kYes;
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

  /// What no rule in full has said.
  void itself() {
    const auto at = a_.changes_at();
    if (!at || a_.reason == "held") return;
    for (const auto& [id, rule] : a_.rules) {
      const bool in_full = std::find(a_.decisive.begin(), a_.decisive.end(), id) != a_.decisive.end();
      if (in_full && a_.changes_at(*rule)) return;
    }
    say(fmt::format("By itself it may change on {}.", moment_text(*at)));
  }

  bool lists(const char* list) const {
    const auto names = texts_at(a_.endpoint, list);
    return std::find(names.begin(), names.end(), a_.tag) != names.end();
  }

  void now_words() {
    const Truth now = lists("tags") ? Truth::kYes : lists("unknown_tags") ? Truth::kUnknown : Truth::kNo;
    const bool same = now == a_.state_truth();
    std::string text;
    if (a_.tag_now == nullptr) {
      text = "There is no such tag any more.";
    } else if (now == Truth::kYes) {
      text = same ? "It still has it." : "It has it now.";
    } else if (now == Truth::kNo) {
      text = same ? "It still does not have it." : "It does not have it now.";
    } else {
      text = same ? "It is still unknown." : "It is unknown now.";
    }
    page_.paragraph("Now", text);
  }

  Page& page_;
  const WhyAnswer& a_;
  bool said_ = false;
};

}  // namespace

void write_change(Page& page, const WhyAnswer& answer) { ChangeWriter(page, answer).change(); }

}  // namespace postern::cli
