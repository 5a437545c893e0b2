// Accepted risks: what is shown of them, what is asked of the EMS, and what a person is told who errs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "cli/program_lab.h"
#include "cli/risk_ref.h"

namespace postern::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

constexpr const char* kPam = R"({"id":"RSK-7K2M9QXA","state":"in_force","cve":"CVE-2025-6020","source":"pam",
  "version":"1.5.2-6+deb12u1","scope":"all","host_name":null,"reason":"no local users;\npam is updated with the next image",
  "accepted_by":"admin","accepted_at":"2026-11-23T09:00:00Z","expires_at":"2026-12-31T00:00:00.000Z"})";
constexpr const char* kExpat = R"({"id":"RSK-B4T8WW2C","state":"in_force","cve":"CVE-2023-52425","source":null,"version":null,
  "scope":"7F4704E462E2CF1430D14814C557BD7B","host_name":"laptop7","reason":"ticket 4711: the parser is fed our own files only",
  "accepted_by":"j.doe","accepted_at":"2026-11-26T07:00:00Z","expires_at":"2026-11-28T12:00:00.000Z"})";
constexpr const char* kOld = R"({"id":"RSK-C9ZZ3H5N","state":"expired","cve":"CVE-2025-6020","source":null,"version":"1.5.2-6",
  "scope":"00000000000000000000000000000001","host_name":null,"reason":"until the image of October","accepted_by":"admin",
  "accepted_at":"2026-10-01T09:00:00Z","expires_at":"2026-11-01T00:00:00.000Z"})";

std::string page_of(std::initializer_list<std::string> risks) {
  std::string list;
  for (const std::string& risk : risks) list += (list.empty() ? "" : ",") + risk;
  return R"({"items":[)" + list + R"(],"next_cursor":null,"total":)" + std::to_string(risks.size()) + "}";
}

std::string changed(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  return at == text.npos ? text : text.replace(at, from.size(), to);
}

class RisksCommands : public testing::Test {
 protected:
  void list(std::initializer_list<std::string> risks) { lab_.ems.on("GET risks", page_of(risks)); }
  void expect_golden(const std::string& name) {
    EXPECT_EQ(lab_.out(), ProgramLab::golden("postern-" + name + ".txt", lab_.out()));
  }
  json::value sent() { return json::parse(lab_.ems.asked("POST risks").back().body); }

  ProgramLab lab_;
  const std::string of_laptop7_ = "endpoints/7F4704E462E2CF1430D14814C557BD7B";
};

TEST_F(RisksCommands, ATableForAnyWidth) {
  list({kExpat, kPam, kOld});
  for (const auto& [name, width] : {std::pair("risks-80", 80), {"risks-120", 120}, {"risks-whole", 0}}) {
    lab_.terminal.looks().width = static_cast<std::size_t>(width);
    EXPECT_EQ(lab_.run({"risks"}), kDone) << lab_.err();
    expect_golden(name);
  }
}

TEST_F(RisksCommands, TheEmsSortsAndChooses) {
  list({kPam});
  EXPECT_EQ(lab_.run({"risks", "pam", "--in-force", "--sort", "-expires_at", "--limit", "7"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.ems.asked("GET risks").back().query,
            (std::map<std::string, std::string>{{"q", "pam"}, {"state", "in_force"}, {"sort", "-expires_at"}, {"limit", "7"}}));
  EXPECT_EQ(lab_.run({"risks", "--expired", "--json"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.ems.asked("GET risks").back().query.at("state"), "expired");
  EXPECT_EQ(json::parse(lab_.out()), json::parse(page_of({kPam})));
  EXPECT_EQ(lab_.run({"risks", "--expired", "--in-force"}), kMisused);
}

TEST_F(RisksCommands, WhereNoneIsItIsSaidHowOneIsMade) {
  list({});
  EXPECT_EQ(lab_.run({"risks"}), kDone);
  EXPECT_EQ(lab_.err(),
            "no accepted risks: every finding counts (postern accept-risk CVE --reason TEXT --expires 30d accepts one)\n");
  EXPECT_EQ(lab_.run({"risks", "--expired"}), kDone);
  EXPECT_EQ(lab_.err(), "no accepted risks that fit (postern risks shows all)\n");
}

TEST_F(RisksCommands, OneInFullByIdItsBeginningOrCve) {
  list({kExpat, kPam, kOld});
  EXPECT_EQ(lab_.run({"risk", "rsk-7k"}), kDone) << lab_.err();
  expect_golden("risk");
  EXPECT_EQ(lab_.run({"risk", "cve-2025-6020"}), kDone) << lab_.err();  // of two the one that counts
  expect_golden("risk");
  EXPECT_EQ(lab_.run({"risk", "RSK-B4T8WW2C"}), kDone) << lab_.err();
  expect_golden("risk-endpoint");
  EXPECT_EQ(lab_.run({"risk", "RSK-C9ZZ3H5N"}), kDone) << lab_.err();
  expect_golden("risk-expired");
  EXPECT_EQ(lab_.run({"risk", "RSK-7", "--json"}), kDone);
  EXPECT_EQ(json::parse(lab_.out()), json::parse(kPam));
}

TEST_F(RisksCommands, OneThatIsNotThereOrNotTheOnlyOne) {
  list({kPam, kOld, changed(kPam, "7K2M9QXA", "7KAAAAAA")});
  for (const char* text : {"RSK-", "RSK-X", "CVE-2025-602", "pam"}) {
    EXPECT_EQ(lab_.run({"risk", text}), kFailed);
    EXPECT_EQ(lab_.err(), "postern: there is no accepted risk \"" + std::string(text) +
                              "\"; postern risks lists them, with their ids (RSK-...)\n");
  }
  EXPECT_EQ(lab_.run({"revoke-risk", "CVE-2025-6020"}), kFailed);
  EXPECT_EQ(lab_.err(),
            "postern: 3 accepted risks fit \"CVE-2025-6020\"; name one by its id:\n"
            "  RSK-7K2M9QXA  CVE-2025-6020 in pam 1.5.2-6+deb12u1 on all endpoints\n"
            "  RSK-C9ZZ3H5N  CVE-2025-6020 in any package of version 1.5.2-6 on 00000000000000000000000000000001, expired\n"
            "  RSK-7KAAAAAA  CVE-2025-6020 in pam 1.5.2-6+deb12u1 on all endpoints\n");
  EXPECT_EQ(lab_.run({"revoke-risk", "RSK-7K"}), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("2 accepted risks fit \"RSK-7K\""));
}

TEST_F(RisksCommands, AcceptedAsItIsWritten) {
  lab_.ems.on("POST risks", kPam, 201);
  EXPECT_EQ(lab_.run({"accept-risk", "cve-2025-6020", "--source", "pam", "--version", "1.5.2-6+deb12u1", "--reason", " no local users ",
                      "--expires", "2026-12-31"}),
            kDone)
      << lab_.err();
  EXPECT_EQ(sent(), json::parse(R"({"cve":"CVE-2025-6020","source":"pam","version":"1.5.2-6+deb12u1","reason":"no local users",
    "expires_at":"2026-12-31T00:00:00.000Z"})"));
  EXPECT_EQ(lab_.out(),
            "CVE-2025-6020 in pam 1.5.2-6+deb12u1 on all endpoints is accepted until 31 Dec 2026, 00:00:00 UTC: it is shown and "
            "not counted\n");
  EXPECT_EQ(lab_.err(), "RSK-7K2M9QXA; postern revoke-risk RSK-7K2M9QXA takes it back\n");
  EXPECT_EQ(lab_.run({"accept-risk", "DSA-5900-1", "--reason", "r", "--expires", "30d", "--json"}), kDone) << lab_.err();
  EXPECT_EQ(sent(), json::parse(R"({"cve":"DSA-5900-1","reason":"r","expires_at":"2026-12-26T10:00:00.000Z"})"));
  EXPECT_EQ(json::parse(lab_.out()), json::parse(kPam));
  EXPECT_EQ(lab_.err(), "");
}

TEST_F(RisksCommands, OnOneEndpointItIsSaidWhereItCoversNothing) {
  lab_.ems.on("GET endpoints", R"({"items":[)" + laptop7() + R"(],"next_cursor":null,"total":1})");
  lab_.ems.on("POST risks", kExpat, 201);
  const auto accept = [&](const std::string& findings) {
    lab_.ems.on("GET " + of_laptop7_ + "/vulnerabilities", R"({"items":[)" + findings + R"(],"next_cursor":null,"total":9})");
    EXPECT_EQ(lab_.run({"accept-risk", "CVE-2023-52425", "--reason", "r", "--expires", "2d", "--endpoint", "laptop7"}), kDone) << lab_.err();
    return lab_.err().substr(lab_.err().find('\n') + 1);
  };
  const std::string other = R"({"cve":"CVE-2025-1","source":"pam","version":"1","accepted":null})";
  const std::string open = R"({"cve":"CVE-2023-52425","source":"expat","package":"libexpat1","version":"2.5.0-1","accepted":null})";
  EXPECT_EQ(accept(other + "," + changed(open, "null", R"({"risk":"RSK-B4T8WW2C"})")), "");
  EXPECT_EQ(sent().at("scope"), "7F4704E462E2CF1430D14814C557BD7B");
  EXPECT_EQ(lab_.out(),
            "CVE-2023-52425 in any package on laptop7 is accepted until 28 Nov 2026, 12:00:00 UTC: it is shown and not counted\n");
  EXPECT_EQ(accept(other), "laptop7 has no finding CVE-2023-52425 now\n");
  EXPECT_EQ(accept(open + "," + open), "it covers nothing: on laptop7 CVE-2023-52425 is in expat 2.5.0-1, and goes on counting\n");
  lab_.ems.refuse("GET " + of_laptop7_ + "/vulnerabilities", 503, "unavailable", "nobody knows yet");
  EXPECT_EQ(lab_.run({"accept-risk", "CVE-2023-52425", "--reason", "r", "--expires", "2d", "--endpoint", "laptop7"}), kDone);
  EXPECT_EQ(lab_.err(), "RSK-B4T8WW2C; postern revoke-risk RSK-B4T8WW2C takes it back\n");
  EXPECT_EQ(lab_.run({"accept-risk", "CVE-2023-52425", "--reason", "r", "--expires", "2d", "--endpoint", "nobody"}), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("there is no endpoint \"nobody\""));
}

TEST_F(RisksCommands, WhatIsWrongIsNamedWithWhatIsTaken) {
  const auto error = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"accept-risk", "CVE-2025-6020"});
    EXPECT_EQ(lab_.run(more), kMisused);
    EXPECT_TRUE(lab_.ems.asked("POST risks").empty());
    return lab_.err();
  };
  const std::string see = "; see postern accept-risk --help\n";
  EXPECT_EQ(error({"--expires", "30d"}), "postern: say why with --reason TEXT, for whoever asks later" + see);
  EXPECT_EQ(error({"--expires", "30d", "--reason", " "}), "postern: say why with --reason TEXT, for whoever asks later" + see);
  EXPECT_EQ(error({"--reason", "r"}), "postern: say until when with --expires: 30d or 2026-12-31, at most a year away" + see);
  EXPECT_EQ(error({"--reason", "r", "--expires", "soon"}),
            "postern: --expires: \"soon\" is no moment to come; write 30d, 12h, 2026-12-31, '2026-12-31 18:00' or "
            "2026-12-31T18:00:00Z" + see);
  EXPECT_EQ(error({"--reason", "r", "--expires", "2026-11-25"}),
            "postern: --expires: \"2026-11-25\" is 25 Nov 2026, 00:00:00 UTC, which is not to come" + see);
  EXPECT_EQ(error({"--reason", "r", "--expires", "400d"}),
            "postern: --expires: \"400d\" is 31 Dec 2027, 10:00:00 UTC; a risk is accepted for 366 days at most, and then anew" + see);
  EXPECT_EQ(lab_.run({"accept-risk", "--reason", "r", "--expires", "1d"}), kMisused);
  EXPECT_EQ(lab_.err(), "postern: CVE is required" + see);
  lab_.ems.refuse("POST risks", 400, "invalid_argument", "cve: no finding is called \"CVE-1\"");
  EXPECT_EQ(lab_.run({"accept-risk", "CVE-1", "--reason", "r", "--expires", "1d"}), kFailed);
  EXPECT_EQ(lab_.err(), "postern: cve: no finding is called \"CVE-1\"\n");
}

TEST_F(RisksCommands, TakenBackItIsSaidWhetherItCounts) {
  lab_.ems.on("DELETE risks/RSK-7K2M9QXA", "", 204);
  lab_.ems.on("DELETE risks/RSK-C9ZZ3H5N", "", 204);
  list({kExpat, kPam, kOld});
  EXPECT_EQ(lab_.run({"revoke-risk", "CVE-2025-6020"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(), "CVE-2025-6020 in pam 1.5.2-6+deb12u1 on all endpoints is no longer accepted: it counts again\n");
  EXPECT_EQ(lab_.run({"revoke-risk", "RSK-7", "--json"}), kDone) << lab_.err();
  EXPECT_EQ(json::parse(lab_.out()), json::parse(R"({"id":"RSK-7K2M9QXA","removed":true})"));
  EXPECT_EQ(lab_.run({"revoke-risk", "RSK-C9ZZ3H5N"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(),
            "RSK-C9ZZ3H5N (CVE-2025-6020 in any package of version 1.5.2-6 on 00000000000000000000000000000001) had expired; it is no "
            "longer listed\n");
  list({kPam, changed(kPam, "7K2M9QXA", "DDDDDDDD")});
  EXPECT_EQ(lab_.run({"revoke-risk", "RSK-7K2M9QXA"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(),
            "CVE-2025-6020 in pam 1.5.2-6+deb12u1 on all endpoints is no longer accepted by RSK-7K2M9QXA; still in force for this CVE: "
            "RSK-DDDDDDDD\n");
}

TEST_F(RisksCommands, FindingsShowWhatIsAccepted) {
  lab_.ems.on("GET endpoints", R"({"items":[)" + laptop7() + R"(],"next_cursor":null,"total":1})");
  lab_.ems.on("GET " + of_laptop7_ + "/vulnerabilities", R"({"items":[
    {"cve":"CVE-2023-52425","source":"expat","package":"libexpat1","version":"2.5.0-1","fixed":"2.5.0-1+deb12u2","severity":"high",
     "kev":true,"accepted":null},
    {"cve":"CVE-2025-6020","source":"pam","package":"libpam0g","version":"1.5.2-6","fixed":null,"severity":"high","kev":false,
     "accepted":{"risk":"RSK-7K2M9QXA"}}],"next_cursor":null,"total":2})");
  lab_.terminal.looks().width = 100;
  EXPECT_EQ(lab_.run({"endpoint", "laptop7", "--vulnerabilities"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(),
            "SEVERITY         CVE             SOURCE  PACKAGE    INSTALLED  FIXED IN\n"
            "high, exploited  CVE-2023-52425  expat   libexpat1  2.5.0-1    2.5.0-1+deb12u2\n"
            "high, accepted   CVE-2025-6020   pam     libpam0g   1.5.2-6    –\n");
}

TEST(RiskRef, OnlyCvesAreWrittenInCapitals) {
  EXPECT_EQ(vulnerability_id(" cve-2025-6020 "), "CVE-2025-6020");
  EXPECT_EQ(vulnerability_id("Cve-2025-6020"), "CVE-2025-6020");
  EXPECT_EQ(vulnerability_id("GHSA-abcd-ef12"), "GHSA-abcd-ef12");
}

}  // namespace
}  // namespace postern::cli
