// The pages as a browser without JavaScript uses them: forms, cookies, redirects.
#include "ems/api/api_lab.h"
#include "ems/api/pages/html.h"
#include "ems/api/pages/views.h"

namespace postern::ems::testing {
namespace {

class Pages : public ApiLab {
 protected:
  Reply open(const std::string& target, const std::string& cookie = "") {
    auto r = request("GET", target);
    if (!cookie.empty()) r.headers.add("Cookie", cookie);
    return send_request(r);
  }
  Reply submit(const std::string& path, const std::string& form, const std::string& cookie = "") {
    auto r = request("POST", path, form);
    r.headers.add("Content-Type", "application/x-www-form-urlencoded");
    r.headers.add("Origin", "https://ems.test:8443");
    if (!cookie.empty()) r.headers.add("Cookie", cookie);
    return send_request(r);
  }
  /// The value of a hidden field.
  static std::string field(const Reply& page, const std::string& name) {
    const std::string before = "name=\"" + name + "\" value=\"";
    const auto at = page.text.find(before);
    if (at == std::string::npos) return {};
    const auto begin = at + before.size();
    return page.text.substr(begin, page.text.find('"', begin) - begin);
  }
  static bool shows(const Reply& page, const std::string& text) { return page.text.find(text) != std::string::npos; }
  static bool shows_key(const Reply& page, const Sha256& key) {
    std::string groups;
    for (const auto& group : api::fingerprint_groups(to_hex_lower(key))) groups += "<span>" + group + "</span>";
    return shows(page, groups);
  }
  std::string form(const Reply& page, const std::string& act) {
    return "csrf_token=" + field(page, "csrf_token") + "&serial=" + field(page, "serial") +
           "&key_sha256=" + field(page, "key_sha256") + "&act=" + act;
  }
  DeviceState state() { return core->fabric_device(GatewaySerial(kSerial))->device.state; }

  static constexpr const char* kSerial = "PGW0000000000001";
  const std::string popup = std::string("/fabric-authorization?serial=") + kSerial;
};

TEST_F(Pages, TheWalkOfThePopUpFromItsAddressToTheGatewaysData) {
  TestAgent agent;
  join(agent);
  TestGateway gateway(kSerial, 5);
  set_interface(gateway, "02:00:00:00:00:01");
  connect(gateway);
  // The gateway itself gives the address.
  ASSERT_EQ(gateway.client.status().authorise_path, popup);
  const Reply asked = open(popup);
  ASSERT_EQ(asked.status, 200);
  EXPECT_TRUE(shows(asked, "type=\"password\""));
  EXPECT_FALSE(shows(asked, kSerial) && shows(asked, "fingerprint"));  // nothing of the device before sign-in
  EXPECT_EQ(asked.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(field(asked, "next"), popup);

  const Reply wrong = submit("/signin", "name=admin&password=guess&next=" + field(asked, "next"));
  EXPECT_EQ(wrong.status, 401);
  EXPECT_TRUE(shows(wrong, "name or password is wrong"));
  EXPECT_EQ(field(wrong, "next"), popup);
  const Reply in = submit(
      "/signin", "name=admin&password=Correct-Horse-Battery&next=%2Ffabric-authorization%3Fserial%3DPGW0000000000001");
  ASSERT_EQ(in.status, 303);
  EXPECT_EQ(in.header("Location"), popup);
  const std::string cookie = in.cookie();

  const Reply page = open(popup, cookie);
  ASSERT_EQ(page.status, 200);
  EXPECT_TRUE(shows(page, kSerial));
  const auto key = pki::parse_certificate(gateway.identity.certificate)->public_key_sha256;
  EXPECT_TRUE(shows_key(page, key));
  EXPECT_TRUE(shows(page, ">Authorise</button>"));
  EXPECT_TRUE(shows(page, ">Refuse</button>"));
  EXPECT_EQ(gateway.endpoints(), 0u);

  const Reply done = submit("/fabric-authorization", form(page, "authorise"), cookie);
  ASSERT_EQ(done.status, 303) << done.text;
  EXPECT_EQ(done.header("Location"), popup);
  EXPECT_EQ(state(), DeviceState::kAuthorised);
  EXPECT_EQ(gateway.endpoints(), 1u);
  const Reply after = open(popup, cookie);
  EXPECT_TRUE(shows(after, "is authorised"));
  EXPECT_FALSE(shows(after, ">Authorise</button>"));
  EXPECT_TRUE(shows(after, ">Refuse</button>"));

  ASSERT_EQ(submit("/fabric-authorization", form(after, "refuse"), cookie).status, 303);
  EXPECT_EQ(state(), DeviceState::kDenied);
  EXPECT_TRUE(shows(open(popup, cookie), "is refused"));
}

TEST_F(Pages, OnlyTheKeyThatThePageShowedIsAuthorised) {
  TestGateway gateway(kSerial, 5);
  connect(gateway);
  const std::string cookie = sign_in().cookie;
  const Reply page = open(popup, cookie);
  TestGateway impostor(kSerial, 6);
  connect(impostor);
  const Reply late = submit("/fabric-authorization", form(page, "authorise"), cookie);
  EXPECT_EQ(late.status, 409);
  EXPECT_TRUE(shows(late, "Nothing was changed"));
  EXPECT_EQ(state(), DeviceState::kPending);

  // Authorised once, another key with this serial is a conflict, and both fingerprints are there to compare.
  const Reply now = open(popup, cookie);
  ASSERT_EQ(submit("/fabric-authorization", form(now, "authorise"), cookie).status, 303);
  disconnect(gateway);
  connect(gateway);
  EXPECT_EQ(state(), DeviceState::kConflict);
  const Reply conflict = open(popup, cookie);
  EXPECT_TRUE(shows(conflict, "another key"));
  for (const TestGateway* g : {&gateway, &impostor}) {
    const auto key = pki::parse_certificate(g->identity.certificate)->public_key_sha256;
    EXPECT_TRUE(shows_key(conflict, key));
  }
}

TEST_F(Pages, ThePopUpRefusesWhoMayNotDecide) {
  TestGateway gateway(kSerial, 5);
  connect(gateway);
  const Browser boss = sign_in();
  const Reply page = open(popup, boss.cookie);
  const std::string good = form(page, "authorise");
  // Without a session, with another's token, without the token, from another site.
  const Reply ended = submit("/fabric-authorization", good);
  EXPECT_EQ(ended.status, 401);
  EXPECT_EQ(field(ended, "next"), popup);
  const Browser second = sign_in();
  EXPECT_EQ(submit("/fabric-authorization", good, second.cookie).status, 403);
  EXPECT_EQ(submit("/fabric-authorization", good.substr(good.find('&') + 1), boss.cookie).status, 400);
  auto foreign = request("POST", "/fabric-authorization", good);
  foreign.headers.add("Cookie", boss.cookie);
  foreign.headers.add("Origin", "https://evil.test");
  EXPECT_EQ(send_request(foreign).status, 403);
  EXPECT_EQ(submit("/fabric-authorization", good + "&act=refuse", boss.cookie).status, 400);  // a field twice
  EXPECT_EQ(submit("/fabric-authorization", form(page, "delete"), boss.cookie).status, 400);

  const std::string reader = sign_in("reader").cookie;
  const Reply seen = open(popup, reader);
  EXPECT_EQ(seen.status, 200);
  EXPECT_TRUE(shows(seen, kSerial));
  EXPECT_FALSE(shows(seen, "<button class=\"main\""));
  EXPECT_EQ(submit("/fabric-authorization",
                   "csrf_token=" + field(seen, "csrf_token") + good.substr(good.find('&')), reader)
                .status,
            403);
  EXPECT_EQ(state(), DeviceState::kPending);
  disk_full(true);
  const Reply full = submit("/fabric-authorization", good, boss.cookie);
  EXPECT_EQ(full.status, 507);
  EXPECT_TRUE(shows(full, "disk is full"));
  disk_full(false);
  EXPECT_EQ(state(), DeviceState::kPending);
  EXPECT_EQ(submit("/fabric-authorization", good, boss.cookie).status, 303);
}

TEST_F(Pages, AGatewayThatNeverConnectedIsSaidToBeMissing) {
  const std::string cookie = sign_in().cookie;
  for (const char* serial : {"PGW0000000000009", "nonsense", "%3Cscript%3E"}) {
    const Reply page = open(std::string("/fabric-authorization?serial=") + serial, cookie);
    EXPECT_EQ(page.status, 404) << serial;
    EXPECT_TRUE(shows(page, "has connected to this EMS yet"));
    EXPECT_FALSE(shows(page, "<script"));
  }
  EXPECT_EQ(open("/fabric-authorization", cookie).status, 400);
  EXPECT_EQ(open("/fabric-authorization?serial=" + std::string(17, 'x'), cookie).status, 400);
}

TEST_F(Pages, SigningInLeadsOnlyToPagesOfOurs) {
  for (const char* next : {"https%3A%2F%2Fevil.test", "%2F%2Fevil.test", "%2F%5Cevil.test", "evil", "",
                           "%2Ffabric-authorization%3Fserial%3DPGW000000000000", "%2Fapi%2Fv1%2Fems"}) {
    EXPECT_EQ(field(open(std::string("/signin?next=") + next), "next"), "/") << next;
    const Reply in = submit("/signin", std::string("name=admin&password=Correct-Horse-Battery&next=") + next);
    EXPECT_EQ(in.status, 303) << in.text;
    EXPECT_EQ(in.header("Location"), "/") << next;
  }
  const std::string cookie = sign_in().cookie;
  EXPECT_EQ(open("/signin", cookie).status, 303);  // already
  EXPECT_EQ(submit("/signin", "name=admin").status, 400);
  EXPECT_EQ(submit("/signin", "name=%zz&password=x").status, 400);
}

TEST_F(Pages, TheStartPageListsWhoWaits) {
  const Reply anybody = open("/");
  EXPECT_TRUE(shows(anybody, "type=\"password\""));
  const std::string cookie = sign_in().cookie;
  EXPECT_TRUE(shows(open("/", cookie), "no gateway asks"));
  TestGateway gateway(kSerial, 5);
  connect(gateway);
  const Reply page = open("/", cookie);
  EXPECT_TRUE(shows(page, "href=\"" + popup + "\""));
  disk_full(true);
  EXPECT_EQ(post("/api/v1/invitations").status, 507);
  EXPECT_TRUE(shows(open("/", cookie), "Nothing can be stored"));
  disk_full(false);

  EXPECT_EQ(submit("/signout", "csrf_token=wrong", cookie).status, 403);
  const Reply out = submit("/signout", "csrf_token=" + field(page, "csrf_token"), cookie);
  EXPECT_EQ(out.status, 303);
  EXPECT_EQ(out.cookie(), "__Host-postern-ems=");
  EXPECT_TRUE(shows(open("/", cookie), "type=\"password\""));
}

TEST_F(Pages, StyleIsAFileAndNothingRunsScripts) {
  const Reply page = open("/");
  const std::string before = "<link rel=\"stylesheet\" href=\"";
  const auto at = page.text.find(before);
  ASSERT_NE(at, std::string::npos);
  const auto begin = at + before.size();
  const Reply style = open(page.text.substr(begin, page.text.find('"', begin) - begin));
  EXPECT_EQ(style.status, 200);
  EXPECT_EQ(style.header("Content-Type"), "text/css; charset=utf-8");
  const std::string policy = page.header("Content-Security-Policy");
  EXPECT_NE(policy.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos);
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_FALSE(shows(page, "<script") || shows(page, "style=\""));
  EXPECT_EQ(open("/nowhere").status, 404);
  EXPECT_TRUE(shows(open("/nowhere"), "Not found"));
}

TEST(Views, EscapeWhatTheyShow) {
  const std::string evil = "<script>alert('1')</script>\"&\xff";
  api::DeviceView device;
  device.ems = device.serial = device.host_name = device.address = device.version = device.key_sha256 =
      device.pinned_sha256 = device.user = device.csrf_token = device.problem = evil;
  device.may_decide = true;
  api::SignInView in;
  in.ems = in.next = in.problem = evil;
  api::StartView start;
  start.ems = start.version = start.user = start.role = start.csrf_token = start.store_error = evil;
  start.waiting = {{evil, evil, evil}, {evil, "", evil}};
  for (const char* state : {"pending", "authorised", "refused", "conflict"}) {
    device.state = state;
    for (const std::string& html :
         {api::authorise_page(device).body, api::sign_in_page(in).body, api::start_page(start).body}) {
      EXPECT_EQ(html.find("<script"), std::string::npos) << state;
      EXPECT_EQ(html.find("\"&\xff"), std::string::npos);
      EXPECT_EQ(html.find('\xff'), std::string::npos);
      EXPECT_NE(html.find("&lt;script&gt;"), std::string::npos);
    }
  }
}

TEST(Views, ANameCanNotTurnWhatStandsBesideIt) {
  // A gateway that asks to be authorised names itself.
  EXPECT_EQ(api::html_escape("gw\u202e1-nommoc"), "gw\uFFFD1-nommoc");
  EXPECT_EQ(api::html_escape("a\u2066b\u2028c\u009b\x1b\n"), "a\uFFFDb\uFFFDc\uFFFD\uFFFD\n");
  EXPECT_EQ(api::html_escape("B\u00fcro \u05e9\u05dc\U0001f512"), "B\u00fcro \u05e9\u05dc\U0001f512");
}

TEST(Views, FingerprintsAreTheTextThatTheGatewayPrintsInGroupsForTheEye) {
  EXPECT_EQ(api::fingerprint_groups("9f3c71a8e0"), (std::vector<std::string>{"9F:3C:71:A8:", "E0"}));
  EXPECT_EQ(api::fingerprint_groups("not hex"), std::vector<std::string>{"not hex"});
}

TEST_F(Pages, APasswordThatMustBeChangedIsAskedForBeforeAnythingElse) {
  Administrator user = *core->administrator("admin");
  user.must_change_password = true;
  core->save_administrator(clock.now(), admin, user, nullptr);
  TestGateway gateway(kSerial, 5);
  connect(gateway);
  settle();
  const Reply in = submit(
      "/signin", "name=admin&password=Correct-Horse-Battery&next=%2Ffabric-authorization%3Fserial%3DPGW0000000000001");
  ASSERT_EQ(in.status, 303);
  EXPECT_EQ(in.header("Location"), "/password?next=%2Ffabric-authorization%3Fserial%3DPGW0000000000001");
  const std::string cookie = in.cookie();
  EXPECT_EQ(open("/", cookie).header("Location"), "/password");
  EXPECT_EQ(open(popup, cookie).header("Location"), in.header("Location"));
  const Reply page = open(in.header("Location"), cookie);
  ASSERT_EQ(page.status, 200);
  EXPECT_TRUE(shows(page, "was chosen for you"));
  EXPECT_EQ(field(page, "next"), popup);

  const auto form = [&](const std::string& old_password, const std::string& first, const std::string& second) {
    return "csrf_token=" + field(page, "csrf_token") +
           "&next=%2Ffabric-authorization%3Fserial%3DPGW0000000000001&name=admin" + "&old_password=" + old_password +
           "&new_password=" + first + "&repeated=" + second;
  };
  const Reply typo = submit("/password", form("Correct-Horse-Battery", "words-of-my-own", "words-of-my-onw"), cookie);
  EXPECT_EQ(typo.status, 400);
  EXPECT_TRUE(shows(typo, "not the same both times"));
  EXPECT_EQ(field(typo, "next"), popup);
  const Reply wrong = submit("/password", form("guess", "words-of-my-own", "words-of-my-own"), cookie);
  EXPECT_EQ(wrong.status, 403);
  EXPECT_TRUE(shows(wrong, "old_password: is wrong"));
  EXPECT_EQ(submit("/password", form("Correct-Horse-Battery", "short", "short"), cookie).status, 400);
  EXPECT_EQ(
      submit("/password",
             "csrf_token=x&old_password=Correct-Horse-Battery&new_password=words-of-my-own&repeated=words-of-my-own",
             cookie)
          .status,
      403);
  const Reply done = submit("/password", form("Correct-Horse-Battery", "words-of-my-own", "words-of-my-own"), cookie);
  ASSERT_EQ(done.status, 303) << done.text;
  EXPECT_EQ(done.header("Location"), popup);
  EXPECT_TRUE(shows(open(popup, cookie), "Authorise"));
  EXPECT_EQ(open("/", cookie).status, 200);
  EXPECT_EQ(try_sign_in("admin", "words-of-my-own").status, 200);
}

TEST_F(Pages, ThePasswordFormIsForThoseSignedIn) {
  EXPECT_EQ(field(open("/password"), "next"), "/password");
  EXPECT_EQ(submit("/password", "csrf_token=x&old_password=a&new_password=b&repeated=b").status, 401);
  const Reply in = submit("/signin", "name=reader&password=Correct-Horse-Battery&next=%2Fpassword");
  EXPECT_EQ(in.header("Location"), "/password");
  const Reply page = open("/password?next=https://evil.example", in.cookie());
  EXPECT_FALSE(shows(page, "was chosen for you"));
  EXPECT_EQ(field(page, "next"), "/");
}

}  // namespace
}  // namespace postern::ems::testing
