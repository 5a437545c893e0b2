#include "gateway/config/import/draft.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/ids.h"
#include "base/text.h"
#include "gateway/config/import/combined.h"
#include "gateway/config/import/typed.h"
#include "gateway/config/model.h"
#include "gateway/config/text.h"
#include "gateway/config/tree.h"

namespace postern::gateway::config::fortios {
namespace {

bool encrypted_key(const Value& values) {
  return std::any_of(values.begin(), values.end(), [](const std::string& word) {
    return word.find("ENCRYPTED PRIVATE KEY") != std::string::npos ||
           word.find("Proc-Type: 4,ENCRYPTED") != std::string::npos;
  });
}

class DraftWriter {
 public:
  DraftWriter(Draft& draft, const EmsSlots& slots, Judgements& judgements)
      : draft_(draft), slots_(slots), judgements_(judgements) {}

  void run() {
    const Entry& source = *draft_.source;
    for (const At at : source.frame) judge(at, Verdict::kTaken);
    for (const auto& s : source.settings) setting(s);
    for (const auto& d : source_defaults()) {
      if (d.table == draft_.from && !draft_.setting(d.name)) as_long_as_unset(d);
    }
    for (const At at : source.strange) {
      judge(at, Verdict::kIgnored, "this is no line that show prints");
      draft_.leave_out(at, "a line of it can't be read");
    }
    if (!source.closed && !draft_.table->single()) {
      draft_.leave_out(source.at, "its next is missing: lines of it may be lost");
    }
    for (const auto& b : source.blocks) block(b);
  }

 private:
  void judge(At at, Verdict verdict, std::string why = {}) { judgements_[at] = {verdict, std::move(why)}; }

  /// Without the name of the setting in front.
  static std::string said_once(std::string_view why, std::string_view name) {
    const auto own = fmt::format("{}: ", name);
    return std::string(why.starts_with(own) ? why.substr(own.size()) : why);
  }

  /// What can't be taken: `why` in general; the list may know better.
  void refuse(At at, std::string_view name, std::string_view why, std::optional<Effect> effect = {}) {
    const auto known = not_taken(draft_.from, name);
    std::string said(known.why.empty() ? why : known.why);
    said = said_once(said, name);
    switch (effect.value_or(known.effect)) {
      case Effect::kLine: return judge(at, Verdict::kIgnored, said);
      case Effect::kWider:
        judge(at, Verdict::kIgnored, said);
        draft_.wider.push_back({at, fmt::format("{}: {}", name, said)});
        return;
      case Effect::kEntry:
        judge(at, Verdict::kIgnored, said);
        return draft_.leave_out(at, fmt::format("{}: {}", name, said));
    }
  }

  /// A value that is not allowed here. Without a value that was asked for, an entry that lets something through is
  /// another one; a policy is then off.
  void refuse_value(At at, const Attribute& attribute, std::string_view why) {
    if (attribute.required) {  // without it there is no such entry, whatever the list says of other tables
      judge(at, Verdict::kIgnored, said_once(why, attribute.name));
      return draft_.leave_out(at, fmt::format("{}: {}", attribute.name, said_once(why, attribute.name)));
    }
    const bool known = is_known(draft_.from, attribute.name);
    std::optional<Effect> effect;
    if (!known && not_taken(draft_.from, attribute.name).effect == Effect::kWider && !draft_.is_policy()) {
      effect = Effect::kEntry;
    }
    refuse(at, attribute.name, why, effect);
  }

  void setting(const Setting& s) {
    const auto converted = convert(draft_.from, *draft_.table, s.name, s.values, slots_);
    const Attribute* attribute = draft_.table->attribute(converted.name);
    if (!attribute || (draft_.is_policy() && (s.name == "users" || s.name == "groups"))) return unknown(s);
    // There they are people with passwords, or somebody else's; the same name at an endpoint is less, also one that is here.
    if (draft_.from == "user local" || draft_.from == "user group") {
      return refuse(s.at, s.name, "users there sign in to the FortiGate; here they are those of endpoints", Effect::kEntry);
    }
    if (of_foreign_ems(s)) return refuse(s.at, s.name, {});
    if (attribute->read_only) return judge(s.at, Verdict::kIgnored, "is what the gateway finds out by itself");
    if (s.command == "unset") {
      forget(converted.name);
      return judge(s.at, Verdict::kTaken);
    }
    if (attribute->type == Type::kSecret)
      return refuse(s.at, s.name, "a secret can't be read back from the source", Effect::kEntry);
    if (attribute->type == Type::kPem && encrypted_key(s.values)) return refuse(s.at, s.name, "the key is encrypted");
    Value words = converted.values;
    if (s.command == "append") {
      const auto& before = ObjectView(*draft_.table, draft_.object).values(converted.name);
      if (draft_.object.values.contains(converted.name)) words.insert(words.begin(), before.begin(), before.end());
    }
    const auto value = attribute->normalise(words);
    if (!value) {
      if (is_as_here(draft_.from, s.name, s.values)) return judge(s.at, Verdict::kTaken);
      if (words.size() == 1 && words[0].empty()) {  // nothing is set there
        forget(converted.name);
        return judge(s.at, Verdict::kTaken);
      }
      if (attribute->type == Type::kTag) return no_such_tag(s);
      return refuse_value(s.at, *attribute, value.error().message);
    }
    if (!attribute->enforced && *value != attribute->default_value) {
      return refuse(s.at, s.name, "has no effect in this version");
    }
    keep(s.at, *attribute, *value);
    const bool same = converted.name == s.name && converted.values == s.values;
    judge(s.at, same ? Verdict::kTaken : Verdict::kTranslated, same ? "" : words_of(converted.name, *value));
  }

  /// The words are as the text has them: "FCTEMS0000000000_x" has no name here without its connector.
  void no_such_tag(const Setting& s) {
    const auto of_an_ems = std::find_if(s.values.begin(), s.values.end(), [](const auto& v) { return v.starts_with("FCTEMS"); });
    const auto why =
        of_an_ems != s.values.end()
            ? fmt::format("{} is a tag of a connector that this text doesn't have: take config endpoint-control fctems along, "
                          "or write EMS<number>_ZTNA_<tag>", quote_word(*of_an_ems))
            : fmt::format("{} is no name of a tag here: EMS<number>_ZTNA_<tag>", quote_word(join(s.values, " ")));
    judge(s.at, Verdict::kIgnored, why);
    draft_.leave_out(s.at, fmt::format("{}: {}", s.name, why));
  }

  /// What pins another make of EMS would keep ours away.
  bool of_foreign_ems(const Setting& s) const {
    if (draft_.from != "endpoint-control fctems" || (s.name != "serial-number" && s.name != "tenant-id")) return false;
    const Setting* serial = draft_.setting("serial-number");
    return serial && !serial->values.empty() && !valid_ems_serial(serial->values[0]);
  }

  void unknown(const Setting& s) {
    // Both families stand in one list here: see join_families().
    const bool joined = s.name == "srcaddr6" || (s.name == "dstaddr6" && draft_.from == "firewall policy");
    if (draft_.is_policy() && joined) return judge(s.at, Verdict::kTaken);
    // A status that is off narrows: all of the entry is. So may a name that is shortened, as people type it.
    const bool narrows_off =
        s.name == "status" || is_never_off(draft_.from, s.name) || is_shortened(*draft_.table, draft_.from, s.name);
    const bool nothing = std::all_of(s.values.begin(), s.values.end(), [](const std::string& word) { return word.empty(); });
    if (s.command == "unset" || (is_off(s.values) && (nothing || !narrows_off))) {
      return judge(s.at, Verdict::kIgnored, "is off there, and there is no such setting here");
    }
    if (is_as_here(draft_.from, s.name, s.values)) return judge(s.at, Verdict::kIgnored, "is so here anyway");
    // The entry's own name, once more.
    if (s.name == draft_.table->key.name) return judge(s.at, Verdict::kIgnored, "is the entry's name");
    refuse(s.at, s.name, "this version has no such setting");
  }

  void as_long_as_unset(const SourceDefault& d) {
    const Attribute* attribute = draft_.table->attribute(d.name);
    if (!attribute) return;
    const auto value = attribute->normalise({std::string(d.value)});
    if (value) return keep(draft_.source->at, *attribute, *value);
    const auto why = not_taken(draft_.from, d.name).why;
    draft_.leave_out(draft_.source->at, fmt::format("{} is {} where it isn't set: {}", d.name, d.value,
                                                    why.empty() ? value.error().message : why));
  }

  void forget(const std::string& name) {
    draft_.object.values.erase(name);
    std::erase_if(draft_.references, [&](const Reference& r) { return r.attribute == name; });
  }

  void keep(At at, const Attribute& attribute, const Value& value) {
    forget(attribute.name);
    if (value != attribute.default_value) draft_.object.values[attribute.name] = value;
    if (attribute.type == Type::kTag) return ask_for_connectors(at, attribute, value);
    if (attribute.type != Type::kReference) return;
    // What has a default, and is only looked at, can do without.
    const bool can_do_without = !attribute.required && not_taken(draft_.from, attribute.name).effect == Effect::kLine &&
                                is_known(draft_.from, attribute.name);
    for (const auto& name : value) {
      draft_.references.push_back(
          {at, attribute.name, name, attribute.references, can_do_without ? Effect::kLine : Effect::kEntry});
    }
  }

  /// "EMS2_ZTNA_low" is what the connector 2 of the text says: without that one, it would be another's here.
  void ask_for_connectors(At at, const Attribute& attribute, const Value& tags) {
    for (const auto& tag : tags) {
      const auto number = tag.substr(0, tag.find('_'));
      if (number.size() <= 3 || !number.starts_with("EMS")) continue;
      draft_.references.push_back(
          {at, attribute.name, number.substr(3), {"endpoint-control fctems"}, Effect::kEntry, true});
    }
  }

  void block(const Block& b) {
    const Table* table = draft_.table->table(b.table);
    std::vector<At> all;
    if (!table) {
      collect(b, all);
      for (const At at : all) judge(at, Verdict::kIgnored, "there is no such table in " + draft_.table->name);
      const auto effect = draft_.is_policy() ? Effect::kWider : not_taken(draft_.from, b.table).effect;
      const bool empty = b.entries.empty() && b.body.settings.empty() && b.body.blocks.empty() && b.strange.empty();
      const auto why = b.table + ": there is no such table here";
      if (!empty && effect == Effect::kWider) draft_.wider.push_back({b.at, why});
      if (!empty && effect == Effect::kEntry) draft_.leave_out(b.at, why);
      return;
    }
    for (const At at : b.frame) judge(at, Verdict::kTaken);
    for (const auto& e : b.entries) nest(e, *table, b.table);
    std::vector<At> outside;
    collect(b.body, outside);
    outside.insert(outside.end(), b.strange.begin(), b.strange.end());
    for (const At at : outside) {
      judge(at, Verdict::kIgnored, "stands in no entry");
      draft_.leave_out(at, "a line of it can't be read");
    }
  }

  void nest(const Entry& e, const Table& table, const std::string& from) {
    Draft nested = draft_of(e, table, from, slots_, judgements_);
    for (const auto& other : draft_.nested) {
      if (other.table != nested.table || other.object.key != nested.object.key) continue;
      // Both together are the entry there.
      draft_.leave_out(e.at, fmt::format("{} stands in it twice", nested.name()));
    }
    draft_.nested.push_back(std::move(nested));
  }

  Draft& draft_;
  const EmsSlots& slots_;
  Judgements& judgements_;
};

/// Connectors had names before they had numbers.
void number_connector(Draft& draft, const EmsSlots& slots, Judgements& judgements) {
  const auto slot = slots.by_name.find(draft.source->key);
  if (draft.from != "endpoint-control fctems" || slot == slots.by_name.end()) return;
  draft.object.key = slot->second;
  const auto name = draft.table->attribute("name")->normalise({draft.source->key});
  if (name && !draft.source->key.empty()) draft.object.values["name"] = *name;
  judgements[draft.source->at] = {Verdict::kTranslated,
                                  fmt::format("edit {}, set name {}", slot->second, quote_word(draft.source->key))};
}

}  // namespace

std::string words_of(std::string_view name, const Value& values) {
  std::string out = fmt::format("set {}", name);
  for (const auto& v : values) out += ' ' + quote_word(v);
  return out;
}

std::vector<Wider> Draft::all_wider() const {
  std::vector<Wider> out = wider;
  for (const auto& n : nested) {
    if (!n.alive()) continue;
    const auto more = n.all_wider();
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

const Setting* Draft::setting(std::string_view wanted) const {
  const auto it = std::find_if(source->settings.rbegin(), source->settings.rend(),
                               [&](const Setting& s) { return s.name == wanted; });
  return it == source->settings.rend() ? nullptr : &*it;
}

Draft draft_of(const Entry& source, const Table& table, std::string_view from, const EmsSlots& slots,
               Judgements& judgements) {
  Draft draft;
  draft.source = &source;
  draft.table = &table;
  draft.from = std::string(from);
  if (!table.single()) {
    const auto key = table.key.normalise({source.key});
    draft.object.key = key ? key->front() : source.key;
    const bool dots = source.key == "." || source.key == "..";
    const bool numbered = from == "endpoint-control fctems" && slots.by_name.contains(source.key);
    if ((!key && !numbered) || dots)
      draft.leave_out(source.at, key ? "such a name can't be an entry's" : key.error().message);
  }
  if (from == "vpn certificate local" && is_factory_certificate(source.key)) {
    draft.leave_out(source.at, fmt::format("is the source's own certificate; {} stands for it here", kFactoryCertificate));
  }
  DraftWriter(draft, slots, judgements).run();
  number_connector(draft, slots, judgements);
  combine(draft, judgements);
  const bool keyed = table.single() || table.key.normalise({source.key});
  if (!draft.alive() && table.name == "api-gateway" && keyed && requests_are_known(draft, judgements)) {
    take_servers_away(draft, std::string(std::exchange(draft.left_out, {})));
  }
  return draft;
}

void take_servers_away(Draft& api_gateway, std::string why) {
  api_gateway.left_out.clear();
  api_gateway.emptied = std::move(why);
  api_gateway.nested.clear();
  api_gateway.wider.clear();
  std::erase_if(api_gateway.object.values, [](const auto& value) {
    return value.first != "url-map" && value.first != "url-map-type" && value.first != "virtual-host";
  });
  std::erase_if(api_gateway.references, [](const Reference& r) { return r.attribute != "virtual-host"; });
}

Object assemble(const Draft& draft) {
  Object out = draft.object;
  for (const auto& n : draft.nested) {
    if (!n.alive()) continue;
    auto& entries = out.tables[n.table->name];
    auto object = assemble(n);
    const auto at = n.table->ordered ? entries.end()
                                     : std::upper_bound(entries.begin(), entries.end(), object.key,
                                                        [&](const std::string& key, const Object& o) {
                                                          return key_less(*n.table, key, o.key);
                                                        });
    entries.insert(at, std::move(object));
  }
  return out;
}

void check(Draft& draft) {
  for (auto& n : draft.nested) {
    check(n);
    // One trusted network less may be none at all, and that is everywhere.
    if (!n.alive() && n.table->name == "trusthost")
      draft.leave_out(n.source->at, fmt::format("{} is left out: {}", n.name(), n.left_out));
  }
  if (!draft.alive()) return;
  for (const auto& a : draft.table->attributes) {
    if (a.required && !draft.object.values.contains(a.name)) {
      return draft.leave_out(draft.source->at, a.name + " is missing");
    }
  }
  if (!draft.table->check) return;
  const Object object = assemble(draft);
  if (auto good = draft.table->check(ObjectView(*draft.table, object)); !good) {
    draft.leave_out(draft.source->at, good.error().message);
  }
}

}  // namespace postern::gateway::config::fortios
