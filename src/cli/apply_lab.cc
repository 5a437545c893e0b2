#include "cli/apply_lab.h"

#include <utility>

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr char kOpenApi[] = R"({"components":{"schemas":{
  "TagRule":{"properties":{"id":{},"negate":{"type":"boolean","default":false}}},
  "TagDefinition":{"properties":{"name":{},"enabled":{"default":true},"kind":{"default":"security"},"on_unknown":{"default":"deny"},
    "message":{},"rules":{"items":{"$ref":"#/components/schemas/TagRule"}},"logic":{}}},
  "Tag":{"allOf":[{"$ref":"#/components/schemas/TagDefinition"},{"properties":{
    "id":{"readOnly":true},"built_in":{"readOnly":true},"has":{"readOnly":true},"updated_at":{"readOnly":true}}}]}}}})";

constexpr char kGone[] =
    R"({"gain":{"count":0,"uids":[]},"lose":{"count":2,"uids":[]},"become_unknown":{"count":0,"uids":[]},"gone":true,
  "has_after":0,"unknown_after":0})";

}  // namespace

const char kTags[] = R"({"items":[
  {"id":1,"name":"all_registered_clients","built_in":true,"has":3,"kind":"security","enabled":true,"rules":[]},
  {"id":2,"name":"Compliant","built_in":false,"has":2,"kind":"security","enabled":true,"message":"Start sshd.","comment":"",
   "on_unknown":"deny","rules":[{"id":1,"os":"linux","type":"running-process","negate":false,"processes":["sshd"]},
     {"id":2,"os":"linux","type":"file","negate":false,"paths":["/etc/x"]}],
   "logic":{"linux":"1 or 2"},"updated_at":"2026-11-26T09:00:00Z"}],"next_cursor":null,"total":2})";

const char kSame[] =
    "name: Compliant\nmessage: Start sshd.\nrules:\n"
    "- {id: 1, os: linux, type: running-process, processes: [sshd]}\n"
    "- {id: 2, os: linux, type: file, paths: [/etc/x]}\nlogic: {linux: 1 or 2}\n";

const char kChanged[] =
    "name: Compliant\nmessage: Start sshd, then check again.\nrules:\n"
    "- {id: 1, os: linux, type: running-process, processes: [sshd, cron]}\n"
    "- {id: 3, os: linux, type: ems-management}\nlogic: {linux: 1 and 3}\n";

const char kHarmless[] =
    R"({"gain":{"count":1,"uids":["7F4704E462E2CF1430D14814C557BD7B"]},"lose":{"count":0,"uids":[]},
  "become_unknown":{"count":0,"uids":[]},"has_after":3,"unknown_after":0})";
const char kHarmful[] =
    R"({"gain":{"count":0,"uids":[]},"lose":{"count":7,"uids":["7F4704E462E2CF1430D14814C557BD7B"]},
  "become_unknown":{"count":1,"uids":[]},"has_after":1,"unknown_after":1})";
const char kOtherLoses[] =
    R"([{"name":"Other","gain":{"count":0,"uids":[]},"lose":{"count":1,"uids":["7F4704E462E2CF1430D14814C557BD7B"]},
  "become_unknown":{"count":0,"uids":[]},"has_after":0,"unknown_after":0,"gone":false}])";
const char kCut[] =
    R"({"total":2,"endpoints":[{"uid":"7F4704E462E2CF1430D14814C557BD7B","gateway":"PGW1","sessions":2}],"not_answered":["PGW2","PGW3"],"not_asked":["PGW3"]})";

Apply::Apply() {
  lab_.ems.on("GET openapi.json", kOpenApi);
  lab_.ems.on("GET tags", kTags);
  lab_.ems.on("GET endpoints/7F4704E462E2CF1430D14814C557BD7B", laptop7());
  lab_.ems.on("POST tags/what-if", kHarmless);
  lab_.ems.on("GET tags/Compliant", json::serialize(json::parse(kTags).at("items").at(1)));
  would({"New"}, {});
}

void Apply::would(json::array created, json::array changed, json::array unchanged, json::array removed, const char* effect,
                  const char* referring, const char* cut) {
  json::array tags;
  const auto add = [&](const json::array& names, const char* what) {
    for (const auto& name : names) {
      auto& one = tags.emplace_back(json::parse(what)).as_object();
      one["name"] = name;
    }
  };
  add(created, effect);
  add(changed, effect);
  add(removed, kGone);
  json::object what_if{{"tags", std::move(tags)}, {"referring", json::parse(referring)}, {"sessions_cut", json::parse(cut)}};
  lab_.ems.on("POST tags/apply", json::serialize(json::object{{"dry_run", true},
                                                              {"created", std::move(created)},
                                                              {"changed", std::move(changed)},
                                                              {"unchanged", std::move(unchanged)},
                                                              {"removed", std::move(removed)},
                                                              {"what_if", std::move(what_if)}}));
}

int Apply::apply(std::string_view yaml, std::vector<std::string> more) {
  std::vector<std::string> arguments{"apply", "-f", lab_.file("tags.yaml", yaml)};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return lab_.run(arguments);
}

std::vector<json::value> Apply::saves() const {
  std::vector<json::value> out;
  for (const auto& request : lab_.ems.asked("POST tags/apply")) {
    json::value body = json::parse(request.body);
    if (!body.at("dry_run").as_bool()) out.push_back(std::move(body));
  }
  return out;
}

}  // namespace postern::cli
