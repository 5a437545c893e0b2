#include "gateway/config/import/policies.h"

#include <algorithm>

namespace postern::gateway::config::fortios {
namespace {

bool lists_word(const Value& values, std::string_view word) {
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
  if (end.four) end.v4 = ObjectView(*policy.table, policy.object).values(name);
  if (end.six && end.six->command != "unset") end.v6 = end.six->values;
  std::erase(end.v6, "");
  return end;
}

void write_end(Draft& policy, const End& end, Judgements& judgements) {
  const std::string& name = end.attribute->name;
  Value all = end.v4;
  for (const auto& word : end.v6) {
    if (!lists_word(all, word)) all.push_back(word);
  }
  std::erase_if(policy.references, [&](const Reference& r) { return r.attribute == name; });
  for (const auto& word : all) {
    const bool of_four = lists_word(end.v4, word);
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
void keep_apart(End& source, End& destination, bool has4, bool has6) {
  if (has4 && has6) {
    for (End* end : {&source, &destination}) {
      if (lists_word(end->v4, "all") == lists_word(end->v6, "all")) continue;
      only_of_family(end->v4, kAllIpv4);
      only_of_family(end->v6, kAllIpv6);
    }
  } else if (has4 && lists_word(source.v4, "all") && lists_word(destination.v4, "all")) {
    only_of_family(source.v4, kAllIpv4);
  } else if (has6 && lists_word(source.v6, "all") && lists_word(destination.v6, "all")) {
    only_of_family(source.v6, kAllIpv6);
  }
}

const Value& words_at(const Draft& policy, std::string_view name) {
  static const Value none;
  const Setting* s = policy.setting(name);
  return s ? s->values : none;
}

bool disjoint(const Draft& a, const Draft& b, std::string_view name) {
  const auto &left = words_at(a, name), &right = words_at(b, name);
  if (left.empty() || right.empty() || lists_word(left, "any") || lists_word(right, "any")) return false;
  return std::none_of(left.begin(), left.end(), [&](const std::string& word) { return lists_word(right, word); });
}

}  // namespace

Object all_of_family(std::string_view name) {
  Object o;
  o.key = std::string(name);
  const bool four = name == kAllIpv4;
  o.values["type"] = {"iprange"};
  o.values["start-ip"] = {four ? "0.0.0.0" : "::"};
  o.values["end-ip"] = {four ? "255.255.255.255" : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
  return o;
}

void join_families(Draft& policy, Judgements& judgements) {
  if (!policy.table->attribute("srcaddr") || policy.table->attribute("srcaddr6")) return;
  End source = end_of(policy, "srcaddr");
  if (policy.from == "firewall proxy-policy") {
    if (source.v4.empty() && source.v6.empty()) return policy.leave_out(policy.source->at, "srcaddr is missing");
    if (!source.v6.empty() && !source.v4.empty() && lists_word(source.v4, "all") != lists_word(source.v6, "all")) {
      only_of_family(source.v4, kAllIpv4);
      only_of_family(source.v6, kAllIpv6);
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
    if (end->six && !has6) judgements[end->six->at] = {Verdict::kIgnored, "IPv6 has no other end there: nothing passes by it"};
  }
  keep_apart(source, destination, has4, has6);
  write_end(policy, source, judgements);
  write_end(policy, destination, judgements);
}

bool is_on(const Draft& policy) { return words_at(policy, "status") != Value{"disable"}; }

bool refuses(const Draft& policy) { return is_on(policy) && words_at(policy, "action") != Value{"accept"}; }

bool may_overlap(const Draft& a, const Draft& b) {
  return !disjoint(a, b, "srcintf") && !disjoint(a, b, "dstintf") && !disjoint(a, b, "access-proxy");
}

}  // namespace postern::gateway::config::fortios
