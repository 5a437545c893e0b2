#include "tag_model.h"

#include <algorithm>

#include <fmt/format.h>

namespace postern::sim {

const std::vector<std::string>& known_processes() {
  static const std::vector<std::string> kNames{"sshd", "cron", "clamd", "auditd"};
  return kNames;
}

const std::vector<std::string>& known_files() {
  static const std::vector<std::string> kNames{"/etc/marker", "/etc/banned", "/var/lib/ok"};
  return kNames;
}

TagModel TagModel::roll(Dice& dice, std::string name) {
  TagModel out;
  out.name = std::move(name);
  out.classification = dice.chance(20);
  out.ignore_unknown = dice.chance(20);
  const auto rules = 1 + dice.below(2);
  for (std::size_t i = 0; i < rules; ++i) {
    TagRule rule;
    rule.file = dice.chance(40);
    rule.any = dice.chance(50);
    rule.negate = dice.chance(30);
    std::set<std::string> names;
    for (std::size_t n = 1 + dice.below(2); n > 0; --n)
      names.insert(dice.pick(rule.file ? known_files() : known_processes()));
    rule.names.assign(names.begin(), names.end());
    out.rules.push_back(std::move(rule));
  }
  out.any = rules > 1 && dice.chance(50);
  return out;
}

std::string TagModel::json() const {
  std::string text;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto& rule = rules[i];
    std::string names;
    for (const auto& n : rule.names) names += (names.empty() ? "\"" : ",\"") + n + "\"";
    text += fmt::format(R"({}{{"id":{},"os":"linux","type":"{}","negate":{},"{}":[{}],"match":"{}"}})",
                        i == 0 ? "" : ",", i + 1, rule.file ? "file" : "running-process", rule.negate,
                        rule.file ? "paths" : "processes", names, rule.any ? "any" : "all");
  }
  return fmt::format(R"({{"name":"{}","kind":"{}","on_unknown":"{}","rules":[{}],"logic":{}}})", name,
                     classification ? "classification" : "security", ignore_unknown ? "ignore" : "deny", text,
                     any ? R"({"linux":"1 or 2"})" : "{}");
}

bool TagModel::held_by(const Posture& posture) const {
  const auto holds = [&](const TagRule& rule) {
    const auto& there = rule.file ? posture.files : posture.processes;
    const auto in = [&](const std::string& n) { return there.contains(n); };
    return (rule.any ? std::ranges::any_of(rule.names, in) : std::ranges::all_of(rule.names, in)) != rule.negate;
  };
  return any ? std::ranges::any_of(rules, holds) : std::ranges::all_of(rules, holds);
}

}  // namespace postern::sim
