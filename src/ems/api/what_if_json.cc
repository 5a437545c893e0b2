#include "ems/api/what_if_json.h"

#include <algorithm>
#include <boost/json.hpp>

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::object endpoints_json(const TagWhatIf::Endpoints& endpoints, std::size_t limit) {
  json::array list;
  for (std::size_t i = 0; i < std::min(limit, endpoints.uids.size()); ++i) list.emplace_back(endpoints.uids[i].str());
  return {{"count", endpoints.count}, {"listed", list.size()}, {"uids", std::move(list)}};
}

}  // namespace

json::object tag_what_if_json(const TagWhatIf& tag, std::size_t limit) {
  return {{"name", tag.name},
          {"gain", endpoints_json(tag.gain, limit)},
          {"lose", endpoints_json(tag.lose, limit)},
          {"become_unknown", endpoints_json(tag.become_unknown, limit)},
          {"has_after", tag.has_after},
          {"unknown_after", tag.unknown_after},
          {"gone", tag.gone}};
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
