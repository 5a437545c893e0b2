#include "ems/registry/history.h"

#include <boost/json.hpp>
#include <iterator>
#include <limits>

#include "base/text.h"
#include "ems/registry/registry.h"
#include "posture/explain.h"
#include "posture/fact_keys.h"
#include "proto/fact_codec.h"
#include "wire/telemetry.pb.h"

namespace postern::ems {
namespace {

namespace json = boost::json;

constexpr std::int64_t kLatestMs = 253'402'300'799'999;  // of the year 9999: damage must not make ages overflow

/// Long values are for the facts page, not for the log.
std::string fact_text(const std::string& key, const posture::FactValue& value) {
  auto text = posture::fact_value_text(key, value);
  if (text.size() > 200) {
    std::size_t end = 200;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    text.resize(end);
    text += "…";
  }
  return text;
}

// Counts have no place on the wire as a fact: in the log they travel as numbers in a list.
constexpr std::string_view kCountsSource = "ems.counts";

tl::unexpected<Error> damaged() { return fail(ErrorCode::kDataLoss, "the change log is damaged"); }

void add_fact(const std::string& key, const posture::Fact& fact, wire::Report& out) {
  if (const auto* c = fact.as<posture::VulnerabilityCounts>()) {
    auto& f = *out.add_facts();
    f.set_key(key);
    f.set_source(std::string(kCountsSource));
    f.set_collected_at_ms(to_unix_ms(fact.collected_at));
    for (const auto n : {c->critical, c->high, c->medium, c->low, c->info, c->unknown, c->unknown_fixable}) {
      f.mutable_texts()->add_values(std::to_string(n));
    }
    return;
  }
  proto::encode_fact(key, fact, *out.add_facts());
}

Result<posture::Fact> take_counts(const wire::Fact& in) {
  posture::VulnerabilityCounts c;
  std::uint32_t* const fields[] = {&c.critical, &c.high, &c.medium, &c.low, &c.info, &c.unknown, &c.unknown_fixable};
  if (static_cast<std::size_t>(in.texts().values_size()) != std::size(fields)) return damaged();
  for (int i = 0; i < in.texts().values_size(); ++i) {
    const auto number = parse_u64(in.texts().values(i));
    if (!number || *number > std::numeric_limits<std::uint32_t>::max()) return damaged();
    *fields[i] = static_cast<std::uint32_t>(*number);
  }
  return posture::Fact{c, from_unix_ms(in.collected_at_ms()), "ems"};
}

/// By its key too, which is the EMS's own: an agent says its facts' sources as it likes.
Result<posture::Fact> take_fact(const wire::Fact& in) {
  if (in.source() == kCountsSource && in.key() == posture::keys::kEmsVulnerabilities) return take_counts(in);
  auto fact = proto::decode_fact(in);
  if (!fact) return damaged();
  return fact;
}

/// Every endpoint's inventory comes each hour, and mostly the same: when it last did is no history.
bool said_again(const std::string& key, const posture::Fact& before, const posture::Fact& after) {
  return key == posture::keys::kEmsVulnReceivedAt && before.as<std::int64_t>() != nullptr &&
         after.as<std::int64_t>() != nullptr;
}

std::optional<LoggedChange> facts_change(const Endpoint& after, const PostureTable::Before& differs) {
  wire::Report undo;
  json::array list;
  for (const auto& [key, from] : differs.facts) {
    const auto to = after.fact(key);
    if (!from && !to) continue;
    if (from && to && (same_fact(*from, *to) || said_again(key, *from, *to))) continue;
    if (from) {
      add_fact(key, *from, undo);
    } else {
      undo.add_removed(key);
    }
    json::object o{{"key", key}};
    o["before"] = from ? json::value(fact_text(key, from->value)) : json::value(nullptr);
    o["after"] = to ? json::value(fact_text(key, to->value)) : json::value(nullptr);
    list.push_back(std::move(o));
  }
  if (list.empty()) return std::nullopt;
  return LoggedChange{"facts", after.uid.str(), json::serialize(json::object{{"facts", std::move(list)}}),
                      undo.SerializeAsString()};
}

/// What a look back past a change takes of the endpoint's state beside it. Signs of life stand in the log nowhere else: there are
/// too many, and between two changes none of them mattered.
json::object state_undo(const Endpoint& after) { return {{"confirmed_ms", to_unix_ms(after.confirmed_until())}}; }

std::optional<LoggedChange> tags_change(const Endpoint& after, const PostureTable::Before& differs,
                                        const std::function<std::string(posture::TagId)>& tag_name) {
  json::array list, ids;
  for (const auto& [id, from] : differs.tags) {
    const auto to = after.tag(id);
    if (from == to) continue;
    list.push_back(json::object{{"tag", tag_name(id)},
                                {"before", posture::tag_state_name(from)},
                                {"after", posture::tag_state_name(to)}});
    ids.emplace_back(id);
  }
  if (list.empty()) return std::nullopt;
  auto undo = state_undo(after);
  undo["ids"] = std::move(ids);  // names are for people: later they may be another tag's
  return LoggedChange{"endpoint_tags", after.uid.str(), json::serialize(json::object{{"tags", std::move(list)}}),
                      json::serialize(undo)};
}

/// Null where the text is no object, or has no such member.
const json::value* member(const json::value& of, std::string_view name) {
  const auto* object = of.if_object();
  return object == nullptr ? nullptr : object->if_contains({name.data(), name.size()});
}

json::value parsed(std::string_view text) {
  boost::system::error_code error;
  auto out = json::parse({text.data(), text.size()}, error);
  return error ? json::value() : out;
}

}  // namespace

std::vector<LoggedChange> endpoint_changes(const Endpoint* before, const Endpoint* after, const PostureTable::Before& differs,
                                           const std::function<std::string(posture::TagId)>& tag_name) {
  std::vector<LoggedChange> out;
  const auto& uid = (after != nullptr ? after : before)->uid;
  const auto event = [&](std::string_view name, json::object o = {}) {
    o["event"] = name;
    out.push_back({"endpoint", uid.str(), json::serialize(o), after == nullptr ? "" : json::serialize(state_undo(*after))});
  };
  if (after == nullptr) {
    event("removed");
    return out;
  }
  if (before == nullptr) {
    event("enrolled", {{"host_name", after->enrolled_host_name}, {"invitation", after->invitation}});
  }
  if (before != nullptr && before->registration != after->registration) event(registration_name(after->registration));
  if (before == nullptr ? after->quarantined : before->quarantined != after->quarantined) {
    event(after->quarantined ? "quarantined" : "released", {{"reason", after->quarantine_reason}});
  }
  if (before == nullptr ? after->online : before->online != after->online) {
    json::object o{{"public_ip", after->public_ip.str()}};
    if (!after->online) o["last_seen"] = to_iso8601(after->last_seen);
    event(after->online ? "online" : "offline", std::move(o));
  }
  const auto newest = [](const Endpoint& e) { return e.certificates.empty() ? "" : e.certificates.front().serial.str(); };
  if (before != nullptr && newest(*before) != newest(*after)) {
    event("certificate", {{"serial", newest(*after)}});
  }
  if (before != nullptr && before->profile != after->profile) event("profile", {{"profile", after->profile}});
  if (auto facts = facts_change(*after, differs)) out.push_back(std::move(*facts));
  if (auto tags = tags_change(*after, differs, tag_name)) out.push_back(std::move(*tags));
  return out;
}

std::vector<TagStateBefore> tag_states_before(std::string_view text, std::string_view undo) {
  std::vector<TagStateBefore> out;
  const auto what = parsed(text), more = parsed(undo);
  const auto* tags = member(what, "tags");
  const auto* list = tags == nullptr ? nullptr : tags->if_array();
  if (list == nullptr) return out;
  const auto* numbers = member(more, "ids");
  const auto* ids = numbers == nullptr ? nullptr : numbers->if_array();
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto text_of = [&one = (*list)[i]](const char* name) {
      const auto* value = member(one, name);
      return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
    };
    TagStateBefore before;
    before.name = text_of("tag");
    if (ids != nullptr && i < ids->size()) {
      boost::system::error_code error;
      const auto id = (*ids)[i].to_number<posture::TagId>(error);
      if (!error) before.id = id;
    }
    for (const auto state : {posture::TagState::kAbsent, posture::TagState::kUnknown, posture::TagState::kHas}) {
      if (posture::tag_state_name(state) != text_of("before")) continue;
      before.state = state;
      out.push_back(before);
    }
  }
  return out;
}

std::optional<WallTime> confirmed_by(std::string_view undo) {
  const auto more = parsed(undo);
  const auto* ms = member(more, "confirmed_ms");
  if (ms == nullptr || !ms->is_int64() || ms->get_int64() < 0 || ms->get_int64() > kLatestMs) return std::nullopt;
  return from_unix_ms(ms->get_int64());
}

Status undo_facts(const std::string& undo, posture::FactMap& facts) {
  wire::Report report;
  if (!report.ParseFromString(undo)) return damaged();
  for (const auto& f : report.facts()) {
    auto fact = take_fact(f);
    if (!fact) return fail(fact.error());
    facts.insert_or_assign(f.key(), std::move(*fact));
  }
  for (const auto& key : report.removed()) facts.erase(key);
  return {};
}

}  // namespace postern::ems
