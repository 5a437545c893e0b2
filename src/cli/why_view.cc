#include "cli/why_view.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "cli/endpoint_ref.h"
#include "cli/json_view.h"
#include "cli/moments.h"
#include "cli/page.h"
#include "cli/why_answer.h"
#include "cli/why_change.h"
#include "cli/why_rules.h"

namespace postern::cli {
namespace {

class Writer {
 public:
  Writer(const Look& look, const WhyAnswer& answer) : page_(look), a_(answer) {}

  std::string text() {
    refused();
    headline();
    if (!a_.rules.empty()) write_rules(page_, a_);
    logic();
    write_change(page_, a_);
    context();
    return std::move(page_).text();
  }

 private:
  /// What makes all that follows of no account.
  void refused() {
    constexpr std::string_view kWho = "the endpoint ";
    std::string text = one_line(text_at(a_.why, "refused"));
    if (text.empty()) return;
    if (text.starts_with(kWho)) text = a_.name + " " + text.substr(kWho.size());
    page_.wrapped_lines(with_local_times(text) + ".", 0, Style::kBad);
    page_.line("");
  }

  void headline() {
    std::string sentence;
    if (a_.past) sentence = moment_text(time_at(a_.why, "at").value_or(WallTime{})) + ": ";
    const std::string because = cause();
    if (a_.state == "has") {
      sentence += fmt::format("{} {} {}", a_.name, a_.past ? "had" : "has", a_.tag);
    } else if (a_.state == "unknown") {
      sentence += fmt::format("{} whether {} {} {}", a_.past ? "nobody knew" : "Nobody knows", a_.name,
                              a_.past ? "had" : "has", a_.tag);
    } else {
      sentence += fmt::format("{} {} not have {}", a_.name, a_.past ? "did" : "does", a_.tag);
    }
    sentence += because.empty() ? "." : ": " + because + ".";
    page_.wrapped_lines(sentence, 0, Style::kStrong);
    if (a_.state == "unknown") unknown_means();
    page_.line("");
  }

  /// Why, in the fewest words.
  std::string cause() {
    const std::string& reason = a_.reason;
    if (reason == "disabled") return a_.past ? "the tag was disabled" : "the tag is disabled";
    if (reason == "no_rules") return a_.past ? "the tag had no rules" : "the tag has no rules";
    if (reason == "no_rules_for_os")
      return fmt::format("the tag {} no rules for {}", a_.past ? "had" : "has", a_.system_text());
    if (reason == "os_unknown") return a_.past ? "its operating system was unknown" : "its operating system is unknown";
    if (reason == "logic" && !a_.decisive.empty()) return decisive_words();
    return with_local_times(one_line(text_at(a_.why, "text")));
  }

  std::string decisive_words() {
    std::vector<std::uint32_t> hold, fail, unknown;
    for (const std::uint32_t id : a_.decisive) {
      (a_.truth(id) == Truth::kYes ? hold : a_.truth(id) == Truth::kNo ? fail : unknown).push_back(id);
    }
    std::vector<std::string> parts;
    const auto say = [&](const std::vector<std::uint32_t>& ids, std::string_view one, std::string_view many,
                         std::string_view then) {
      if (!ids.empty())
        parts.push_back(fmt::format("{} {}", rules_named(ids), a_.past ? then : ids.size() == 1 ? one : many));
    };
    say(fail, "fails", "fail", "failed");
    say(unknown, unknown.size() == 1 ? "is unknown" : "", "are unknown",
        unknown.size() == 1 ? "was unknown" : "were unknown");
    say(hold, "holds", "hold", "held");
    return join(parts, ", ");
  }

  void unknown_means() {
    const bool ignore = a_.tag_now != nullptr && text_at(*a_.tag_now, "on_unknown") == "ignore";
    const std::string text =
        fmt::format("Unknown never grants: policies that demand {} refuse it, and policies that deny by {} {}.", a_.tag,
                    a_.tag, ignore ? "let it be (on_unknown: ignore)" : "deny it too");
    page_.wrapped_lines(text);
  }

  std::string truth_word(Truth truth) const {
    if (page_.look().utf8) return page_.look().mark(truth);
    const std::string_view word = truth == Truth::kYes ? "yes" : truth == Truth::kNo ? "no" : "unknown";
    return page_.look().paint(truth == Truth::kYes ? Style::kGood : truth == Truth::kNo ? Style::kBad : Style::kWarning, word);
  }

  void logic() {
    const std::string text = one_line(text_at(a_.why, "logic"));
    if (text.empty() || a_.rules.empty() || a_.reason == "silent") return;  // what rules say decides nothing
    if (!a_.logic) return page_.paragraph("Logic", text);
    const std::string values = a_.logic->text([&](std::uint32_t id) { return truth_word(a_.truth(id)); });
    const std::string arrow = fmt::format("  {}  ", page_.look().arrow());
    const std::string result = truth_word(a_.logic->value(a_.truths));
    const std::string whole = text + arrow + values + arrow + result;
    if (a_.rules.size() == 1 && text == std::to_string(a_.rules.front().first)) return;  // says nothing new
    if (page_.look().width == 0 || columns_of(whole) + Page::kLabelWidth <= page_.look().width) {
      page_.line(page_.look().paint(Style::kFaint, padded("Logic", Page::kLabelWidth)) + whole);
    } else {
      page_.paragraph("Logic", text);
      page_.paragraph("", values + arrow + result);
    }
  }

  void context() {
    const std::string uid = text_at(a_.endpoint, "uid");
    if (!a_.past) {
      if (is_true(a_.endpoint, "quarantined")) {
        page_.paragraph("Note", a_.name + " is in quarantine: no policy lets it through, whatever its tags.", Style::kBad);
      } else if (is_true(a_.endpoint, "registered") && !is_true(a_.endpoint, "online")) {
        page_.paragraph("Note", a_.name + " is offline: gateways count it for no tag until it is back.", Style::kWarning);
      }
    }
    const auto at = time_at(a_.why, "at");
    std::string facts = a_.name == uid ? uid : fmt::format("{} {}", a_.name, uid);
    if (at) facts += fmt::format(" {} as of {}", page_.look().dot(), moment_text(*at));
    page_.line(page_.look().paint(Style::kFaint, facts));
  }

  Page page_;
  const WhyAnswer& a_;
};

}  // namespace

std::string why_text(const Look& look, const WhyQuestion& question) {
  const WhyAnswer answer(question);
  return Writer(look, answer).text();
}

}  // namespace postern::cli
