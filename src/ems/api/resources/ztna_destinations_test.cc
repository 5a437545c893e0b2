// ZTNA destinations of a profile: one by one and all at once, and what can't be.
#include <gmock/gmock.h>

#include "ems/api/api_lab.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

using ::testing::HasSubstr;

const std::string kAll = "/api/v1/profiles/Default/ztna-destinations";

std::string destination(const std::string& name, const std::string& more = "") {
  return R"({"name":")" + name + R"(","host":"db.example","port":5432,"gateway":"gw.example:443")" + more + "}";
}

TEST_F(ApiLab, ADestinationIsAddedChangedAndRemoved) {
  Reply d = call("POST", kAll, destination("db", R"(,"path":"/tcp")"));
  EXPECT_EQ(d.status, 201) << d.text;
  EXPECT_EQ(d.body, (json::value{{"name", "db"},
                                 {"host", "db.example"},
                                 {"port", 5432},
                                 {"gateway", "gw.example:443"},
                                 {"path", "/tcp"},
                                 {"ca", ""},
                                 {"fingerprint", ""},
                                 {"listen", "127.0.0.1:0"}}));
  EXPECT_EQ(get(kAll + "/db").body, d.body);
  EXPECT_EQ(call("POST", kAll, destination("b")).status, 201);
  // What is not given stays; what was read can be sent back.
  d = call("PATCH", kAll + "/db", R"({"host":"2001:db8::16","port":22,"listen":"[::1]:2222"})");
  EXPECT_EQ(d.status, 200) << d.text;
  EXPECT_EQ(d.at("path"), "/tcp");
  EXPECT_EQ(d.at("host"), "2001:db8::16");
  EXPECT_EQ(call("PATCH", kAll + "/db", d.text).body, d.body);
  EXPECT_EQ(call("PATCH", kAll + "/b", R"({"name":"c"})").at("name"), "c");
  EXPECT_EQ(get(kAll + "/b").code(), "not_found");
  restart_all();
  EXPECT_EQ(get(kAll).at("destinations"), (json::value{d.body, get(kAll + "/c").body}));
  EXPECT_EQ(call("DELETE", kAll + "/db").status, 204);
  EXPECT_EQ(call("DELETE", kAll + "/db").code(), "not_found");
  EXPECT_EQ(get(kAll).at("destinations").as_array().size(), 1u);
}

TEST_F(ApiLab, ABadDestinationIsRefusedAndTheOthersStay) {
  call("POST", kAll, destination("a", R"(,"listen":"127.0.0.1:9")"));
  call("POST", kAll, destination("b"));
  const std::string before = get(kAll).text;
  for (const auto& [body, what] : std::vector<std::pair<std::string, std::string>>{
           {destination("a"), "name: there is a destination a already"},
           {destination("c", R"(,"listen":"127.0.0.1:9")"), "listen: a listens at 127.0.0.1:9, too"},
           {destination("c", R"(,"listen":"10.0.0.1:9")"), "listen: must be a loopback address"},
           {destination("c", R"(,"colour":"red")"), "colour"},
           {R"({"name":"c","port":1,"gateway":"g:1"})", "host"},
           {R"({"name":"c","host":"h","port":0,"gateway":"g:1"})", "port: must be 1 to 65535"}}) {
    const Reply refused = call("POST", kAll, body);
    EXPECT_EQ(refused.status / 100, 4) << refused.text;
    EXPECT_THAT(refused.message(), HasSubstr(what)) << body;
  }
  EXPECT_THAT(call("PATCH", kAll + "/b", R"({"name":"a"})").message(), HasSubstr("there is a destination a already"));
  EXPECT_THAT(call("PATCH", kAll + "/b", R"({"listen":"127.0.0.1:9"})").message(), HasSubstr("a listens at"));
  EXPECT_EQ(call("PATCH", kAll + "/c", R"({"port":1})").code(), "not_found");
  EXPECT_EQ(call("POST", "/api/v1/profiles/None/ztna-destinations", destination("a")).code(), "not_found");
  EXPECT_EQ(read_only("POST", kAll, destination("c")).code(), "permission_denied");
  EXPECT_EQ(read_only("PATCH", kAll + "/a", R"({"port":1})").code(), "permission_denied");
  EXPECT_EQ(read_only("DELETE", kAll + "/a").code(), "permission_denied");
  EXPECT_EQ(read_only("GET", kAll + "/a").status, 200);
  EXPECT_EQ(get(kAll).text, before);
}

TEST_F(ApiLab, AProfileHasSixtyFourDestinations) {
  for (int i = 0; i < 64; ++i) ASSERT_EQ(call("POST", kAll, destination("d" + std::to_string(i))).status, 201);
  const Reply refused = call("POST", kAll, destination("more"));
  EXPECT_THAT(refused.message(), HasSubstr("at most 64 destinations"));
  EXPECT_EQ(call("DELETE", kAll + "/d7").status, 204);
  EXPECT_EQ(call("POST", kAll, destination("more")).status, 201);
}

TEST_F(ApiLab, AgentsHearOfOneMoreDestination) {
  TestAgent a;
  join(a);
  call("POST", kAll, destination("db"));
  ASSERT_NE(a.last(wire::TelemetryFrame::kProfile), nullptr);
  EXPECT_THAT(a.last(wire::TelemetryFrame::kProfile)->profile().ztna_destinations(), HasSubstr("\"name\":\"db\""));
}

TEST_F(ApiLab, ADestinationThatCanNotBeStoredIsNotAcknowledged) {
  disk_full(true);
  EXPECT_EQ(call("POST", kAll, destination("db")).status, 507);
}

}  // namespace
}  // namespace postern::ems::testing
