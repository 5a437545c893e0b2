#include "gateway/firewall/model.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/firewall/pieces.h"

namespace postern::gateway::firewall {
namespace {

/// The interface's name inside a set's element.
std::string element_of(const AddressEntry& e) {
  return fmt::format("{} . {} . \"{}\"", e.ip.str(), e.mac.str(), e.interface);
}

bool adjacent(const AddressEntry& e) { return e.mac.valid() && !e.interface.empty(); }

/// The kernel takes names that nftables' language can't hold; nobody is let in by such an interface.
bool can_be_written(std::string_view interface) {
  return std::all_of(interface.begin(), interface.end(),
                     [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '*'; });
}

}  // namespace

std::string set_name(std::string_view dynamic_address) {
  // nftables' names know no space but do know '/', which no tag's name holds. A space becomes two, our own suffixes
  // ("/6") begin with one: no two names meet.
  std::string out;
  for (const char c : dynamic_address) out += c == ' ' ? std::string("//") : std::string(1, c);
  return out;
}

std::string guard_of(std::string_view table) { return std::string(table) + "_guard"; }

FirewallModel::FirewallModel(std::string table, std::size_t piece)
    : table_(std::move(table)), guard_(guard_of(table_)), piece_(piece) {}

void FirewallModel::set_policies(std::vector<Policy> policies) {
  if (built_ && policies == policies_) return;
  policies_ = std::move(policies);
  std::set<std::string> judged;
  for (const auto& p : policies_) {
    if (!judges_absence(p)) continue;
    for (auto& tag : p.condition.all_tags()) judged.insert(std::move(tag));
  }
  // Elements of `known` sets and of hardware addresses are there for tags that policies judge.
  std::set<std::string> no_more, now;
  std::set_difference(judged_.begin(), judged_.end(), judged.begin(), judged.end(), std::inserter(no_more, no_more.end()));
  std::set_difference(judged.begin(), judged.end(), judged_.begin(), judged_.end(), std::inserter(now, now.end()));
  judged_ = std::move(judged);
  for (const auto& [ip, entry] : addresses_) {
    for (const auto& tag : no_more) judge_elements(entry, tag, -1);
    for (const auto& tag : now) judge_elements(entry, tag, +1);
  }
  structure_dirty_ = true;
}

void FirewallModel::set_tags(std::set<std::string> dynamic_addresses) {
  if (dynamic_addresses == tags_) return;
  tags_ = std::move(dynamic_addresses);
  structure_dirty_ = true;
}

void FirewallModel::set_unchecked(const std::set<std::string>& interfaces) {
  const auto element = [](const std::string& name) { return '"' + name + '"'; };
  for (const auto& name : unchecked_) {
    if (!interfaces.contains(name)) count("unchecked", element(name), -1);
  }
  std::set<std::string> written;
  for (const auto& name : interfaces) {
    if (!can_be_written(name)) continue;
    if (!unchecked_.contains(name)) count("unchecked", element(name), +1);
    written.insert(name);
  }
  unchecked_ = std::move(written);
}

void FirewallModel::upsert(AddressEntry entry) {
  const auto it = addresses_.find(entry.ip);
  if (it != addresses_.end()) {
    if (it->second == entry) return;
    add_elements(it->second, -1);
    flush_.insert(entry.ip);
    before_.emplace(entry.ip, it->second);
    it->second = std::move(entry);
    add_elements(it->second, +1);
    return;
  }
  add_elements(entry, +1);
  const IpAddress ip = entry.ip;
  gone_.erase(ip);
  addresses_.emplace(ip, std::move(entry));
}

void FirewallModel::remove(const IpAddress& ip, Gone why) {
  const auto it = addresses_.find(ip);
  if (it == addresses_.end()) return;
  add_elements(it->second, -1);
  before_.emplace(ip, std::move(it->second));
  addresses_.erase(it);
  gone_.insert_or_assign(ip, std::move(why));
  flush_.insert(ip);
}

void FirewallModel::count(const std::string& set, std::string element, int by) {
  int& n = wanted_[set][element];
  n += by;
  if (n == 0) wanted_[set].erase(element);
  dirty_.emplace(set, std::move(element));
}

void FirewallModel::add_elements(const AddressEntry& e, int by) {
  const bool v4 = e.ip.is_v4();
  const std::string ip = e.ip.str();
  if (adjacent(e)) {
    if (can_be_written(e.interface)) {
      count(v4 ? "bound" : "bound6", element_of(e), by);
      count(v4 ? "held" : "held6", ip, by);
    }
  } else {
    count(v4 ? "routed" : "routed6", ip, by);
  }
  for (const auto& tag : e.tags) {
    const TagSets sets(tag);
    count(v4 ? sets.v4 : sets.v6, ip, by);
  }
  for (const auto& tag : judged_) judge_elements(e, tag, by);
}

/// What there is of the tag because policies judge it.
void FirewallModel::judge_elements(const AddressEntry& e, const std::string& tag, int by) {
  const TagSets sets(tag);
  if (e.mac.valid() && e.tags.contains(tag)) count(sets.mac, e.mac.str(), by);
  if (e.known.contains(tag)) count(e.ip.is_v4() ? sets.known4 : sets.known6, e.ip.str(), by);
}

std::map<std::string, FirewallModel::SetDefinition> FirewallModel::wanted_sets() const {
  std::map<std::string, SetDefinition> out = {
      {"bound", {"ipv4_addr . ether_addr . ifname"}}, {"bound6", {"ipv6_addr . ether_addr . ifname"}},
      {"held", {"ipv4_addr"}},                        {"held6", {"ipv6_addr"}},
      {"routed", {"ipv4_addr"}},                      {"routed6", {"ipv6_addr"}},
      {"unchecked", {"ifname"}},
  };
  std::set<std::string> tags = tags_;
  for (const auto& p : policies_) {
    for (auto& tag : p.condition.all_tags()) tags.insert(std::move(tag));
  }
  for (const auto& tag : tags) {
    const TagSets sets(tag);
    out[sets.v4] = {"ipv4_addr"};
    out[sets.v6] = {"ipv6_addr"};
    if (judged_.contains(tag)) {
      out[sets.mac] = {"ether_addr"};
      out[sets.known4] = {"ipv4_addr"};
      out[sets.known6] = {"ipv6_addr"};
    }
  }
  return out;
}

namespace {

std::string list_text(const std::string& name, const std::string& body) {
  return fmt::format("\tset {} {{ {} }}\n", name, body);
}

std::set<std::string_view> chain_names(std::string_view chains) {
  constexpr std::string_view kHead = "\tchain ", kOpen = " {";
  std::set<std::string_view> names;
  for (const auto line : split(chains, '\n')) {
    if (line.starts_with(kHead)) names.insert(line.substr(kHead.size(), line.size() - kHead.size() - kOpen.size()));
  }
  return names;
}

}  // namespace

void FirewallModel::take_flushed(Change& change) {
  change.flush.assign(flush_.begin(), flush_.end());
  flush_.clear();
  change.before = std::exchange(before_, {});
  change.gone = std::exchange(gone_, {});
}

/// Those that are wanted, as they were.
void FirewallModel::expect_sets() {
  std::map<std::string, Expected> out;
  for (const auto& [name, definition] : applied_sets_) {
    auto before = expected_.extract(name);
    auto& now = out[name] = before.empty() ? Expected{{}, {}, taken_} : std::move(before.mapped());
    now.type = definition.type;  // of a new one, elements were expected before it
  }
  expected_ = std::move(out);
}

void FirewallModel::expect(const std::string& set, const std::string& element, bool there) {
  auto& expected = expected_[set];
  expected.touched = taken_;
  if (there) {
    expected.elements.add(element);
  } else {
    expected.elements.remove(element);
  }
}

std::size_t FirewallModel::elements_in(const Difference& diff) {
  std::size_t n = 0;
  for (const auto& [set, elements] : diff) n += elements.first.size() + elements.second.size();
  return n;
}

Change FirewallModel::take_change() {
  if (!built_) return take_rebuild();
  ++taken_;
  Change change;
  std::string& out = change.commands;
  Difference diff;
  const auto compare = [&](const std::string& set, const std::string& element, bool set_exists) {
    const auto in = wanted_.find(set);
    const bool wanted = set_exists && in != wanted_.end() && in->second.contains(element);
    const bool there = applied_[set].contains(element);
    if (wanted && !there) diff[set].second.push_back(element);
    if (!wanted && there) diff[set].first.push_back(element);
  };
  std::vector<std::string> dropped_sets;
  std::string new_sets, elements_text, rules_text;
  std::size_t elements_count = 0;
  bool new_rules = false;
  Ruleset rules;
  auto sets = applied_sets_;
  if (structure_dirty_) {
    sets = wanted_sets();
    rules = render_chains(policies_);
    new_rules = rules.chains != applied_rules_.chains;
    for (const auto& [name, definition] : sets) {
      if (applied_sets_.contains(name)) continue;
      new_sets += fmt::format("add set inet {} {} {{ type {}; }}\n", table_, name, definition.type);
      if (const auto it = wanted_.find(name); it != wanted_.end()) {
        for (const auto& [element, n] : it->second) dirty_.emplace(name, element);
      }
    }
    for (const auto& [name, definition] : applied_sets_) {
      if (!sets.contains(name)) dropped_sets.push_back(name);
    }
  }
  for (const auto& [set, element] : dirty_) {
    if (sets.contains(set)) compare(set, element, true);
  }
  const auto before = elements_in(diff) > piece_ && structure_dirty_ ? applied_ : Elements();
  for (const auto& [set, elements] : diff) {
    elements_text += element_command("delete", table_, set, elements.first);
    elements_text += element_command("add", table_, set, elements.second);
    elements_count += elements.first.size() + elements.second.size();
    for (const auto& e : elements.first) {
      applied_[set].erase(e);
      expect(set, e, false);
    }
    for (const auto& e : elements.second) {
      applied_[set].insert(e);
      expect(set, e, true);
    }
  }
  if (new_rules) {
    // Chains refer to one another: empty them all, then write them again. One transaction: nobody sees it half done.
    const auto before = chain_names(applied_rules_.chains), after = chain_names(rules.chains);
    for (const auto name : before) rules_text += fmt::format("flush chain inet {} {}\n", table_, name);
    rules_text += fmt::format("table inet {} {{\n", table_);
    for (const auto& [name, body] : rules.lists) {
      if (!applied_rules_.lists.contains(name)) rules_text += list_text(name, body);
    }
    rules_text += rules.chains + "}\n";
    for (const auto name : before) {
      if (!after.contains(name)) rules_text += fmt::format("delete chain inet {} {}\n", table_, name);
    }
    for (const auto& [name, body] : applied_rules_.lists) {
      if (!rules.lists.contains(name)) dropped_sets.push_back(name);
    }
    applied_rules_ = std::move(rules);
    for (const auto& [ip, entry] : addresses_) flush_.insert(ip);
  }
  change.structure = new_rules || !dropped_sets.empty() || sets != applied_sets_;
  for (const auto& name : dropped_sets) {
    rules_text += fmt::format("delete set inet {} {}\n", table_, name);
    applied_.erase(name);
  }
  if (elements_count <= piece_) {
    out = new_sets + elements_text + rules_text;
  } else {
    put_in_pieces(change, diff, before, new_sets, rules_text);
  }
  applied_sets_ = std::move(sets);
  if (change.structure) expect_sets();
  structure_dirty_ = false;
  dirty_.clear();
  take_flushed(change);
  return change;
}

bool FirewallModel::in_pieces(const std::map<std::string, SetDefinition>& sets) const {
  std::size_t wanted = 0;
  for (const auto& [name, definition] : sets) {
    if (const auto it = wanted_.find(name); it != wanted_.end()) wanted += it->second.size();
  }
  return wanted > piece_;
}

/// In place of what is there. `empty`: without what is brought in piece by piece.
std::string FirewallModel::table_text(const std::map<std::string, SetDefinition>& sets, const Ruleset& rules, bool empty) const {
  std::string out = fmt::format("add table inet {0}\ndelete table inet {0}\n", table_);
  out += fmt::format("table inet {} {{\n\tset alive {{\n\t\ttype nf_proto\n\t\tflags timeout\n\t}}\n", table_);
  for (const auto& [name, definition] : sets) {
    out += fmt::format("\tset {} {{\n\t\ttype {}\n", name, definition.type);
    const auto it = wanted_.find(name);
    if (it != wanted_.end() && !it->second.empty() && (!empty || name == "unchecked")) {
      std::vector<std::string> elements;
      for (const auto& [element, n] : it->second) elements.push_back(element);
      out += "\t\telements = { " + join(elements, ", ") + " }\n";
    }
    out += "\t}\n";
  }
  for (const auto& [name, body] : rules.lists) out += list_text(name, body);
  return out + rules.chains + "}\n";
}

std::optional<Change> FirewallModel::rebuild_head() const {
  const auto sets = wanted_sets();
  if (!in_pieces(sets)) return std::nullopt;
  Change change;
  change.ahead = guard();
  change.commands = table_text(sets, render_chains(policies_), true);
  return change;
}

Change FirewallModel::take_rebuild() {
  ++taken_;
  Change change;
  change.structure = true;
  applied_sets_ = wanted_sets();
  expected_.clear();
  expect_sets();
  applied_rules_ = render_chains(policies_);
  applied_.clear();
  for (const auto& [name, definition] : applied_sets_) {
    const auto it = wanted_.find(name);
    if (it == wanted_.end()) continue;
    for (const auto& [element, n] : it->second) {
      applied_[name].insert(applied_[name].end(), element);
      expect(name, element, true);
    }
  }
  const bool filled_later = in_pieces(applied_sets_);
  change.commands = table_text(applied_sets_, applied_rules_, filled_later);
  change.ahead = guard();
  if (filled_later) {
    fill_in_pieces(change);
  } else {
    change.more = {guard_end()};
  }
  built_ = true;
  structure_dirty_ = false;
  dirty_.clear();
  for (const auto& [ip, entry] : addresses_) flush_.insert(ip);
  take_flushed(change);
  return change;
}

std::string FirewallModel::renew_command(unsigned seconds) const {
  // An element that is there keeps its old deadline when added again: take it out first, in the same transaction.
  return end_lease_command() +
         fmt::format("add element inet {0} alive {{ ipv4 timeout {1}s, ipv6 timeout {1}s }}\n", table_, seconds);
}

std::string FirewallModel::end_lease_command() const {
  return fmt::format("add element inet {0} alive {{ ipv4, ipv6 }}\ndelete element inet {0} alive {{ ipv4, ipv6 }}\n",
                     table_);
}

}  // namespace postern::gateway::firewall
