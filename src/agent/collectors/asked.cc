#include "agent/collectors/asked.h"

#include <algorithm>
#include <array>
#include <map>

#include "posture/fact_keys.h"

namespace postern::agent {
std::vector<std::string> Question::arguments(std::string_view prefix) const {
  std::vector<std::string> out;
  for (auto it = keys_.lower_bound(prefix); it != keys_.end() && it->starts_with(prefix); ++it) {
    out.emplace_back(posture::keys::argument_of(*it, prefix));
  }
  return out;
}

std::span<const AskedFamily* const> asked_families() {
  static const std::array kFamilies{
#define POSTERN_LISTED(family) &asked::family(),
#include "listed/agent_families.inc"
#undef POSTERN_LISTED
  };
  return kFamilies;
}

const AskedFamily* family_of(std::string_view key) {
  for (const auto* family : asked_families()) {
    const bool its = std::ranges::any_of(family->keys, [&](std::string_view one) {
      return one.ends_with(':') ? key.starts_with(one) && key.size() > one.size() : key == one;
    });
    if (its) return family;
  }
  return nullptr;
}

posture::FactMap answer(const AskedFamily& family, const Question& question, const std::filesystem::path& root,
                        WallTime now) {
  Facts facts(root, now);
  family.answer(question, facts);
  auto all = facts.take();
  posture::FactMap out;
  for (const auto& key : question.keys()) {
    const auto it = all.find(key);
    out[key] = it != all.end() ? std::move(it->second)
                               : posture::Fact{posture::Unknown{posture::UnknownReason::kFailed}, now,
                                               std::string(family.name) + " gave no answer"};
  }
  return out;
}

posture::FactMap answer_all(const std::set<std::string, std::less<>>& keys, const std::filesystem::path& root,
                            WallTime now) {
  std::map<const AskedFamily*, std::set<std::string, std::less<>>> by_family;
  for (const auto& key : keys) by_family[family_of(key)].insert(key);
  posture::FactMap out;
  for (const auto& [family, its] : by_family) {
    if (family != nullptr) {
      out.merge(answer(*family, Question(its), root, now));
    } else {
      for (const auto& key : its) out[key] = unknown_key(now);
    }
  }
  return out;
}

posture::Fact unknown_key(WallTime now) {
  return {posture::Unknown{posture::UnknownReason::kUnsupported}, now, "this agent does not know it"};
}

std::set<std::string, std::less<>> keys_without_argument() {
  std::set<std::string, std::less<>> out;
  for (const auto* family : asked_families()) {
    for (const auto key : family->keys) {
      if (!key.ends_with(':')) out.emplace(key);
    }
  }
  return out;
}

}  // namespace postern::agent
