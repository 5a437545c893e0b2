// ZTNA destinations of a profile: what is shown, what is asked of the EMS, and what a person is told who errs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "cli/program_lab.h"

namespace postern::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

constexpr const char* kDb = R"({"name":"db","host":"db.example","port":5432,"gateway":"gw.example:443","path":"/tcp","ca":"",
  "fingerprint":"","listen":"127.0.0.1:0"})";
constexpr const char* kBuild = R"({"name":"build-16","host":"2001:db8::16","port":22,"gateway":"[2001:db8::1]:8443","path":"/tcp",
  "ca":"","fingerprint":"abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789","listen":"[::1]:2216"})";
constexpr const char* kDesk = R"({"name":"desk","host":"10.0.3.11","port":3389,"gateway":"10.0.1.1:443","path":"/",
  "ca":"-----BEGIN CERTIFICATE-----","fingerprint":"","listen":"127.0.0.1:3390"})";

const std::string kAll = std::string(R"({"destinations":[)") + kDb + "," + kBuild + "," + kDesk + "]}";
const std::string kOfDefault = "profiles/Default/ztna-destinations";

class DestinationCommands : public testing::Test {
 protected:
  json::value sent(const std::string& asked) { return json::parse(lab_.ems.asked(asked).back().body); }

  ProgramLab lab_;
};

TEST_F(DestinationCommands, ATableForAnyWidth) {
  lab_.ems.on("GET " + kOfDefault, kAll);
  for (const auto& [name, width] : {std::pair("80", 80), {"120", 120}, {"whole", 0}}) {
    lab_.terminal.looks().width = static_cast<std::size_t>(width);
    EXPECT_EQ(lab_.run({"destinations"}), kDone) << lab_.err();
    EXPECT_EQ(lab_.out(), ProgramLab::golden(std::string("postern-destinations-") + name + ".txt", lab_.out()));
  }
  EXPECT_EQ(lab_.run({"destinations", "--json"}), kDone);
  EXPECT_EQ(json::parse(lab_.out()), json::parse(kAll));
}

TEST_F(DestinationCommands, WhereNoneIsItIsSaidHowOneIsMade) {
  lab_.ems.on("GET profiles/Strict/ztna-destinations", R"({"destinations":[]})");
  EXPECT_EQ(lab_.run({"destinations", "--profile", "Strict"}), kDone);
  EXPECT_EQ(lab_.err(), "the profile Strict has no destinations (postern add-destination NAME HOST:PORT GATEWAY adds one)\n");
  EXPECT_EQ(lab_.run({"destinations", "--profile", "a/b"}), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("there is no endpoint profile \"a/b\""));
}

TEST_F(DestinationCommands, OneIsAdded) {
  lab_.ems.on("POST " + kOfDefault, kDb, 201);
  EXPECT_EQ(lab_.run({"add-destination", "db", "db.example:5432", "gw.example:443", "--path", "/tcp"}), kDone) << lab_.err();
  EXPECT_EQ(sent("POST " + kOfDefault),
            (json::value{{"name", "db"}, {"gateway", "gw.example:443"}, {"host", "db.example"}, {"port", 5432}, {"path", "/tcp"}}));
  EXPECT_EQ(lab_.out(), "db is added: agents of the profile Default listen at 127.0.0.1, any port, and carry it by "
                        "gw.example:443/tcp to db.example:5432\n");
  const std::string pem = lab_.file("ca.pem", "a certificate");
  EXPECT_EQ(lab_.run({"add-destination", "b", "[2001:db8::16]:22", "[2001:db8::1]:8443", "--gateway-ca", pem, "--gateway-fingerprint",
                      "AB:CD", "--listen", "[::1]:2216", "--json"}),
            kDone)
      << lab_.err();
  EXPECT_EQ(json::parse(lab_.out()), json::parse(kDb));
  EXPECT_EQ(sent("POST " + kOfDefault), (json::value{{"name", "b"},
                                                     {"gateway", "[2001:db8::1]:8443"},
                                                     {"host", "2001:db8::16"},
                                                     {"port", 22},
                                                     {"ca", "a certificate"},
                                                     {"fingerprint", "AB:CD"},
                                                     {"listen", "[::1]:2216"}}));
}

TEST_F(DestinationCommands, WhatIsNoHostWithAPortNeverReachesTheEms) {
  for (const char* wrong : {"db.example", "db.example:", ":22", "db.example:0", "db.example:65536", "db.example:ssh", "2001:db8::16:22", "[]:22"}) {
    EXPECT_EQ(lab_.run({"add-destination", "db", wrong, "gw.example:443"}), kMisused) << wrong;
    EXPECT_THAT(lab_.err(), HasSubstr(std::string("HOST:PORT: \"") + wrong + "\" is no host with a port; write db.example:5432"));
    EXPECT_EQ(lab_.run({"change-destination", "db", "--to", wrong}), kMisused) << wrong;
  }
  EXPECT_EQ(lab_.run({"add-destination", "db", "db.example:65535", "gw.example:443", "--gateway-ca", "/nowhere.pem"}), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("--gateway-ca"));
  EXPECT_EQ(lab_.ems.requests(), 0u);
}

TEST_F(DestinationCommands, OneIsChangedAndTheRestOfItStays) {
  const std::string path = "PATCH profiles/Strict/ztna-destinations/db";
  lab_.ems.on(path, kDb);
  EXPECT_EQ(lab_.run({"change-destination", "db", "--to", "db.example:5432", "--profile", "Strict", "--gateway-ca", ""}), kDone) << lab_.err();
  EXPECT_EQ(sent(path), (json::value{{"host", "db.example"}, {"port", 5432}, {"ca", ""}}));
  EXPECT_THAT(lab_.out(), HasSubstr("db is changed: agents of the profile Strict listen"));
  EXPECT_EQ(lab_.run({"change-destination", "db", "--rename", "sql", "--gateway", "g:1", "--gateway-fingerprint", "", "--profile", "Strict"}), kDone);
  EXPECT_EQ(sent(path), (json::value{{"gateway", "g:1"}, {"name", "sql"}, {"fingerprint", ""}}));
  EXPECT_EQ(lab_.run({"change-destination", "db"}), kMisused);
  EXPECT_THAT(lab_.err(), HasSubstr("say what to change: --to, "));
}

TEST_F(DestinationCommands, OneIsRemoved) {
  lab_.ems.on("DELETE " + kOfDefault + "/db", "", 204);
  EXPECT_EQ(lab_.run({"remove-destination", "db"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(), "db is gone: agents of the profile Default listen for it no more, and what they carried to it ends\n");
  EXPECT_EQ(lab_.run({"remove-destination", "db", "--json"}), kDone);
  EXPECT_EQ(lab_.out(), "{\"name\":\"db\",\"removed\":true}\n");
}

TEST_F(DestinationCommands, WhatTheEmsRefusesIsToldWithWhatToDo) {
  lab_.ems.refuse("POST " + kOfDefault, 409, "conflict", "name: there is a destination db already");
  EXPECT_EQ(lab_.run({"add-destination", "db", "h:1", "g:1"}), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("there is a destination db already; postern change-destination db changes it\n"));
  lab_.ems.refuse("DELETE profiles/My own/ztna-destinations/db", 404, "not_found", "there is no endpoint profile My own");
  EXPECT_EQ(lab_.run({"remove-destination", "db", "--profile", "My own"}), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("there is no endpoint profile My own; postern destinations --profile 'My own' lists them, "
                                    "postern profiles the profiles\n"));
  lab_.ems.refuse("PATCH " + kOfDefault + "/db", 400, "invalid_argument", "path: must be a path such as /tcp");
  EXPECT_EQ(lab_.run({"change-destination", "db", "--path", "x"}), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("path: must be a path such as /tcp"));
}

}  // namespace
}  // namespace postern::cli
