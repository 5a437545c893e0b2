#include "cli/why_answer.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "base/text.h"
#include "cli/endpoint_ref.h"
#include "cli/json_view.h"
#include "cli/moments.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

Truth truth_of(std::string_view verdict) {
  return verdict == "match" ? Truth::kYes : verdict == "no_match" ? Truth::kNo : Truth::kUnknown;
}

}  // namespace

WhyAnswer::WhyAnswer(const WhyQuestion& question)
    : why(question.why),
      endpoint(question.endpoint),
      tag_now(question.tag),
      past(question.past),
      name(endpoint_name(question.endpoint)),
      tag(one_line(text_at(question.why, "tag"))),
      state(text_at(question.why, "state")),
      reason(text_at(question.why, "reason")) {
  for (const json::value& rule : list_at(why, "rules")) {
    const auto id = static_cast<std::uint32_t>(number_at(rule, "id").value_or(0));
    rules.emplace_back(id, &rule);
    truths[id] = truth_of(text_at(rule, "verdict"));
  }
  if (auto parsed = Logic::parse(text_at(why, "logic"))) logic = std::move(*parsed);
  if (reason == "held" && logic) {
    decisive = logic->decisive(truths);  // of the no that its delay keeps from counting
  } else if (reason == "logic" || reason == "built_in") {
    find_decisive();
  }
}

void WhyAnswer::find_decisive() {
  if (logic) {
    for (const std::uint32_t id : logic->decisive(truths)) decisive.push_back(id);
    // The expression says something else than the EMS does: another version's words. Its verdict counts.
    if (logic->value(truths) != state_truth()) logic.reset();
  }
  if (!logic) {
    decisive.clear();
    for (const auto& [id, rule] : rules) {
      if (truths[id] == state_truth()) decisive.push_back(id);
    }
  }
}

Truth WhyAnswer::truth(std::uint32_t rule) const {
  const auto it = truths.find(rule);
  return it == truths.end() ? Truth::kUnknown : it->second;
}

Truth WhyAnswer::state_truth() const {
  return state == "has" ? Truth::kYes : state == "unknown" ? Truth::kUnknown : Truth::kNo;
}

std::optional<WallTime> WhyAnswer::changes_at(const json::value& rule) const {
  const auto of_rule = time_at(rule, "holds_until");
  if (past) return std::nullopt;
  // An EMS that says of rules only.
  if (!why.is_object() || !why.get_object().contains("holds_until")) return of_rule;
  return of_rule == changes_at() ? of_rule : std::nullopt;
}

std::optional<WallTime> WhyAnswer::changes_at() const { return past ? std::nullopt : time_at(why, "holds_until"); }

std::string WhyAnswer::system_text() const {
  const std::string os = text_at(why, "os");
  if (!os.empty()) return os;
  const json::value* fact = member(why, "os_fact");
  const std::string text = fact == nullptr ? "" : one_line(text_at(*fact, "text"));
  return text.empty() ? "its operating system" : text;
}

std::string rules_named(const std::vector<std::uint32_t>& rules, std::string_view last) {
  std::string out = rules.size() == 1 || last == "or" ? "rule " : "rules ";
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (i > 0) out += i + 1 < rules.size() ? ", " : " " + std::string(last) + " ";
    out += std::to_string(rules[i]);
  }
  return out;
}

}  // namespace postern::cli
