#include "ems/api/api_lab.h"
#include "ems/registry/codec.h"

namespace postern::ems::testing {
namespace {

constexpr const char* kTag = R"({"name":"Has-sshd","message":"Start sshd.",
  "rules":[{"id":1,"os":"linux","type":"running-process","processes":["sshd"]}],"logic":{"linux":"1"}})";
constexpr const char* kSshdRuns = "process.running:sshd";

std::string second_rule(const std::string& logic) {
  return R"({"name":"Has-sshd","rules":[
    {"id":1,"os":"linux","type":"running-process","processes":["sshd"]},
    {"id":2,"os":"linux","type":"ip-range","ranges":["10.0.1.0/24"]}],"logic":{"linux":")" +
         logic + R"("}})";
}

std::vector<std::string> names(const Reply& reply) {
  std::vector<std::string> out;
  for (const auto& item : reply.items()) out.emplace_back(Reply::member(item, "name").get_string());
  return out;
}

TEST_F(ApiLab, ATagIsCreatedReadReplacedRenamedAndDeleted) {
  const Reply made = post("/api/v1/tags", kTag);
  EXPECT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(made.str("name"), "Has-sshd");
  EXPECT_EQ(made.str("kind"), "security");
  EXPECT_EQ(made.str("on_unknown"), "deny");
  EXPECT_EQ(made.str("updated_by"), "token:TOK-ken-of-admin (admin)");
  EXPECT_EQ(made.at("built_in"), false);
  EXPECT_EQ(made.at("logic", "linux"), "1");
  EXPECT_EQ(get("/api/v1/tags/Has-sshd").body, made.body);
  EXPECT_EQ(post("/api/v1/tags", kTag).code(), "already_exists");

  const Reply replaced = call("PUT", "/api/v1/tags/Has-sshd", second_rule("1 and not 2"));
  EXPECT_EQ(replaced.status, 200) << replaced.text;
  EXPECT_EQ(replaced.at("id"), made.at("id"));
  EXPECT_EQ(replaced.at("logic", "linux"), "1 and not 2");
  EXPECT_EQ(replaced.str("message"), "");  // replaced, not merged

  const Reply renamed = call("PUT", "/api/v1/tags/Has-sshd", R"({"name":"SSH server"})");
  EXPECT_EQ(renamed.status, 200) << renamed.text;
  EXPECT_EQ(renamed.at("id"), made.at("id"));
  EXPECT_EQ(get("/api/v1/tags/Has-sshd").code(), "not_found");
  EXPECT_EQ(get("/api/v1/tags/SSH%20server").status, 200);

  EXPECT_EQ(call("DELETE", "/api/v1/tags/SSH%20server").status, 200);
  EXPECT_EQ(call("DELETE", "/api/v1/tags/SSH%20server").code(), "not_found");
  EXPECT_EQ(names(get("/api/v1/tags")), std::vector<std::string>{"all_registered_clients"});
}

TEST_F(ApiLab, ATagThatGatewaysKnowIsRenamedAndDeletedWithAWarning) {
  ASSERT_EQ(post("/api/v1/tags", kTag).status, 201);
  EXPECT_EQ(get("/api/v1/tags/Has-sshd").at("shared_with"), json::array());
  TestGateway gateway("PGW0000000000001", 5);
  connect(gateway);
  EXPECT_EQ(get("/api/v1/tags/Has-sshd").at("shared_with"), json::array());  // pending: it is told nothing
  ASSERT_TRUE(authorise(gateway));
  EXPECT_EQ(get("/api/v1/tags/Has-sshd").at("shared_with"), json::array{"PGW0000000000001"});
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"Mine","kind":"classification"})").status, 201);
  EXPECT_EQ(get("/api/v1/tags/Mine").at("shared_with"), json::array());  // of a kind that is not shared

  const Reply same = call("PUT", "/api/v1/tags/Has-sshd", kTag);
  EXPECT_EQ(same.at("warnings"), nullptr);
  alerts.clear();
  const Reply renamed = call("PUT", "/api/v1/tags/Has-sshd", R"({"name":"SSH server"})");
  ASSERT_EQ(renamed.status, 200) << renamed.text;
  ASSERT_TRUE(renamed.at("warnings").is_array());
  EXPECT_NE(renamed.text.find("policies that name Has-sshd count it as unknown"), std::string::npos) << renamed.text;
  EXPECT_EQ(alerts, std::vector<std::string>{"tag.renamed"});
  EXPECT_EQ(core->audit(0, 1)->front().detail,
            "was Has-sshd; it is shared with PGW0000000000001: policies there that name it count it as unknown until "
            "they are "
            "changed");
  EXPECT_EQ(call("PUT", "/api/v1/tags/Mine", R"({"name":"Ours","kind":"classification"})").at("warnings"), nullptr);
  // What was read can be sent back, warnings too.
  EXPECT_EQ(call("PUT", "/api/v1/tags/SSH%20server", renamed.text).status, 200);

  EXPECT_EQ(call("DELETE", "/api/v1/tags/SSH%20server").status, 200);
  EXPECT_EQ(alerts.back(), "tag.deleted");
  EXPECT_NE(core->audit(0, 1)->front().detail.find("PGW0000000000001"), std::string::npos);
}

TEST_F(ApiLab, ATagIsNotCalledWhatHasNoAddress) {
  ASSERT_EQ(post("/api/v1/tags", kTag).status, 201);
  for (const std::string name : {".", ".."}) {
    for (const Reply& refused : {post("/api/v1/tags", R"({"name":")" + name + R"("})"),
                                 call("PUT", "/api/v1/tags/Has-sshd", R"({"name":")" + name + R"("})")}) {
      EXPECT_EQ(refused.code(), "invalid_argument") << refused.text;
      EXPECT_NE(refused.text.find("choose another name"), std::string::npos) << refused.text;
    }
  }
  EXPECT_EQ(post("/api/v1/tags", R"({"name":"..."})").status, 201);
  EXPECT_EQ(call("DELETE", "/api/v1/tags/...").status, 200);
  EXPECT_EQ(get("/api/v1/tags/Has-sshd").status, 200);
}

TEST_F(ApiLab, TagNamesThatDifferOnlyInCaseAreRefused) {
  ASSERT_EQ(post("/api/v1/tags", kTag).status, 201);
  for (const auto& reply :
       {post("/api/v1/tags", R"({"name":"has-SSHD"})"), call("PUT", "/api/v1/tags/has-SSHD", R"({"name":"has-SSHD"})"),
        post("/api/v1/tags", R"({"name":"All_Registered_Clients"})")}) {
    EXPECT_EQ(reply.status, 409) << reply.text;
    EXPECT_EQ(reply.code(), "already_exists");
    EXPECT_NE(reply.message().find("differs only in case"), std::string::npos) << reply.text;
  }
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"Other"})").status, 201);
  EXPECT_EQ(call("PUT", "/api/v1/tags/Other", R"({"name":"HAS-sshd"})").code(), "already_exists");
  EXPECT_EQ(get("/api/v1/tags/Other").status, 200);
  // Its own name in another spelling is a renaming as any other.
  EXPECT_EQ(call("PUT", "/api/v1/tags/Has-sshd", R"({"name":"Has-SSHD"})").status, 200);
  EXPECT_EQ(get("/api/v1/tags/Has-sshd").status, 404);
}

TEST_F(ApiLab, TagsThatAreAlreadyCalledAlikeCanBeChanged) {
  ASSERT_EQ(post("/api/v1/tags", kTag).status, 201);
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"Other"})").status, 201);
  // As an EMS that did not look at names so closely has left them.
  Batch batch;
  ASSERT_TRUE(store.load([&](TableId table, std::string_view key, std::string_view value) -> Status {
    if (table != TableId::kTags) return {};
    Tag tag = *codec::read_tag_row(value);
    if (tag.definition.name.str() != "Other") return {};
    tag.definition.name = TagName("has-SSHD");
    batch.rows.push_back({table, std::string(key), codec::tag_row(tag)});
    return {};
  }));
  ASSERT_EQ(batch.rows.size(), 1u);
  ASSERT_TRUE(store.commit(batch));
  restart_all();
  for (const char* name : {"Has-sshd", "has-SSHD"}) {
    const std::string path = std::string("/api/v1/tags/") + name;
    const Reply put = call("PUT", path, json::serialize(json::object{{"name", name}, {"message", "Start it."}}));
    EXPECT_EQ(put.status, 200) << put.text;
    EXPECT_EQ(get(path).str("message"), "Start it.");
  }
  EXPECT_EQ(call("PUT", "/api/v1/tags/has-SSHD", R"({"name":"HAS-SSHD"})").code(),
            "already_exists");  // a new name is looked at
}

TEST_F(ApiLab, WhatWasReadOfATagCanBeSentBack) {
  post("/api/v1/tags", kTag);
  json::value read = get("/api/v1/tags/Has-sshd").body;
  read.as_object()["message"] = "Start it.";
  read.as_object()["has"] = 4711;  // what only the EMS says is not taken from anybody
  const Reply put = call("PUT", "/api/v1/tags/Has-sshd", json::serialize(read));
  EXPECT_EQ(put.status, 200) << put.text;
  EXPECT_EQ(put.str("message"), "Start it.");
  EXPECT_EQ(put.at("has"), 0);
}

TEST_F(ApiLab, PutCreatesATagButRenamesNoneThatIsNotThere) {
  EXPECT_EQ(call("PUT", "/api/v1/tags/Has-sshd", kTag).status, 200);
  const Reply other = call("PUT", "/api/v1/tags/Nothing", kTag);
  EXPECT_EQ(other.code(), "not_found");
  EXPECT_EQ(other.message(), "there is no tag Nothing that could become Has-sshd");
  post("/api/v1/tags", R"({"name":"Other"})");
  EXPECT_EQ(call("PUT", "/api/v1/tags/Other", kTag).code(), "already_exists");
  EXPECT_EQ(get("/api/v1/tags/Other").status, 200);
}

TEST_F(ApiLab, ABadTagIsRefusedWithWhatIsWrongAndTheOldOneStays) {
  post("/api/v1/tags", kTag);
  const auto before = get("/api/v1/tags/Has-sshd").body;
  const auto refused = [&](const std::string& body) {
    const Reply reply = call("PUT", "/api/v1/tags/Has-sshd", body);
    EXPECT_EQ(reply.status, 400) << reply.text;
    EXPECT_EQ(reply.code(), "invalid_argument");
    return reply.message();
  };
  EXPECT_EQ(refused(second_rule("1 and 7")), "logic.linux: there is no rule 7; its rules are 1, 2");
  EXPECT_NE(refused(second_rule("1 and (2")).find("logic.linux"), std::string::npos);
  EXPECT_NE(refused(R"({"name":"Has-sshd","rules":[{"id":3,"os":"linux","type":"ip-range","ranges":["10.0.1.0/33"]}]})")
                .find("rule 3 (ip-range)"),
            std::string::npos);
  EXPECT_NE(refused(R"({"name":"Has-sshd","rules":[{"id":3,"os":"linux","type":"telepathy"}]})").find("telepathy"),
            std::string::npos);
  EXPECT_NE(refused(R"({"name":"Has-sshd","colour":"red"})").find("colour"), std::string::npos);
  EXPECT_NE(refused(R"({"name":"Has-sshd","message":"a","message":"b"})").find("twice"), std::string::npos);
  EXPECT_EQ(refused(R"({"message":"no name"})"), "name: is missing");
  EXPECT_NE(refused("[]").find("must be an object"), std::string::npos);
  EXPECT_NE(refused(R"({"name":)").find("not valid JSON"), std::string::npos);
  EXPECT_NE(refused("").find("not valid JSON"), std::string::npos);
  EXPECT_EQ(get("/api/v1/tags/Has-sshd").body, before);
}

TEST_F(ApiLab, TheBuiltInTagIsShownAndLeftAlone) {
  const Reply tag = get("/api/v1/tags/all_registered_clients");
  EXPECT_EQ(tag.at("built_in"), true);
  EXPECT_EQ(tag.at("updated_at"), nullptr);
  EXPECT_EQ(call("DELETE", "/api/v1/tags/all_registered_clients").code(), "permission_denied");
  EXPECT_EQ(call("PUT", "/api/v1/tags/all_registered_clients", tag.text).code(), "permission_denied");
  EXPECT_EQ(call("PUT", "/api/v1/tags/all_registered_clients", kTag).code(), "permission_denied");
  EXPECT_EQ(get("/api/v1/tags/all_registered_clients").body, tag.body);
}

TEST_F(ApiLab, TagsArePagedAndFiltered) {
  for (const char* name : {"b", "c", "a", "d"}) post("/api/v1/tags", std::string(R"({"name":")") + name + "\"}");
  post("/api/v1/tags", R"({"name":"Kind","kind":"classification"})");
  Reply page = get("/api/v1/tags?limit=4");
  EXPECT_EQ(names(page), (std::vector<std::string>{"Kind", "a", "all_registered_clients", "b"}));
  EXPECT_EQ(page.at("total"), 6);
  // One that is deleted between two pages takes none of the others with it.
  call("DELETE", "/api/v1/tags/b");
  page = get("/api/v1/tags?limit=4&cursor=" + page.str("next_cursor"));
  EXPECT_EQ(names(page), (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(page.at("next_cursor"), nullptr);
  EXPECT_EQ(names(get("/api/v1/tags?kind=classification")), std::vector<std::string>{"Kind"});
  EXPECT_EQ(names(get("/api/v1/tags?q=REGIST")), std::vector<std::string>{"all_registered_clients"});
  EXPECT_EQ(get("/api/v1/tags?kind=colour").code(), "invalid_argument");
  EXPECT_EQ(get("/api/v1/tags?cursor=bm90aGluZw").code(), "invalid_argument");
}

TEST_F(ApiLab, ATagSaysWhoHasItAndOfWhomNobodyKnows) {
  TestAgent a, b, c;
  join(a);
  join(b);
  join(c);
  report(a, {{kSshdRuns, true}});
  report(b, {{kSshdRuns, false}});
  post("/api/v1/tags", kTag);
  settle();
  const Reply tag = get("/api/v1/tags/Has-sshd");
  EXPECT_EQ(tag.at("has"), 1);
  EXPECT_EQ(tag.at("unknown"), 1);
  EXPECT_EQ(get("/api/v1/tags/all_registered_clients").at("has"), 3);

  const Reply has = get("/api/v1/tags/Has-sshd/endpoints");
  ASSERT_EQ(has.items().size(), 1u) << has.text;
  EXPECT_EQ(Reply::member(has.items()[0], "uid"), json::string(a.uid().str()));
  EXPECT_EQ(Reply::member(has.items()[0], "host_name"), "WIN10-01");
  EXPECT_EQ(Reply::member(has.items()[0], "ip"), "10.0.1.2");
  EXPECT_EQ(Reply::member(has.items()[0], "mac"), "02:09:0f:00:01:02");
  EXPECT_EQ(Reply::member(has.items()[0], "state"), "has");
  const Reply unknown = get("/api/v1/tags/Has-sshd/endpoints?state=unknown");
  ASSERT_EQ(unknown.items().size(), 1u);
  EXPECT_EQ(Reply::member(unknown.items()[0], "uid"), json::string(c.uid().str()));
  EXPECT_EQ(Reply::member(unknown.items()[0], "state"), "unknown");
  EXPECT_EQ(get("/api/v1/tags/Has-sshd/endpoints?online=false").at("total"), 0);
  EXPECT_EQ(get("/api/v1/tags/Has-sshd/endpoints?state=maybe").code(), "invalid_argument");
  EXPECT_EQ(get("/api/v1/tags/Nothing/endpoints").code(), "not_found");

  std::set<std::string> seen;
  std::string cursor;
  for (int page = 0; page < 4; ++page) {
    const Reply one = get("/api/v1/tags/all_registered_clients/endpoints?limit=1" + cursor);
    ASSERT_EQ(one.items().size(), 1u);
    EXPECT_EQ(one.at("total"), 3);
    seen.emplace(Reply::member(one.items()[0], "uid").get_string());
    if (one.at("next_cursor").is_null()) break;
    cursor = "&cursor=" + one.str("next_cursor");
  }
  EXPECT_EQ(seen.size(), 3u);
}

TEST_F(ApiLab, WhatIfSaysWhoWouldChangeAndSavesNothing) {
  TestAgent a, b, c;
  join(a);
  join(b);
  join(c);
  report(a, {{kSshdRuns, true}});
  report(b, {{kSshdRuns, false}});
  settle();
  const auto revision = core->revision();
  const Reply fresh = post("/api/v1/tags/what-if", kTag);
  EXPECT_EQ(fresh.status, 200) << fresh.text;
  EXPECT_EQ(fresh.at("gain", "count"), 1);
  EXPECT_EQ(fresh.at("gain", "uids"), json::array{json::string(a.uid().str())});
  EXPECT_EQ(fresh.at("lose", "count"), 0);
  EXPECT_EQ(fresh.at("become_unknown", "uids"), json::array{json::string(c.uid().str())});
  EXPECT_EQ(fresh.at("has_after"), 1);
  EXPECT_EQ(fresh.at("unknown_after"), 1);
  EXPECT_EQ(core->revision(), revision);
  EXPECT_EQ(get("/api/v1/tags/Has-sshd").code(), "not_found");

  post("/api/v1/tags", kTag);
  const std::string turned = R"({"name":"Has-sshd",
    "rules":[{"id":1,"os":"linux","type":"running-process","negate":true,"processes":["sshd"]}]})";
  const Reply other = post("/api/v1/tags/what-if?limit=0", turned);
  EXPECT_EQ(other.at("gain", "count"), 1);
  EXPECT_EQ(other.at("lose", "count"), 1);
  EXPECT_EQ(other.at("lose", "listed"), 0);
  EXPECT_EQ(other.at("lose", "uids"), json::array{});
  EXPECT_EQ(other.at("become_unknown", "count"), 0);  // it is already
  EXPECT_EQ(post("/api/v1/tags/what-if", second_rule("3")).code(), "invalid_argument");
  EXPECT_EQ(post("/api/v1/tags/what-if", get("/api/v1/tags/all_registered_clients").text).code(), "permission_denied");
}

TEST_F(ApiLab, WhatIfTellsApartWhatIsLostOnlyAfterADelay) {
  TestAgent a;
  join(a);
  report(a, {{kSshdRuns, true}});
  ASSERT_EQ(post("/api/v1/tags", kTag).status, 201);
  settle();
  TestGateway gateway("PGW0000000000001", 5);
  gateway.what_if = [&](const proto::fabric::WhatIf& question) {
    const bool lost = !question.tags.at(0).lose.empty();
    return std::vector<proto::fabric::SessionsCut>{{a.uid(), lost ? 3u : 1u}};
  };
  ASSERT_TRUE(join(gateway));
  const auto draft = [](const std::string& more) {
    return R"({"name":"Has-sshd",)" + more + R"("rules":[{"id":1,"os":"linux","type":"running-process","negate":true,"processes":["sshd"]}]})";
  };
  const Reply at_once = post("/api/v1/tags/what-if", draft(""));
  EXPECT_EQ(at_once.at("kept_for"), 0);
  EXPECT_EQ(at_once.at("sessions_cut", "total"), 3);
  EXPECT_EQ(at_once.at("sessions_cut_later"), nullptr);
  const Reply later = post("/api/v1/tags/what-if", draft(R"("loss_delay":3600,)"));
  EXPECT_EQ(later.at("lose", "count"), 1);
  EXPECT_EQ(later.at("kept_for"), 3600);
  EXPECT_EQ(later.at("sessions_cut", "total"), 0) << later.text;
  EXPECT_EQ(later.at("sessions_cut_later", "total"), 3) << later.text;
  // What ends on saving anyway is not told of twice.
  const Reply both = post("/api/v1/tags/apply/what-if", R"({"tags":[)" + draft(R"("loss_delay":3600,"on_unknown":"ignore",)") + "]}");
  const auto& told = both.at("what_if");
  EXPECT_EQ(Reply::member(Reply::member(told, "sessions_cut"), "total"), 1) << both.text;
  EXPECT_EQ(Reply::member(Reply::member(told, "sessions_cut_later"), "total"), 2) << both.text;
}

TEST_F(ApiLab, WhatIfRefusesWhatSavingRefuses) {
  ASSERT_EQ(post("/api/v1/tags", kTag).status, 201);
  std::string many = R"({"name":"Many","rules":[)";
  for (int rule = 1; rule <= 90; ++rule) {
    many += std::string(rule == 1 ? "" : ",") + R"({"id":)" + std::to_string(rule) + R"(,"os":"linux","type":"running-process","processes":[)";
    for (int i = 0; i < 64; ++i) many += (i == 0 ? "\"p" : ",\"p") + std::to_string(rule * 1000 + i) + "\"";
    many += "]}";
  }
  many += "]}";
  const std::pair<std::string, const char*> refused[] = {
      {R"({"name":".."})", "choose another name"},
      {R"({"name":"has-SSHD"})", "differs only in case"},
      {R"({"name":"All_Registered_Clients"})", "differs only in case"},
      {R"({"name":"New","rules":[{"id":1,"os":"linux","type":"tag","tags":["Nothing"]}]})", "there is no tag Nothing"},
      {many, "5761 facts"}};
  for (const auto& [draft, why] : refused) {
    const Reply asked = post("/api/v1/tags/what-if", draft), saved = post("/api/v1/tags", draft);
    EXPECT_EQ(asked.status, saved.status) << asked.text;
    EXPECT_EQ(asked.message(), saved.message());
    EXPECT_NE(asked.message().find(why), std::string::npos) << asked.text;
  }
}

TEST_F(ApiLab, TagsAreChangedByAdministratorsOnly) {
  post("/api/v1/tags", kTag);
  EXPECT_EQ(read_only("GET", "/api/v1/tags").status, 200);
  EXPECT_EQ(read_only("POST", "/api/v1/tags", R"({"name":"x"})").code(), "permission_denied");
  EXPECT_EQ(read_only("PUT", "/api/v1/tags/Has-sshd", kTag).code(), "permission_denied");
  EXPECT_EQ(read_only("DELETE", "/api/v1/tags/Has-sshd").code(), "permission_denied");
  EXPECT_EQ(read_only("POST", "/api/v1/tags/apply", R"({"tags":[{"name":"x"}]})").code(), "permission_denied");
  EXPECT_EQ(read_only("POST", "/api/v1/tags/what-if", kTag).status, 200);  // it changes nothing
  EXPECT_EQ(nobody("GET", "/api/v1/tags").code(), "unauthenticated");
  EXPECT_EQ(nobody("POST", "/api/v1/tags/what-if", kTag).code(), "unauthenticated");
  EXPECT_EQ(names(get("/api/v1/tags")), (std::vector<std::string>{"Has-sshd", "all_registered_clients"}));
}

TEST_F(ApiLab, ATagThatCanNotBeStoredIsNotAcknowledgedAndTheOldOneStays) {
  TestAgent a;
  join(a);
  report(a, {{kSshdRuns, true}});
  post("/api/v1/tags", kTag);
  const auto before = get("/api/v1/tags/Has-sshd").body;
  disk_full(true);
  const Reply failed = call("PUT", "/api/v1/tags/Has-sshd", second_rule("2"));
  EXPECT_EQ(failed.status, 507) << failed.text;
  EXPECT_EQ(failed.code(), "resource_exhausted");
  EXPECT_EQ(post("/api/v1/tags", R"({"name":"New"})").status, 507);
  EXPECT_EQ(call("DELETE", "/api/v1/tags/Has-sshd").status, 507);
  EXPECT_EQ(get("/api/v1/tags/Has-sshd").body, before);
  EXPECT_EQ(get("/api/v1/tags/New").code(), "not_found");
  disk_full(false);
  EXPECT_EQ(post("/api/v1/tags", R"({"name":"New"})").status, 201);
  restart_all();
  EXPECT_EQ(get("/api/v1/tags/Has-sshd").body, before);
}

TEST_F(ApiLab, TagsAreGivenAndTakenByHandOneByOne) {
  TestAgent agent;
  join(agent);
  for (const char* name : {"A", "B", "C"}) {
    ASSERT_EQ(post("/api/v1/tags", R"({"name":")" + std::string(name) + R"(","kind":"classification"})").status, 201);
  }
  const auto change = [&](const char* body) { return call("PATCH", "/api/v1/endpoints/" + agent.uid().str() + "/classifications", body); };
  const auto has = [&] { return json::serialize(get("/api/v1/endpoints/" + agent.uid().str()).at("classifications")); };
  EXPECT_EQ(change(R"({"add":["B","A"]})").status, 200);
  EXPECT_EQ(has(), R"(["A","B"])");
  EXPECT_EQ(change(R"({"add":["C","B"],"remove":["A"]})").status, 200);
  EXPECT_EQ(has(), R"(["B","C"])");
  EXPECT_EQ(change(R"({"remove":["A"]})").status, 200);  // it hasn't it
  EXPECT_EQ(change(R"({"remove":["Never"]})").message(), "remove: there is no tag Never");
  EXPECT_EQ(change(R"({"add":["Never"]})").status, 400);
  EXPECT_EQ(change(R"({"add":["A"],"remove":["A"]})").status, 400);
  EXPECT_EQ(change("{}").status, 400);
  EXPECT_EQ(has(), R"(["B","C"])");
  EXPECT_EQ(call("PATCH", "/api/v1/endpoints/" + std::string(32, 'F') + "/classifications", R"({"add":["A"]})").status, 404);
}

TEST_F(ApiLab, WhoeverDeletesOrRestoresATagGivenByHandIsToldWhoLosesIt) {
  std::vector<TestAgent> agents(3);
  post("/api/v1/tags", R"({"name":"Kiosk","kind":"classification"})");
  for (auto& agent : agents) {
    join(agent);
    if (&agent == &agents[2]) continue;
    ASSERT_EQ(call("PUT", "/api/v1/endpoints/" + agent.uid().str() + "/classifications", R"({"tags":["Kiosk"]})").status, 200);
  }
  settle();
  ASSERT_EQ(get("/api/v1/tags/Kiosk").at("has"), 2);
  const std::string lost = "it was given by hand to 2 endpoints, which lose it for good: undo brings the tag back, and not who had it";
  EXPECT_EQ(post("/api/v1/tags/apply", R"({"remove":["Kiosk"],"dry_run":true})").at("warnings"), json::array{json::string("Kiosk: " + lost)});
  const Reply deleted = call("DELETE", "/api/v1/tags/Kiosk");
  EXPECT_EQ(deleted.status, 200);
  EXPECT_EQ(deleted.at("warnings"), json::array{json::string(lost)});
  EXPECT_NE(core->audit(0, 1)->front().detail.find(lost), std::string::npos);
  settle();
  restart_all();
  const Reply back = post("/api/v1/tags/Kiosk/undo", "{}");
  ASSERT_EQ(back.status, 200) << back.text;
  EXPECT_EQ(back.at("warnings"), json::array{"2 endpoints had been given it by hand and do not have it again: the audit log "
                                             "(endpoint.classify) says to whom it was given"});
  settle();
  EXPECT_EQ(get("/api/v1/tags/Kiosk").at("has"), 0);
  const Reply gone = post("/api/v1/tags/Kiosk/undo", "{}");  // deleted again, and nobody has it
  EXPECT_EQ(gone.at("tag"), nullptr);
  EXPECT_EQ(gone.at("warnings"), json::array{});
  settle();
  EXPECT_EQ(post("/api/v1/tags/Kiosk/undo", "{}").at("warnings"), json::array{});
  ASSERT_EQ(post("/api/v1/tags/apply", R"({"remove":["Kiosk"]})").at("warnings"), json::array{});

  // To undo that it was made takes it from those who were given it, too.
  post("/api/v1/tags", R"({"name":"Lent","kind":"classification"})");
  call("PUT", "/api/v1/endpoints/" + agents[0].uid().str() + "/classifications", R"({"tags":["Lent"]})");
  EXPECT_EQ(post("/api/v1/tags/Lent/undo", "{}").at("warnings"),
            json::array{"it was given by hand to 1 endpoint, which loses it for good: undo brings the tag back, and not who had it"});
}

}  // namespace
}  // namespace postern::ems::testing
