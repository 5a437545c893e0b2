#include "gateway/config/import/families.h"

#include <algorithm>

#include "gateway/config/import/policies.h"

namespace postern::gateway::config::fortios {
namespace {

bool is_listed(const Value& values, std::string_view word) {
  return std::find(values.begin(), values.end(), word) != values.end();
}

/// One end of a policy: what it lists for each family.
struct End {
  const Attribute* attribute = nullptr;
  const Setting* four = nullptr;
  const Setting* six = nullptr;
  Value v4, v6;
};

End end_of(const Draft& policy, const char* name) {
  End end;
  end.attribute = policy.table->attribute(name);
  end.four = policy.setting(name);
  end.six = policy.setting(std::string(name) + "6");
  if (!words_in_source(policy, name).empty()) end.v4 = ObjectView(*policy.table, policy.object).values(name);
  end.v6 = words_in_source(policy, std::string(name) + "6");
  return end;
}

void write_end(Draft& policy, const End& end, Judgements& judgements) {
  const std::string& name = end.attribute->name;
  Value all = end.v4;
  for (const auto& word : end.v6) {
    if (!is_listed(all, word)) all.push_back(word);
  }
  std::erase_if(policy.references, [&](const Reference& r) { return r.attribute == name; });
  for (const auto& word : all) {
    const bool of_four = is_listed(end.v4, word);
    policy.references.push_back({of_four ? end.four->at : end.six->at, name, word, end.attribute->references});
  }
  if (all.empty() || all == end.attribute->default_value) policy.object.values.erase(name);
  else policy.object.values[name] = all;
  const bool same = end.four && all == end.four->values;
  if (end.four && !same) judgements[end.four->at] = {Verdict::kTranslated, words_of(name, all)};
  if (end.six && !end.v6.empty()) judgements[end.six->at] = {Verdict::kTranslated, words_of(name, all)};
}

void only_of_family(Value& values, std::string_view one_family) {
  std::replace(values.begin(), values.end(), std::string("all"), std::string(one_family));
}

/// `all` on both ends of one family alone would be both families here.
void keep_apart(End& source, End& destination, const FamilyNames& names, bool has4, bool has6) {
  if (has4 && has6) {
    for (End* end : {&source, &destination}) {
      if (is_listed(end->v4, "all") == is_listed(end->v6, "all")) continue;
      only_of_family(end->v4, names.four);
      only_of_family(end->v6, names.six);
    }
  } else if (has4 && is_listed(source.v4, "all") && is_listed(destination.v4, "all")) {
    only_of_family(source.v4, names.four);
  } else if (has6 && is_listed(source.v6, "all") && is_listed(destination.v6, "all")) {
    only_of_family(source.v6, names.six);
  }
}

}  // namespace

Object all_of_family(const std::string& name, bool four) {
  Object o;
  o.key = name;
  o.values["type"] = {"iprange"};
  o.values["start-ip"] = {four ? "0.0.0.0" : "::"};
  o.values["end-ip"] = {four ? "255.255.255.255" : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
  return o;
}

void join_families(Draft& policy, const FamilyNames& names, Judgements& judgements) {
  if (!policy.table->attribute("srcaddr") || policy.table->attribute("srcaddr6")) return;
  End source = end_of(policy, "srcaddr");
  if (policy.from == "firewall proxy-policy") {
    if (source.v4.empty() && source.v6.empty()) return policy.leave_out(policy.source->at, "srcaddr is missing");
    if (words_in_source(policy, "dstaddr").empty() && words_in_source(policy, "dstaddr6").empty())
      return policy.leave_out(policy.source->at, "dstaddr is missing");
    // Clients of a family without a list match nothing there: `all` of the other one is not theirs.
    const bool one_sided = source.v6.empty()
                               ? policy.setting("access-proxy6") != nullptr
                               : source.v4.empty() || is_listed(source.v4, "all") != is_listed(source.v6, "all");
    if (one_sided) {
      only_of_family(source.v4, names.four);
      only_of_family(source.v6, names.six);
    }
    return write_end(policy, source, judgements);
  }
  End destination = end_of(policy, "dstaddr");
  if (!destination.attribute) return;
  const bool has4 = !source.v4.empty() && !destination.v4.empty();
  const bool has6 = !source.v6.empty() && !destination.v6.empty();
  policy.ipv6 = has6;
  for (End* end : {&source, &destination}) {
    if (!has6) end->v6.clear();
    if (!has4 && has6) end->v4.clear();
    if (end->six && !has6)
      judgements[end->six->at] = {Verdict::kIgnored, "IPv6 has no other end there: nothing passes by it"};
  }
  keep_apart(source, destination, names, has4, has6);
  write_end(policy, source, judgements);
  write_end(policy, destination, judgements);
}

void keep_family(Draft& group, const FamilyNames& names, Judgements& judgements) {
  if (group.from != "firewall addrgrp" && group.from != "firewall addrgrp6") return;
  const auto members = group.object.values.find("member");
  if (members == group.object.values.end() || !is_listed(members->second, "all")) return;
  const std::string& name = group.from.ends_with('6') ? names.six : names.four;
  only_of_family(members->second, name);
  for (auto& r : group.references) {
    if (r.attribute != "member") continue;
    if (r.name == "all") r.name = name;
    judgements[r.at] = {Verdict::kTranslated, words_of("member", members->second)};
  }
}

}  // namespace postern::gateway::config::fortios
