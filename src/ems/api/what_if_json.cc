#include "ems/api/what_if_json.h"

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/sort_unique.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::object endpoints_json(const TagWhatIf::Endpoints& endpoints, std::size_t limit) {
  json::array list;
  for (std::size_t i = 0; i < std::min(limit, endpoints.uids.size()); ++i) list.emplace_back(endpoints.uids[i].str());
  return {{"count", endpoints.count}, {"listed", list.size()}, {"uids", std::move(list)}};
}

/// Of what is cut in the end, what isn't at once. Where one of the two is not known, nobody knows that either.
SessionsCut later_of(const SessionsCut& at_once, const SessionsCut& in_the_end) {
  SessionsCut out = in_the_end;
  for (const auto& [from, to] : {std::pair(&at_once.silent, &out.silent), std::pair(&at_once.too_much, &out.too_much)}) {
    to->insert(to->end(), from->begin(), from->end());
    sort_unique(*to);
  }
  std::map<std::pair<GatewaySerial, EndpointUid>, std::uint32_t> sooner;
  for (const auto& one : at_once.cuts) sooner[{one.gateway, one.uid}] += one.sessions;
  out.total = 0;
  std::erase_if(out.cuts, [&](SessionsCut::Cut& one) {
    const auto it = sooner.find({one.gateway, one.uid});
    one.sessions -= std::min(one.sessions, it == sooner.end() ? 0 : it->second);
    if (one.sessions == 0 || std::ranges::binary_search(out.silent, one.gateway)) return true;
    out.total += one.sessions;
    return false;
  });
  return out;
}

}  // namespace

void ask_sessions_cut(EmsCore& core, Now now, const WhatIf& changes, std::size_t limit, json::object out,
                      std::function<void(Result<json::object>)> done) {
  struct Answers {
    json::object out;
    std::function<void(Result<json::object>)> done;
    std::size_t limit;
    bool later;
    std::optional<Result<SessionsCut>> at_once = {}, in_the_end = {};
    void look() {
      if (!at_once || (later && !in_the_end)) return;
      if (!*at_once) return done(fail(at_once->error()));
      if (later && !*in_the_end) return done(fail(in_the_end->error()));
      out["sessions_cut"] = sessions_cut_json(**at_once, limit);
      out["sessions_cut_later"] = nullptr;
      if (later) out["sessions_cut_later"] = sessions_cut_json(later_of(**at_once, **in_the_end), limit);
      done(std::move(out));
    }
  };
  const auto answers = std::make_shared<Answers>(Answers{std::move(out), std::move(done), limit, changes.lost_later()});
  const auto ask = [&](CutWhen when, std::optional<Result<SessionsCut>> Answers::*which) {
    core.sessions_cut(now, changes, when, [answers, which](Result<SessionsCut> cut) {
      (*answers).*which = std::move(cut);
      answers->look();
    });
  };
  ask(CutWhen::kAtOnce, &Answers::at_once);
  if (answers->later) ask(CutWhen::kInTheEnd, &Answers::in_the_end);
}

json::object tag_what_if_json(const TagWhatIf& tag, std::size_t limit) {
  return {{"name", tag.name},
          {"gain", endpoints_json(tag.gain, limit)},
          {"lose", endpoints_json(tag.lose, limit)},
          {"become_unknown", endpoints_json(tag.become_unknown, limit)},
          {"become_absent", endpoints_json(tag.become_absent, limit)},
          {"on_unknown_changes", tag.policies_differ},
          {"kept_for", tag.kept_for.count()},
          {"has_after", tag.has_after},
          {"unknown_after", tag.unknown_after},
          {"gone", tag.gone},
          {"back", tag.back}};
}

json::array tag_what_ifs_json(const std::vector<TagWhatIf>& tags, std::size_t limit) {
  json::array out;
  for (const auto& tag : tags) out.push_back(tag_what_if_json(tag, limit));
  return out;
}

json::object sessions_cut_json(const SessionsCut& cut, std::size_t limit) {
  json::array endpoints, silent, too_much;
  for (const auto& one : cut.cuts) {
    if (endpoints.size() == limit) break;
    endpoints.push_back(json::object{{"uid", one.uid.str()}, {"gateway", one.gateway.str()}, {"sessions", one.sessions}});
  }
  for (const auto& serial : cut.silent) silent.emplace_back(serial.str());
  for (const auto& serial : cut.too_much) too_much.emplace_back(serial.str());
  return {{"total", cut.total},
          {"endpoints", std::move(endpoints)},
          {"not_answered", std::move(silent)},
          {"not_asked", std::move(too_much)}};
}

}  // namespace postern::ems::api
