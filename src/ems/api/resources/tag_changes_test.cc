#include "ems/api/api_lab.h"

namespace postern::ems::testing {
namespace {

constexpr const char* kTwo =
    R"({"tags":[{"name":"Both","rules":[{"id":1,"os":"linux","type":"tag","tags":["Base"]}]},{"name":"Base"}])";

std::vector<std::string> all_names(const Reply& reply) {
  std::vector<std::string> out;
  for (const auto& item : reply.items()) out.emplace_back(Reply::member(item, "name").get_string());
  return out;
}

TEST_F(ApiLab, TagsAreAppliedTogether) {
  const Reply dry = post("/api/v1/tags/apply", std::string(kTwo) + R"(,"dry_run":true})");
  ASSERT_EQ(dry.status, 200) << dry.text;
  EXPECT_EQ(dry.at("dry_run"), true);
  EXPECT_EQ(dry.at("created"), (json::array{"Both", "Base"}));
  EXPECT_EQ(get("/api/v1/tags").items().size(), 1u);
  const Reply done = post("/api/v1/tags/apply", std::string(kTwo) + "}");
  ASSERT_EQ(done.status, 200) << done.text;
  EXPECT_EQ(done.at("created"), dry.at("created"));
  EXPECT_EQ(done.at("dry_run"), false);
  EXPECT_EQ(post("/api/v1/tags/apply", std::string(kTwo) + "}").at("unchanged"), (json::array{"Both", "Base"}));
  // As they are read they can be sent back.
  const std::string read = R"({"tags":[)" + get("/api/v1/tags/Base").text + "," + get("/api/v1/tags/Both").text + "]}";
  EXPECT_EQ(post("/api/v1/tags/apply", read).at("unchanged"), (json::array{"Base", "Both"}));
}

TEST_F(ApiLab, PruningAndRemovingKeepWhatIsReferredTo) {
  ASSERT_EQ(post("/api/v1/tags/apply", std::string(kTwo) + "}").status, 200);
  const Reply kept = post("/api/v1/tags/apply", R"({"remove":["Base"]})");
  EXPECT_EQ(kept.status, 409);
  EXPECT_NE(kept.message().find("rules of Both refer to the tag Base"), std::string::npos) << kept.text;
  const Reply pruned = post("/api/v1/tags/apply", R"({"tags":[{"name":"Only"}],"prune":true})");
  ASSERT_EQ(pruned.status, 200) << pruned.text;
  EXPECT_EQ(pruned.at("created"), json::array{"Only"});
  EXPECT_EQ(pruned.at("removed"), (json::array{"Base", "Both"}));
  EXPECT_EQ(all_names(get("/api/v1/tags")), (std::vector<std::string>{"Only", "all_registered_clients"}));
  EXPECT_EQ(post("/api/v1/tags/apply", R"({"remove":["Only"]})").at("removed"), json::array{"Only"});
}

TEST_F(ApiLab, AllThatIsWrongWithTagsIsToldAndNothingIsSaved) {
  const Reply wrong = post("/api/v1/tags/apply", R"({"tags":[{"name":"Fine"},{"name":"Marked","rules":[{"id":1,"os":"linux","type":"frob"}]},
    {"name":"a/b"},{"colour":"red"},7]})");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_NE(wrong.message().find("4 mistakes: Marked: rule 1"), std::string::npos) << wrong.text;
  for (const char* place : {"; tag 3: ", "; tag 4: ", "; tag 5: "}) EXPECT_NE(wrong.message().find(place), std::string::npos) << wrong.text;
  EXPECT_EQ(get("/api/v1/tags").items().size(), 1u);
  const std::pair<std::string, const char*> refused[] = {
      {"[]", "must be a JSON object"},
      {R"({"tags":{}})", "must be a list of tags"},
      {R"({"tgas":[]})", "known are: tags, remove, prune, dry_run, expected, expected_all"},
      {R"({"prune":true})", "prune without tags would remove every tag"},
      {R"({"tags":[{"name":"x"}],"prune":true,"remove":["y"]})", "not both"},
      {R"({"remove":[1]})", "remove: must be a list of texts"},
      {R"({"dry_run":"yes"})", "dry_run: must be true or false"}};
  for (const auto& [body, why] : refused) {
    const Reply reply = post("/api/v1/tags/apply", body);
    EXPECT_EQ(reply.status, 400) << body;
    EXPECT_NE(reply.message().find(why), std::string::npos) << reply.text;
  }
  std::string many = R"({"tags":[{"name":"x"})";
  for (std::size_t i = 0; i < kMaxChangeSet; ++i) many += ",{}";
  const Reply large = post("/api/v1/tags/apply", many + "]}");
  EXPECT_EQ(large.status, 400);
  EXPECT_NE(large.message().find("holds 10001 of them, and at most 10000 are saved at once"), std::string::npos) << large.text;
}

TEST_F(ApiLab, TagsThatCanNotBeStoredAreNotAcknowledged) {
  disk_full(true);
  EXPECT_EQ(post("/api/v1/tags/apply", std::string(kTwo) + "}").status, 507);
  disk_full(false);
  EXPECT_EQ(get("/api/v1/tags").items().size(), 1u);
}

TEST_F(ApiLab, ATagMayBeCalledApply) {
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"apply"})").status, 201);
  EXPECT_EQ(get("/api/v1/tags/apply").str("name"), "apply");
  EXPECT_EQ(call("DELETE", "/api/v1/tags/apply").status, 200);
}

TEST_F(ApiLab, WhatIfOfSeveralTagsSaysWhatApplyingThemThenDoes) {
  TestAgent a, b;
  join(a);
  join(b);
  report(a, {{keys::process_running("sshd"), true}});
  report(b, {{keys::process_running("sshd"), false}});
  settle();
  const std::string set = R"({"tags":[{"name":"Top","rules":[{"id":1,"os":"linux","type":"tag","tags":["Base"]}]},
    {"name":"Base","rules":[{"id":1,"os":"linux","type":"running-process","processes":["sshd"]}]}])";
  const Reply told = read_only("POST", "/api/v1/tags/apply/what-if", set + "}");
  ASSERT_EQ(told.status, 200) << told.text;
  EXPECT_EQ(told.at("dry_run"), true);
  EXPECT_EQ(told.text, post("/api/v1/tags/apply", set + R"(,"dry_run":true})").text);
  EXPECT_EQ(read_only("POST", "/api/v1/tags/apply", set + R"(,"dry_run":true})").code(), "permission_denied");
  EXPECT_EQ(post("/api/v1/tags/apply/what-if", set + R"(,"dry_run":false})").at("dry_run"), true);
  EXPECT_EQ(get("/api/v1/tags").items().size(), 1u);
  ASSERT_EQ(post("/api/v1/tags/apply", set + "}").status, 200);
  settle();
  const json::value tags = told.at("what_if", "tags");
  ASSERT_EQ(tags.as_array().size(), 2u);
  for (const auto& tag : tags.as_array()) {
    const Reply now = get("/api/v1/tags/" + std::string(Reply::member(tag, "name").get_string()));
    EXPECT_EQ(now.at("has"), Reply::member(tag, "has_after")) << told.text;
    EXPECT_EQ(now.at("unknown"), Reply::member(tag, "unknown_after")) << told.text;
    EXPECT_EQ(now.at("has"), 1);
  }
  const Reply wrong = read_only("POST", "/api/v1/tags/apply/what-if", R"({"remove":["Base"]})");
  EXPECT_EQ(wrong.status, 409);
  EXPECT_EQ(wrong.message(), post("/api/v1/tags/apply", R"({"remove":["Base"]})").message());
}

TEST_F(ApiLab, WhatSomebodyElseChangedMeanwhileIsNotOverwrittenUnseen) {
  const auto tag = [](const std::string& comment) { return R"({"name":"Shared","comment":")" + comment + R"("})"; };
  const auto set = [&](const std::string& more) { return R"({"tags":[)" + tag("of A") + R"(,{"name":"Other"}])" + more + "}"; };
  ASSERT_EQ(post("/api/v1/tags", tag("first")).status, 201);
  const Reply dry = post("/api/v1/tags/apply", set(R"(,"dry_run":true)"));
  EXPECT_EQ(dry.at("versions", "Shared"), get("/api/v1/tags/Shared").at("version")) << dry.text;
  EXPECT_EQ(dry.at("versions", "Other"), "");
  const std::string seen = R"(,"expected":)" + json::serialize(dry.at("versions"));
  EXPECT_EQ(read_only("POST", "/api/v1/tags/apply/what-if", set("")).at("versions"), dry.at("versions"));
  ASSERT_EQ(call("PUT", "/api/v1/tags/Shared", tag("of B")).status, 200);
  const Reply late = post("/api/v1/tags/apply", set(seen));
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(late.code(), "conflict");
  EXPECT_EQ(late.message(), "the tag Shared was changed by token:TOK-ken-of-admin (admin) at " + get("/api/v1/tags/Shared").str("updated_at") +
                                ", after what this rests on was looked at. Look at it as it is now, and decide anew");
  EXPECT_EQ(get("/api/v1/tags/Shared").str("comment"), "of B");
  EXPECT_EQ(get("/api/v1/tags/Other").status, 404);
  ASSERT_EQ(call("DELETE", "/api/v1/tags/Shared").status, 200);
  EXPECT_TRUE(post("/api/v1/tags/apply", set(seen)).message().starts_with("the tag Shared was deleted by token:TOK-ken-of-admin (admin) at "));
  // Made by another while it was to be new.
  const Reply again = post("/api/v1/tags/apply", set(R"(,"dry_run":true)"));
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"Other","comment":"of B"})").status, 201);
  const std::string fresh = R"(,"expected":)" + json::serialize(again.at("versions"));
  EXPECT_TRUE(post("/api/v1/tags/apply", set(fresh)).message().starts_with("the tag Other was made by token:"));
  // Renamed away.
  const Reply third = post("/api/v1/tags/apply", set(R"(,"dry_run":true)"));
  ASSERT_EQ(call("PUT", "/api/v1/tags/Other", R"({"name":"Else"})").status, 200);
  const std::string gone = R"(,"expected":)" + json::serialize(third.at("versions"));
  EXPECT_TRUE(post("/api/v1/tags/apply", set(gone)).message().starts_with("the tag Other was renamed to Else by token:"));
  // As it is now it is taken, and who says nothing of it is not asked.
  const Reply now = post("/api/v1/tags/apply", set(R"(,"dry_run":true)"));
  EXPECT_EQ(post("/api/v1/tags/apply", set(R"(,"expected":)" + json::serialize(now.at("versions")))).status, 200);
  EXPECT_EQ(post("/api/v1/tags/apply", set("")).status, 200);
  EXPECT_EQ(post("/api/v1/tags/apply", set(R"(,"expected":["Shared"])")).code(), "invalid_argument");
  EXPECT_EQ(post("/api/v1/tags/apply", set(R"(,"expected":{"Shared":1})")).code(), "invalid_argument");
}

TEST_F(ApiLab, ADryRunNamesAllTagsThatItRestsOn) {
  const auto refers = [](const std::string& name, const std::string& to) {
    return R"({"name":")" + name + R"(","rules":[{"id":1,"os":"linux","type":"tag","tags":[")" + to + R"("]}]})";
  };
  for (const char* name : {"Base", "Deep", "Apart"}) {
    ASSERT_EQ(post("/api/v1/tags", R"({"name":")" + std::string(name) + R"("})").status, 201);
  }
  ASSERT_EQ(post("/api/v1/tags", refers("Middle", "Deep")).status, 201);
  ASSERT_EQ(post("/api/v1/tags", refers("Top", "Base")).status, 201);
  const std::string set = R"({"tags":[)" + refers("Base", "Middle") + "]";
  const Reply dry = post("/api/v1/tags/apply", set + R"(,"dry_run":true})");
  ASSERT_EQ(dry.status, 200) << dry.text;
  std::vector<std::string> names;
  const json::value versions = dry.at("versions");
  for (const auto& [name, version] : versions.as_object()) names.emplace_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"Base", "Deep", "Middle", "Top"})) << dry.text;
  EXPECT_EQ(dry.at("versions", "Deep"), get("/api/v1/tags/Deep").at("version"));
  const json::object effect = dry.at("what_if", "tags").as_array().at(0).as_object();
  EXPECT_EQ(effect.at("become_absent").at("count"), 0);
  EXPECT_EQ(effect.at("on_unknown_changes"), false);
  ASSERT_EQ(call("PUT", "/api/v1/tags/Deep", R"({"name":"Deep","comment":"of B"})").status, 200);
  const std::string seen = set + R"(,"expected":)" + json::serialize(dry.at("versions")) + "}";
  for (const char* path : {"/api/v1/tags/apply", "/api/v1/tags/apply/what-if"}) {
    const Reply late = post(path, seen);
    EXPECT_EQ(late.status, 409) << path;
    EXPECT_TRUE(late.message().starts_with("the tag Deep was changed by ")) << late.text;
  }
  EXPECT_EQ(post("/api/v1/tags/apply", set + R"(,"expected":{"Never":"0123"}})").message(),
            "there is no tag Never. Look at it as it is now, and decide anew");
}

TEST_F(ApiLab, HowMuchMayBeAskedAtOnceIsBounded) {
  std::string tags, versions;
  for (int i = 0; i < 201; ++i) tags += (i == 0 ? "" : ",") + (R"({"name":"t)" + std::to_string(i) + "\"}");
  const Reply many = read_only("POST", "/api/v1/tags/apply/what-if", R"({"tags":[)" + tags + "]}");
  EXPECT_EQ(many.status, 400);
  EXPECT_EQ(many.message(), "201 tags are asked about, and at most 200 are at once: ask in several parts, or let an administrator ask for a "
                            "dry run (postern apply --dry-run)");
  ASSERT_EQ(post("/api/v1/tags/apply", R"({"tags":[)" + tags + R"(],"dry_run":true})").status, 200);
  ASSERT_EQ(post("/api/v1/tags/apply", R"({"tags":[)" + tags + "]}").status, 200);
  const Reply pruning = read_only("POST", "/api/v1/tags/apply/what-if", R"({"tags":[{"name":"t0"}],"prune":true})");
  EXPECT_EQ(pruning.status, 400);
  EXPECT_NE(pruning.message().find("prune would remove 200 tags"), std::string::npos) << pruning.text;
  for (int i = 0; i <= 30'000; ++i) versions += (i == 0 ? "\"v" : ",\"v") + std::to_string(i) + "\":\"\"";
  const Reply expecting = post("/api/v1/tags/apply", R"({"expected":{)" + versions + "}}");
  EXPECT_EQ(expecting.status, 400);
  EXPECT_EQ(expecting.message(), "expected: has 30001 versions, allowed are 30000");
}

TEST_F(ApiLab, IfMatchGuardsOneTag) {
  const auto as_seen = [this](const std::string& method, const std::string& match, const std::string& body = {}) {
    auto asked = request(method, "/api/v1/tags/One", body);
    asked.headers.add("Authorization", "Bearer " + admin_token);
    asked.headers.add("If-Match", match);
    return send_request(std::move(asked));
  };
  EXPECT_EQ(as_seen("PUT", "*", R"({"name":"One"})").status, 412);  // there is none
  EXPECT_EQ(get("/api/v1/tags/One").status, 404);
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"One"})").status, 201);
  const std::string first = get("/api/v1/tags/One").header("ETag");
  EXPECT_EQ(first, "\"" + get("/api/v1/tags/One").str("version") + "\"");
  const Reply saved = as_seen("PUT", first, R"({"name":"One","comment":"of A"})");
  EXPECT_EQ(saved.status, 200) << saved.text;
  EXPECT_NE(saved.header("ETag"), first);
  for (const char* method : {"PUT", "DELETE"}) {
    const Reply late = as_seen(method, first, std::string_view(method) == "PUT" ? R"({"name":"One","comment":"of B"})" : "");
    EXPECT_EQ(late.status, 412) << late.text;
    EXPECT_TRUE(late.message().starts_with("the tag One was changed by token:TOK-ken-of-admin (admin) at ")) << late.text;
  }
  EXPECT_EQ(get("/api/v1/tags/One").str("comment"), "of A");
  EXPECT_EQ(as_seen("DELETE", first + ", " + saved.header("ETag")).status, 200);
}

TEST_F(ApiLab, ATagThatSomebodyMakesMeanwhileAndThatRefersToTheseIsLookedAtFirst) {
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"Base"})").status, 201);
  const std::string set = R"({"tags":[{"name":"Base","comment":"x"}])";
  const Reply dry = post("/api/v1/tags/apply", set + R"(,"dry_run":true})");
  const std::string seen = set + R"(,"expected":)" + json::serialize(dry.at("versions"));
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"Of-Base","rules":[{"id":1,"os":"linux","type":"tag","tags":["Base"],"negate":true}]})").status, 201);
  const Reply late = post("/api/v1/tags/apply", seen + R"(,"expected_all":true})");
  EXPECT_EQ(late.status, 409);
  EXPECT_TRUE(late.message().starts_with("the tag Of-Base was made by token:TOK-ken-of-admin (admin) at ")) << late.text;
  EXPECT_EQ(get("/api/v1/tags/Base").str("comment"), "");
  EXPECT_EQ(post("/api/v1/tags/apply", seen + R"(,"expected_all":1})").code(), "invalid_argument");
  // What somebody makes that has no part in it keeps nobody from saving; nor does this who names only some.
  const Reply again = post("/api/v1/tags/apply", set + R"(,"dry_run":true})");
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"Else"})").status, 201);
  const std::string now = set + R"(,"expected":)" + json::serialize(again.at("versions"));
  EXPECT_EQ(post("/api/v1/tags/apply", now + R"(,"expected_all":true})").status, 200);
  EXPECT_EQ(post("/api/v1/tags/apply", R"({"tags":[{"name":"Base","comment":"y"}],"expected":{}})").status, 200);
}

TEST_F(ApiLab, ATagThatIsGivenByHandMeanwhileIsNotDeletedUnseen) {
  TestAgent agent;
  join(agent);
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"Hand","kind":"classification"})").status, 201);
  const std::string set = R"({"remove":["Hand"])";
  const auto apply = [&](const Reply& seen) {
    return post("/api/v1/tags/apply", set + R"(,"expected_all":true,"expected":)" + json::serialize(seen.at("versions")) + "}");
  };
  const auto give = [&](const char* change) {
    return call("PATCH", "/api/v1/endpoints/" + agent.uid().str() + "/classifications", change).status;
  };
  const Reply nobody = post("/api/v1/tags/apply", set + R"(,"dry_run":true})");
  ASSERT_EQ(give(R"({"add":["Hand"]})"), 200);
  const Reply late = apply(nobody);
  EXPECT_EQ(late.status, 409) << late.text;
  EXPECT_TRUE(late.message().starts_with("the tag Hand was given by hand to endpoints, or taken from them, meanwhile")) << late.text;
  const Reply somebody = post("/api/v1/tags/apply", set + R"(,"dry_run":true})");
  ASSERT_EQ(give(R"({"remove":["Hand"]})"), 200);
  EXPECT_EQ(apply(somebody).status, 409);
  ASSERT_EQ(give(R"({"add":["Hand"]})"), 200);
  EXPECT_EQ(apply(somebody).status, 200);  // as it was seen, again
}

TEST_F(ApiLab, WhatUndoWouldTakeBackIsTold) {
  EXPECT_EQ(get("/api/v1/tags/One/last-change").status, 404);
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"One"})").status, 201);
  EXPECT_EQ(get("/api/v1/tags/One/last-change").str("what"), "made");
  EXPECT_TRUE(get("/api/v1/tags/One/last-change").at("before").is_null());
  ASSERT_EQ(call("PUT", "/api/v1/tags/One", R"({"name":"One","comment":"x"})").status, 200);
  const Reply changed = read_only("GET", "/api/v1/tags/One/last-change");
  EXPECT_EQ(changed.str("what"), "changed");
  EXPECT_EQ(changed.at("before").at("comment").as_string(), "");
  EXPECT_EQ(changed.str("by"), "token:TOK-ken-of-admin (admin)");
  ASSERT_EQ(call("PUT", "/api/v1/tags/One", R"({"name":"Two","comment":"x"})").status, 200);
  EXPECT_EQ(get("/api/v1/tags/One/last-change").status, 404);
  EXPECT_EQ(get("/api/v1/tags/Two/last-change").str("what"), "renamed");
  EXPECT_EQ(get("/api/v1/tags/Two/last-change").at("before").at("name").as_string(), "One");
  ASSERT_EQ(call("DELETE", "/api/v1/tags/Two").status, 200);
  const Reply deleted = get("/api/v1/tags/Two/last-change");
  EXPECT_EQ(deleted.str("what"), "deleted");
  EXPECT_EQ(deleted.at("before").at("name").as_string(), "Two");
  EXPECT_EQ(deleted.str("by"), "token:TOK-ken-of-admin (admin)");
  const auto undo = [&](const json::value& revision) {
    return post("/api/v1/tags/Two/undo", json::serialize(json::object{{"revision", revision}}));
  };
  EXPECT_EQ(undo(changed.at("revision")).status, 409);
  EXPECT_EQ(undo(deleted.at("revision")).status, 200);
}

TEST_F(ApiLab, UndoDoesNothingWhereATagThatHasAPartInItBecameAnother) {
  const auto base = [&](const char* comment) {
    return call("PUT", "/api/v1/tags/Base", R"({"name":"Base","comment":")" + std::string(comment) + "\"}").status;
  };
  const auto undo = [&](const Reply& last) {
    return post("/api/v1/tags/Base/undo", json::serialize(json::object{{"revision", last.at("revision")}, {"basis", last.at("basis")}}));
  };
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"Base"})").status, 201);
  ASSERT_EQ(base("x"), 200);
  const auto last = [&] { return get("/api/v1/tags/Base/last-change"); };
  Reply seen = last();
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"Else"})").status, 201);  // has no part in it
  EXPECT_EQ(last().at("basis"), seen.at("basis"));
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"Of","rules":[{"id":1,"os":"linux","type":"tag","tags":["Base"]}]})").status, 201);
  EXPECT_EQ(undo(seen).status, 409);
  seen = last();
  ASSERT_EQ(call("PUT", "/api/v1/tags/Of", R"({"name":"Of","rules":[{"id":1,"os":"linux","type":"tag","tags":["Base"],"negate":true}]})").status, 200);
  const Reply late = undo(seen);
  EXPECT_EQ(late.status, 409);
  EXPECT_TRUE(late.message().starts_with("a tag that refers to Base, or that it refers to, was changed or made")) << late.text;
  EXPECT_EQ(get("/api/v1/tags/Base").str("comment"), "x");
  EXPECT_EQ(post("/api/v1/tags/Base/undo", R"({"basis":""})").status, 400);  // a variable that was not set
  EXPECT_EQ(undo(last()).status, 200);
}

TEST_F(ApiLab, AMaxAgeThatIsShorterThanTheFactsComeIsWarnedOf) {
  const auto tag = [](const char* type, int max_age) {
    return R"({"name":"T","rules":[{"id":3,"os":"linux",)" + std::string(type) + R"(,"max_age":)" + std::to_string(max_age) + "}]}";
  };
  const char* kVulnerable = R"("type":"vulnerable-devices","severity":"high")";
  const char* kProcess = R"("type":"running-process","processes":["sshd"])";
  const std::string slow =
      "rule 3 (vulnerable-devices): its max_age of 600 seconds is no longer than the 3600 seconds after which agents with the "
      "endpoint profile Default tell their packages anew: in between nobody knows. Make it longer, or leave it out";
  EXPECT_EQ(post("/api/v1/tags/what-if", tag(kVulnerable, 600)).at("warnings"), json::array{json::string("T: " + slow)});
  EXPECT_EQ(post("/api/v1/tags/apply", R"({"dry_run":true,"tags":[)" + tag(kVulnerable, 600) + "]}").at("warnings"),
            json::array{json::string("T: " + slow)});
  EXPECT_EQ(post("/api/v1/tags", tag(kVulnerable, 600)).at("warnings"), json::array{json::string(slow)});
  EXPECT_EQ(post("/api/v1/tags/apply", R"({"tags":[)" + tag(kVulnerable, 600) + "]}").at("warnings"), json::array{});  // as it is
  EXPECT_EQ(call("PUT", "/api/v1/tags/T", tag(kVulnerable, 3600)).at("warnings").as_array().size(), 1u);
  EXPECT_EQ(call("PUT", "/api/v1/tags/T", tag(kVulnerable, 3601)).at("warnings"), nullptr);
  EXPECT_EQ(call("PUT", "/api/v1/profiles/Slow", R"({"inventory_interval_s":7200})").status, 200);
  EXPECT_NE(call("PUT", "/api/v1/tags/T", tag(kVulnerable, 3602)).text.find("the 7200 seconds after which agents with the endpoint profile Slow"),
            std::string::npos);
  EXPECT_NE(call("PUT", "/api/v1/tags/T", tag(kProcess, 60)).text.find("the 60 seconds between two signs of life of an agent"),
            std::string::npos);
  EXPECT_EQ(call("PUT", "/api/v1/tags/T", tag(kProcess, 61)).at("warnings"), nullptr);
}

TEST_F(ApiLab, AMaxAgeOfATagIsWarnedOf) {
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"Base"})").status, 201);
  EXPECT_EQ(call("PUT", "/api/v1/tags/T", R"({"name":"T","rules":[{"id":3,"os":"linux","type":"tag","tags":["Base"],"max_age":60}]})").at("warnings"),
            json::array{"rule 3 (tag): its max_age says nothing: tags are judged at every moment. Give it to the rules of those tags"});
}

TEST_F(ApiLab, AScanAgeThatIsShorterThanScansComeIsWarnedOf) {
  const auto save = [&](const char* limit) {
    return call("PUT", "/api/v1/tags/T", R"({"name":"T","rules":[{"id":3,"os":"linux","type":"vulnerability-scan-age",)" + std::string(limit) + "}]}");
  };
  EXPECT_EQ(save(R"("max_hours":1)").at("warnings"),
            json::array{json::string("rule 3 (vulnerability-scan-age): 3600 seconds are no longer than the 3600 seconds after which agents with the "
                                     "endpoint profile Default tell their packages anew: in between it doesn't hold. Make it longer, or that "
                                     "interval shorter")});
  EXPECT_EQ(save(R"("max_hours":2)").at("warnings"), nullptr);
  EXPECT_EQ(call("PUT", "/api/v1/profiles/Slow", R"({"inventory_interval_s":172800})").status, 200);
  EXPECT_EQ(save(R"("max_days":2)").at("warnings").as_array().size(), 1u);
  EXPECT_EQ(save(R"("max_days":3)").at("warnings"), nullptr);
}

}  // namespace
}  // namespace postern::ems::testing
