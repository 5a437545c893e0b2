#include "gateway/config/import/fortios.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/config/import/assembly.h"
#include "gateway/config/import/combined.h"
#include "gateway/config/import/front.h"
#include "gateway/config/import/policies.h"
#include "gateway/config/import/typed.h"

namespace postern::gateway::config::fortios {
namespace {

/// Writes the report once every draft's fate is known.
class Importer {
 public:
  Importer(const Snapshot& base, Source source, const Machine& machine)
      : base_(base),
        source_(std::move(source)),
        outline_(outline_of(source_.statements)),
        judgements_(source_.statements.size()),
        assembly_(base, machine, judgements_) {}

  Import run() {
    choose_vdom();
    hide_communities();
    number_connectors();
    look_for_typed();
    for (const auto& b : outline_.blocks) {
      if (!taken_here(b)) continue;
      look_for_strange(b);
      look_in_front(b);
      if (!shares_address_names(b.table)) continue;
      for (const auto& e : b.entries) assembly_.no_addresses.try_emplace(e.key, b.table);
    }
    while (look_at_carried_interfaces()) {
    }
    for (const auto& b : outline_.blocks) block(b);
    for (const At at : outline_.scopes) judge(at, Verdict::kNothing, "there is one virtual domain here");
    for (const At at : outline_.outside)
      judge(at, Verdict::kIgnored, "is no line of a configuration, or stands in no table");
    Import out(assembly_.settle());
    for (const auto& d : assembly_.drafts()) {
      if (d.alive() || d.built_in) taken_.insert(d.source);
    }
    for (const auto& b : outline_.blocks) frame(b);
    for (const auto& d : assembly_.drafts()) fate(d, out);
    for (const auto& name : assembly_.made_new()) out.added.push_back({name, 0, {}});
    out.notices = assembly_.notices();
    lines(out);
    return out;
  }

 private:
  void judge(At at, Verdict verdict, std::string why) { judgements_[at] = {verdict, std::move(why)}; }
  std::size_t line_of(At at) const { return source_.statements[at].first + 1; }

  /// root, or the only one that says anything.
  void choose_vdom() {
    for (const auto& b : outline_.blocks) {
      if (b.vdom.empty()) continue;
      if (vdom_.empty() || b.vdom == "root") vdom_ = b.vdom;
    }
  }
  bool taken_here(const Block& b) const { return b.vdom.empty() || b.vdom == vdom_; }

  const Table* table_of(const Block& b) const {
    const auto& schema = gateway_schema();
    const Table* table = schema.table(b.table);
    if (!table && !our_table(b.table).empty()) table = schema.table(our_table(b.table));
    return table;
  }

  void ignore_all(const Block& b, const std::string& why) {
    std::vector<At> all;
    collect(b, all);
    for (const At at : all) judge(at, Verdict::kIgnored, why);
  }

  /// Connectors have slots here: those that had only names there get the one that has that name here already, or the first
  /// that is free in both.
  void number_connectors() {
    std::set<std::string> taken;
    std::vector<const Entry*> connectors;
    for (const auto& b : outline_.blocks) {
      if (b.table != "endpoint-control fctems" || !taken_here(b)) continue;
      for (const auto& e : b.entries) {
        connectors.push_back(&e);
        if (is_number(e.key)) taken.insert(e.key);
      }
    }
    auto& slots = assembly_.slots;
    std::map<std::string, std::string> here;  // by name
    for (const auto& connector : base_->entries("endpoint-control fctems")) {
      const auto name = connector.text("name");
      if (!is_named_in(connectors, name) || !here.emplace(name, connector.key()).second) taken.insert(connector.key());
    }
    for (const Entry* e : connectors) {
      std::string slot = e->key;
      if (const auto it = slots.by_name.find(slot); it != slots.by_name.end()) {
        slot = it->second;
      } else if (const auto known = here.find(slot);
                 !is_number(slot) && known != here.end() && !taken.contains(known->second)) {
        slot = slots.by_name[e->key] = known->second;
        taken.insert(slot);
      } else if (!is_number(slot)) {
        int next = 1;
        while (taken.contains(std::to_string(next))) ++next;
        if (next > kMaxConnectors) continue;  // is left out: such a name is no slot
        slot = std::to_string(next);
        taken.insert(slot);
        slots.by_name[e->key] = slot;
      }
      for (const auto& s : e->settings) {
        if (s.name == "serial-number" && !s.values.empty()) slots.by_serial[s.values[0]] = slot;
      }
    }
  }
  static bool is_named_in(const std::vector<const Entry*>& entries, std::string_view name) {
    return std::any_of(entries.begin(), entries.end(), [&](const Entry* e) { return e->key == name; });
  }
  static bool is_number(std::string_view key) {
    return !key.empty() && key.find_first_not_of("0123456789") == key.npos;
  }
  static constexpr int kMaxConnectors = 7;

  void look_for_typed() {
    auto at = first_unreadable(outline_, source_.statements);
    for (const auto& b : outline_.blocks) {
      const Table* table = taken_here(b) ? table_of(b) : nullptr;
      if (table && !at) at = first_shortened(b, *table);
    }
    if (!at) return;
    assembly_.refuses_before = fmt::format(
        "line {} is none that show prints, but typed or cut off: what it does to the policies "
        "is not known",
        line_of(*at));
  }

  /// Statements that change a table as a whole, or what may have been one: an end that is missing hides the tables
  /// behind it.
  void look_for_strange(const Block& b) {
    const Table* table = table_of(b);
    const auto mark = [&](const Table* changed, At at) {
      if (changed && !changed->single()) assembly_.misplaced.try_emplace(changed->name, at);
    };
    if (!b.strange.empty()) mark(table, b.strange[0]);
    if (table && !table->single()) {
      std::vector<At> outside;
      collect(b.body, outside);
      if (!outside.empty()) mark(table, outside[0]);
    }
    look_within(b.body, mark);
    for (const auto& e : b.entries) {
      for (const At at : e.strange) {
        if (changes_a_table(at)) mark(table, at);
      }
      look_within(e, mark);
    }
  }
  template <class Mark>
  void look_within(const Entry& entry, const Mark& mark) {
    for (const auto& b : entry.blocks) {
      if (b.table.find(' ') != b.table.npos) {  // nested tables have one word
        if (table_of(b)) mark(table_of(b), b.at);
        look_in_front(b);
      }
      look_within(b.body, mark);
      for (const auto& e : b.entries) look_within(e, mark);
    }
  }
  bool changes_a_table(At at) const {
    const auto& words = source_.statements[at].words;
    if (words.empty()) return false;
    for (const std::string_view command : {"move", "delete", "purge", "rename", "clone", "abort"}) {
      if (words[0] == command) return true;
    }
    return false;
  }

  void look_in_front(const Block& b) {
    if (b.table == "user setting") {
      for (const auto& s : b.body.settings) {
        if (s.name == "auth-on-demand") assembly_.users_stop = s.values == Value{"always"};
      }
    }
    if (b.table == "system zone") {
      for (const auto& e : b.entries) assembly_.zones.insert(e.key);
    }
    if (b.table == "system sdwan" || b.table == "system virtual-wan-link") {
      assembly_.zones.insert("virtual-wan-link");
      for (const auto& nested : b.body.blocks) {
        if (nested.table != "zone") continue;
        for (const auto& e : nested.entries) assembly_.zones.insert(e.key);
      }
    }
    if (b.table == "system interface") {
      for (const auto& e : b.entries) {
        for (const auto& s : e.settings) look_at_interface(e, s, narrows(s));
      }
    }
    if (b.table == "wireless-controller vap") {
      for (const auto& e : b.entries) {
        for (const auto& s : e.settings) look_at_interface(e, s, narrows_network(s));
      }
    }
    // Of what is taken, system settings alone may refuse in front.
    if (!assembly_.refuses_before.empty() || (table_of(b) && b.table != "system settings")) return;
    assembly_.refuses_before = refuses_in_front(b);
  }
  void look_at_interface(const Entry& e, const Setting& s, Narrows what) {
    if (what == Narrows::kNothing) return;
    narrowing_.insert(s.at);
    auto& known = assembly_.narrow_interfaces[e.key];
    if (known.setting.empty() || what == Narrows::kBoth) known = {words_of(s.name, s.values), what == Narrows::kBoth};
  }

  /// Nothing passes by any of those that carry it.
  bool look_at_carriers(const std::string& name, const Setting& s) {
    auto& narrow = assembly_.narrow_interfaces;
    const auto own = narrow.find(name);
    if ((own != narrow.end() && own->second.both) || s.values.empty()) return false;
    for (const auto& carrier : s.values) {
      const auto below = narrow.find(carrier);
      if (below == narrow.end() || !below->second.both) return false;
    }
    narrow[name] = {fmt::format("{} ({} there)", words_of(s.name, s.values), narrow.at(s.values[0]).setting), true};
    return true;
  }
  /// What stands upon interfaces through which nothing passes, such as a VLAN or an aggregate. Says whether something is
  /// new.
  bool look_at_carried_interfaces() {
    bool any = false;
    for (const auto& b : outline_.blocks) {
      if ((b.table != "system interface" && b.table != "system switch-interface") || !taken_here(b)) continue;
      for (const auto& e : b.entries) {
        for (const auto& s : e.settings) {
          if (s.name != "member" && (s.name != "interface" || s.values.size() != 1)) continue;
          any = look_at_carriers(e.key, s) || any;
        }
      }
    }
    return any;
  }

  /// Names of communities are passwords.
  void hide_communities() {
    for (const auto& b : outline_.blocks) {
      if (b.table != "system snmp community") continue;
      for (const auto& e : b.entries) {
        for (const auto& s : e.settings) {
          if (s.name != "name") continue;
          const auto& at = source_.statements[s.at];
          for (std::size_t i = at.first; i <= at.last; ++i) {
            auto& shown = source_.lines[i].shown;
            shown = i == at.first ? shown.substr(0, shown.find("name") + 4) + " ***" : "***";
          }
        }
      }
    }
  }

  void block(const Block& b) {
    if (!taken_here(b)) {
      return ignore_all(b, fmt::format("belongs to the virtual domain {}; only {} is taken", b.vdom, vdom_));
    }
    const Table* table = table_of(b);
    if (!table) {
      const auto front = refuses_in_front(b);
      ignore_all(
          b, std::string(why_no_table(b.table)) +
                 (front.empty()
                      ? ""
                      : "; it may refuse in front of the policies: those of this text are taken with status disable"));
      return tell_what_narrows(b);
    }
    for (const At at : b.frame) judge(at, Verdict::kTaken, {});
    std::vector<At> outside = b.strange;
    if (table->single()) {
      for (const auto& e : b.entries) collect(e, outside);
      assembly_.add(b.body, *table, b.table);
    } else {
      collect(b.body, outside);
      for (const auto& e : b.entries) assembly_.add(e, *table, b.table);
    }
    for (const At at : outside) judge(at, Verdict::kIgnored, "is no line that show prints here");
    tell_what_narrows(b);
  }
  void tell_what_narrows(const Block& b) {
    for (const auto& e : b.entries) {
      for (const auto& s : e.settings) {
        if (narrowing_.contains(s.at))
          judgements_[s.at].why += "; this text's policies by this interface are taken with status disable";
      }
    }
  }

  /// config and end are as good as what stands between them.
  void frame(const Block& b) {
    if (b.frame.empty() || judgements_[b.frame[0]].verdict != Verdict::kTaken || b.entries.empty()) return;
    const bool any = std::any_of(b.entries.begin(), b.entries.end(), [&](const Entry& e) { return taken_.contains(&e); });
    if (any) return;
    for (const At at : b.frame) judge(at, Verdict::kIgnored, "nothing of it is taken");
  }

  void left_out(const Draft& d) {
    std::vector<At> all;
    collect(*d.source, all);
    if (d.built_in) {
      for (const At at : all) judge(at, Verdict::kTranslated, d.name() + ", which is built in");
      return;
    }
    const std::string own = fmt::format("{} is left out: {}", d.name(), d.left_out);
    for (const At at : all) {
      if (at == d.culprit && at != d.source->at) continue;  // has a reason of its own
      const bool first = at == d.source->at;
      judge(at, Verdict::kIgnored, first ? own : fmt::format("left out with its entry (line {})", line_of(d.source->at)));
    }
    if (d.source->frame.empty()) judge(d.source->at, Verdict::kIgnored, own);  // a table without entries
    if (d.culprit != d.source->at) {
      auto& j = judgements_[d.culprit];
      if (j.verdict != Verdict::kIgnored) j = {Verdict::kIgnored, d.left_out};
    }
  }

  void nested_fates(const Draft& d) {
    for (const auto& n : d.nested) {
      if (!n.alive()) left_out(n);
      else if (!n.emptied.empty()) without_servers(n);
      else nested_fates(n);
    }
  }
  void without_servers(const Draft& d) {
    std::vector<At> all;
    collect(*d.source, all);
    for (const At at : all) {
      const auto& frame = d.source->frame;
      const bool framing = std::find(frame.begin(), frame.end(), at) != frame.end();
      const bool asked = std::any_of(d.source->settings.begin(), d.source->settings.end(),
                                     [&](const Setting& s) { return s.at == at && is_request_setting(s.name); });
      if (framing || asked) continue;
      auto& j = judgements_[at];
      if (j.verdict != Verdict::kIgnored) j = {Verdict::kIgnored, "it is taken without its servers"};
    }
    judge(d.source->at, Verdict::kTranslated,
          fmt::format("{} without its servers, so that its requests are refused: {}", d.name(), d.emptied));
  }

  void fate(const Draft& d, Import& out) {
    const ReportEntry entry{d.name(), line_of(d.source->at), d.left_out};
    if (!d.alive()) {
      left_out(d);
      if (!d.built_in) out.left_out.push_back(entry);
      return;
    }
    nested_fates(d);
    for (const auto& w : d.all_wider()) {
      auto& j = judgements_[w.at];
      if (j.verdict != Verdict::kIgnored || (d.is_policy() && !is_on(d))) continue;
      j.why += d.is_policy() ? "; so the policy is taken with status disable"
                             : "; so policies that use it are taken with status disable";
    }
    if (d.disabled) {
      judge(d.source->at, Verdict::kTranslated, fmt::format("{}, with status disable: {}", d.name(), d.why_disabled));
      if (const auto* status = d.setting("status")) {
        judge(status->at, Verdict::kIgnored, "see its first line: status is disable");
      }
      out.disabled.push_back({entry.name, entry.line, d.why_disabled});
    }
    switch (assembly_.compared(d)) {
      case Assembly::Compared::kNew: out.added.push_back({entry.name, entry.line, {}}); break;
      case Assembly::Compared::kChanged: out.changed.push_back({entry.name, entry.line, {}}); break;
      case Assembly::Compared::kSame: out.same.push_back({entry.name, entry.line, {}}); break;
      case Assembly::Compared::kNothing: break;
    }
  }

  void lines(Import& out) const {
    using Kind = SourceLine::Kind;
    for (const auto& l : source_.lines) {
      ReportLine line{l.shown, Verdict::kNothing, {}};
      switch (l.kind) {
        case Kind::kComment: line.why = "a comment"; break;
        case Kind::kHeader: line.why = "the head of a backup"; break;
        case Kind::kPrompt: line.why = "a prompt"; break;
        case Kind::kPager: line.why = "of the pager"; break;
        case Kind::kBlank:
        case Kind::kStatement: break;
      }
      out.lines.push_back(std::move(line));
    }
    for (At at = 0; at < source_.statements.size(); ++at) {
      const auto& s = source_.statements[at];
      Judgement j = judgements_[at];
      if (!s.broken.empty()) j.why = s.broken;
      for (std::size_t i = s.first; i <= s.last; ++i) {
        out.lines[i].verdict = j.verdict;
        if (i == s.first) out.lines[i].why = j.why;
      }
    }
  }

  Snapshot base_;
  Source source_;
  Outline outline_;
  Judgements judgements_;
  Assembly assembly_;
  std::set<const Entry*> taken_;
  std::set<At> narrowing_;  ///< Settings of interfaces.
  std::string vdom_;
};

}  // namespace

Result<Import> import_text(const Snapshot& base, std::string_view text, const Machine& machine) {
  auto source = read_source(text);
  if (!source) return fail(source.error());
  return Importer(base, std::move(*source), machine).run();
}

}  // namespace postern::gateway::config::fortios
