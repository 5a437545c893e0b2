#include <gtest/gtest.h>

#include <algorithm>

#include <cstring>
#include <random>
#include <set>

#include "policy/compile.h"
#include "policy/decide.h"
#include "policy/path.h"
#include "policy/reason.h"
#include "policy/view.h"

namespace postern::policy {
namespace {

constexpr WallTime kNow{Millis(1'780'000'000'000)};

/// A table with its bytes, so that the view has something to stand on.
struct Compiled {
  Bytes bytes;
  PolicyView view;
};

Compiled compiled(const PolicyTable& table) {
  Compiled out;
  auto blob = compile(table);
  EXPECT_TRUE(blob) << (blob ? "" : blob.error().message);
  out.bytes = std::move(*blob);
  auto view = PolicyView::open(out.bytes);
  EXPECT_TRUE(view) << (view ? "" : view.error().message);
  out.view = *view;
  return out;
}

Policy policy(std::uint32_t id, Action action, std::vector<std::uint16_t> tags,
              Match match = Match::kAny, bool negate = false) {
  Policy p;
  p.id = id;
  p.proxies = {1};
  p.tags = std::move(tags);
  p.match = match;
  p.negate = negate;
  p.action = action;
  return p;
}

PolicyTable table(std::vector<Policy> policies, EmptyCertAction empty = EmptyCertAction::kBlock) {
  PolicyTable t;
  ApiGateway g;
  g.id = 1;
  g.pool = 5;
  t.proxies = {{1, "p", empty, {g}}};
  t.policies = std::move(policies);
  return t;
}

EndpointState good(std::initializer_list<int> tags = {}, std::initializer_list<int> unknown = {}) {
  EndpointState s;
  s.known = s.online = s.registered = s.fresh = true;
  s.not_after = kNow + std::chrono::hours(1);
  for (const int t : tags) s.tags.set(static_cast<std::size_t>(t));
  for (const int t : unknown) s.unknown.set(static_cast<std::size_t>(t));
  return s;
}

RequestContext request() {
  RequestContext r;
  r.proxy = 1;
  r.certificate = Certificate::kVerified;
  r.certificate_not_after = kNow + std::chrono::hours(1);
  r.host = "app.example";
  r.path = "/";
  r.source = *IpAddress::parse("10.0.1.2");
  r.now = kNow;
  return r;
}

Decision judge(const PolicyTable& t, const EndpointState& s, const RequestContext& r = request()) {
  return decide(compiled(t).view, s, r);
}

PolicyTable two_mappings(std::vector<Policy> policies) {
  auto t = table(std::move(policies));
  ApiGateway other;
  other.id = 2;
  other.url = "/other";
  other.pool = 6;
  t.proxies[0].api_gateways.push_back(other);
  return t;
}

RequestContext request_of(std::string_view path) {
  auto r = request();
  r.path = path;
  return r;
}

TEST(Destinations, APolicyHoldsForItsMappingsAlone) {
  auto marked = policy(1, Action::kAccept, {3});
  marked.destinations = std::vector<Destination>{{1, 2}};
  auto rest = policy(2, Action::kAccept, {4});
  rest.destinations = std::vector<Destination>{{1, 1}, {7, 2}};
  const auto t = two_mappings({marked, rest});
  EXPECT_EQ(judge(t, good({3}), request_of("/other")).policy, 1u);
  EXPECT_EQ(judge(t, good({4}), request_of("/other")).reason, Reason::kMissingTag);
  EXPECT_FALSE(judge(t, good({4}), request_of("/other")).allow);
  EXPECT_EQ(judge(t, good({4}), request_of("/")).pool, 5u);
  EXPECT_FALSE(judge(t, good({3}), request_of("/")).allow);
  EXPECT_FALSE(judge(t, good({}, {3, 4}), request_of("/")).allow);
  // One that refuses likewise, and one without any mapping holds for nothing.
  auto deny = policy(3, Action::kDeny, {});
  deny.destinations = std::vector<Destination>{{1, 2}};
  auto none = policy(4, Action::kDeny, {});
  none.destinations.emplace();
  const auto refusing = two_mappings({none, deny, policy(5, Action::kAccept, {})});
  EXPECT_TRUE(judge(refusing, good(), request_of("/")).allow);
  EXPECT_EQ(judge(refusing, good(), request_of("/other")).reason, Reason::kDenyPolicy);
}

TEST(Destinations, WhereNothingIsPublishedThatIsTheReason) {
  auto p = policy(1, Action::kAccept, {});
  p.destinations = std::vector<Destination>{{1, 1}};
  auto t = table({p});
  t.proxies[0].api_gateways[0].url = "/app";
  EXPECT_EQ(judge(t, good(), request_of("/x")).reason, Reason::kNoApiGateway);
  EXPECT_TRUE(judge(t, good(), request_of("/app")).allow);
  auto stranger = request_of("/x");
  stranger.certificate = Certificate::kNone;
  EXPECT_EQ(judge(t, {}, stranger).reason, Reason::kEmptyCertificate) << "strangers are not told what is published";
}

TEST(Users, OneOfThemHasToBeSignedIn) {
  auto accept = policy(1, Action::kAccept, {});
  accept.users = {100, 101};
  const auto t = table({accept}, EmptyCertAction::kAccept);
  EXPECT_TRUE(judge(t, good({101})).allow);
  const auto refused = judge(t, good({3}));
  EXPECT_EQ(refused.reason, Reason::kWrongUser);
  EXPECT_TRUE(refused.tags.test(100) && refused.tags.test(101));
  EXPECT_EQ(judge(t, good({}, {100})).reason, Reason::kWrongUser) << "unknown never grants";
  auto stale = good({101});
  stale.fresh = false;
  EXPECT_EQ(judge(t, stale).reason, Reason::kStale);
  auto nobody = request();
  nobody.certificate = Certificate::kNone;
  EXPECT_FALSE(judge(t, {}, nobody).allow) << "who must be signed in is not open to everybody";

  accept.tags = {3};
  const auto both = table({accept});
  EXPECT_TRUE(judge(both, good({3, 100})).allow);
  EXPECT_EQ(judge(both, good({100})).reason, Reason::kMissingTag);
  EXPECT_EQ(judge(both, good({3})).reason, Reason::kWrongUser);
}

TEST(Users, ARefusalSparesOnlyWhoIsCertainlySomebodyElse) {
  auto deny = policy(1, Action::kDeny, {});
  deny.users = {100};
  const auto t = table({deny, policy(2, Action::kAccept, {})});
  EXPECT_EQ(judge(t, good({100})).reason, Reason::kDenyPolicy);
  EXPECT_EQ(judge(t, good({}, {100})).reason, Reason::kDenyPolicy);
  EXPECT_TRUE(judge(t, good()).allow);
}

TEST(Reasons, NumbersAreTheContract) {
  for (const unsigned n : {1, 2, 3, 21, 22, 23, 41, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74}) {
    const auto reason = reason_from_number(n);
    ASSERT_TRUE(reason) << n;
    char code[4];
    std::snprintf(code, sizeof code, "%03u", n);
    EXPECT_EQ(reason_code(*reason), code);
    EXPECT_FALSE(reason_text(*reason).empty());
    EXPECT_FALSE(reason_user_text(*reason).title.empty());
    EXPECT_FALSE(reason_user_text(*reason).advice.empty());
  }
  EXPECT_FALSE(reason_from_number(99));
}

TEST(Decide, IdentityComesBeforePosture) {
  const auto t = table({policy(1, Action::kAccept, {3})});
  EXPECT_TRUE(judge(t, good({3})).allow);
  EXPECT_EQ(judge(t, good({3})).pool, 5u);
  auto r = request();
  r.certificate = Certificate::kNone;
  EXPECT_EQ(judge(t, good({3}), r).reason, Reason::kEmptyCertificate);
  r.certificate = Certificate::kInvalid;
  EXPECT_EQ(judge(t, good({3}), r).reason, Reason::kInvalidCertificate);
  r = request();
  r.certificate_not_after = kNow;
  EXPECT_EQ(judge(t, good({3}), r).reason, Reason::kInvalidCertificate);

  EndpointState s;
  s.fresh = true;
  EXPECT_EQ(judge(t, s).reason, Reason::kUnknownEndpoint);
  s.fresh = false;
  EXPECT_EQ(judge(t, s).reason, Reason::kStale);
  s = good({3});
  s.blocked = true;
  EXPECT_EQ(judge(t, s).reason, Reason::kRevoked);
  s = good({3});
  s.registered = false;
  EXPECT_EQ(judge(t, s).reason, Reason::kRevoked);
  s = good({3});
  s.quarantined = true;
  EXPECT_EQ(judge(t, s).reason, Reason::kQuarantined);
  s = good({3});
  s.online = false;
  EXPECT_EQ(judge(t, s).reason, Reason::kOffline);
  s = good({3});
  s.not_after = kNow;
  EXPECT_EQ(judge(t, s).reason, Reason::kInvalidCertificate);
  s = good({3});
  s.fresh = false;
  EXPECT_EQ(judge(t, s).reason, Reason::kStale);
}

TEST(Decide, UnknownNeverGrants) {
  const auto any = table({policy(1, Action::kAccept, {3, 4})});
  EXPECT_TRUE(judge(any, good({4})).allow);
  EXPECT_EQ(judge(any, good({}, {4})).reason, Reason::kPostureUnknown);
  EXPECT_EQ(judge(any, good()).reason, Reason::kMissingTag);
  const auto all = table({policy(1, Action::kAccept, {3, 4}, Match::kAll)});
  EXPECT_TRUE(judge(all, good({3, 4})).allow);
  const auto d = judge(all, good({3}));
  EXPECT_EQ(d.reason, Reason::kMissingTag);
  EXPECT_TRUE(d.tags.test(4));
  EXPECT_FALSE(d.tags.test(3));
  EXPECT_EQ(judge(all, good({3}, {4})).reason, Reason::kPostureUnknown);
  // Missing one and not knowing the other: what is certain is said.
  EXPECT_EQ(judge(all, good({}, {4})).reason, Reason::kMissingTag);
}

TEST(Decide, UnknownNeverSpares) {
  auto t = table({policy(1, Action::kDeny, {200}), policy(2, Action::kAccept, {3})});
  EXPECT_TRUE(judge(t, good({3})).allow);
  EXPECT_EQ(judge(t, good({3, 200})).reason, Reason::kForbiddenTag);
  EXPECT_EQ(judge(t, good({3, 200})).policy, 1u);
  EXPECT_EQ(judge(t, good({3}, {200})).reason, Reason::kPostureUnknown);
  t.tags = {{200, "Vulnerable", "", true}};
  EXPECT_TRUE(judge(t, good({3}, {200})).allow) << "on_unknown: ignore";
  EXPECT_EQ(judge(t, good({3, 200})).reason, Reason::kForbiddenTag);

  auto negated = table({policy(1, Action::kAccept, {200}, Match::kAny, true)});
  EXPECT_TRUE(judge(negated, good()).allow);
  EXPECT_EQ(judge(negated, good({200})).reason, Reason::kForbiddenTag);
  EXPECT_EQ(judge(negated, good({}, {200})).reason, Reason::kPostureUnknown);
  // Nobody passes for not having a tag who isn't known at all, ignore or not.
  negated.tags = {{200, "Vulnerable", "", true}};
  EXPECT_TRUE(judge(negated, good({}, {200})).allow);
  EndpointState nobody;
  nobody.fresh = true;
  EXPECT_EQ(judge(negated, nobody).reason, Reason::kUnknownEndpoint);
  auto stale = good();
  stale.fresh = false;
  EXPECT_EQ(judge(negated, stale).reason, Reason::kStale);

  const auto unless =
      table({policy(1, Action::kDeny, {3}, Match::kAny, true), policy(2, Action::kAccept, {4})});
  EXPECT_TRUE(judge(unless, good({3, 4})).allow);
  EXPECT_EQ(judge(unless, good({4})).reason, Reason::kMissingTag);
  EXPECT_EQ(judge(unless, good({4}, {3})).reason, Reason::kPostureUnknown);
}

TEST(Decide, FirstMatchDecidesAndFailuresFallThrough) {
  const auto t = table({policy(1, Action::kAccept, {3}), policy(2, Action::kAccept, {4})});
  EXPECT_EQ(judge(t, good({3, 4})).policy, 1u);
  EXPECT_EQ(judge(t, good({4})).policy, 2u);
  const auto d = judge(t, good());
  EXPECT_EQ(d.reason, Reason::kMissingTag);
  EXPECT_EQ(d.policy, 1u);
  EXPECT_TRUE(d.tags.test(3));
  EXPECT_EQ(judge(table({}), good()).reason, Reason::kNoPolicy);
  EXPECT_EQ(judge(table({policy(1, Action::kDeny, {})}), good()).reason, Reason::kDenyPolicy);
  auto other = request();
  other.proxy = 9;
  EXPECT_EQ(judge(t, good({3}), other).reason, Reason::kNoPolicy);
  EXPECT_EQ(decide(PolicyView(), {}, request()).reason, Reason::kStale)
      << "nobody has published anything";
}

TEST(Decide, PoliciesWithoutTagsNeedNoLease) {
  const auto t = table({policy(1, Action::kAccept, {})});
  auto s = good();
  s.fresh = false;
  EXPECT_TRUE(judge(t, s).allow);
  s.quarantined = true;
  EXPECT_EQ(judge(t, s).reason, Reason::kQuarantined);
  // Where anyone may enter, nobody is refused for the certificate they show.
  const auto open = table({policy(1, Action::kAccept, {})}, EmptyCertAction::kAccept);
  const auto d = judge(open, s);
  EXPECT_TRUE(d.allow);
  EXPECT_FALSE(d.depends_on_endpoint);
  auto r = request();
  r.certificate = Certificate::kNone;
  EXPECT_TRUE(judge(open, s, r).allow);
  // Tags are for those who show who they are, also there.
  const auto tagged = table({policy(1, Action::kAccept, {3})}, EmptyCertAction::kAccept);
  EXPECT_EQ(judge(tagged, s, r).reason, Reason::kEmptyCertificate);
  // An unknown client may have the tag that is denied.
  const auto guarded = table({policy(1, Action::kDeny, {3}), policy(2, Action::kAccept, {})},
                             EmptyCertAction::kAccept);
  EXPECT_FALSE(judge(guarded, s, r).allow);
}

TEST(Decide, UnmanageableDevicesMayBeLetIn) {
  const auto t = table({policy(1, Action::kAccept, {})}, EmptyCertAction::kAcceptUnmanageable);
  auto r = request();
  r.certificate = Certificate::kNone;
  r.manageable = false;
  EXPECT_TRUE(judge(t, {}, r).allow);
  r.manageable = true;
  EXPECT_EQ(judge(t, {}, r).reason, Reason::kManageableEmpty);
}

TEST(Decide, InterfacesThatAreNotKnownGrantNothingAndSpareNobody) {
  for (const auto action : {Action::kAccept, Action::kDeny}) {
    auto t = table({policy(1, action, {}), policy(2, Action::kAccept, {})});
    t.policies[0].interfaces = {"port1", "port2"};
    const auto by = [&](std::string_view interface) {
      auto r = request();
      r.interface = interface;
      return judge(t, good({3}), r).policy;
    };
    EXPECT_EQ(by("port1"), 1u);
    EXPECT_EQ(by("port2"), 1u);
    EXPECT_EQ(by("port"), 2u);
    EXPECT_EQ(by("port11"), 2u);
    EXPECT_EQ(by(""), action == Action::kDeny ? 1u : 2u);
  }
  // Nor by which an access proxy is reached.
  auto t = table({policy(1, Action::kAccept, {})});
  t.proxies[0].interfaces = {"wan1"};
  EXPECT_TRUE(PolicyView::open(*compile(t))->asks_for_interfaces());
  for (const auto& [interface, allowed] : {std::pair{"wan1", true}, {"wan2", false}, {"", false}}) {
    auto r = request();
    r.interface = interface;
    EXPECT_EQ(judge(t, good({3}), r).allow, allowed) << interface;
    EXPECT_EQ(judge(t, good({3}), r).reason, allowed ? Reason::kNone : Reason::kNoPolicy) << interface;
  }
  t.proxies[0].interfaces = {"a-name-of-sixteen"};
  EXPECT_FALSE(compile(t));
  t = table({policy(1, Action::kAccept, {})});
  EXPECT_FALSE(PolicyView::open(*compile(t))->asks_for_interfaces());
  t.policies[0].interfaces = {"port1"};
  EXPECT_TRUE(PolicyView::open(*compile(t))->asks_for_interfaces());
  for (const char* wrong : {"", "a-name-of-sixteen", "port\n1"}) {
    t.policies[0].interfaces = {wrong};
    EXPECT_FALSE(compile(t)) << wrong;
  }
}

TEST(Decide, SourcesAndApiGateways) {
  auto t = table({policy(1, Action::kAccept, {3})});
  t.policies[0].sources = {*IpRange::parse("10.0.1.0/24"), *IpRange::parse("2001:db8::/32")};
  EXPECT_TRUE(judge(t, good({3})).allow);
  auto r = request();
  r.source = *IpAddress::parse("10.0.2.1");
  EXPECT_EQ(judge(t, good({3}), r).reason, Reason::kNoPolicy);
  r.source = *IpAddress::parse("2001:db8::5");
  EXPECT_TRUE(judge(t, good({3}), r).allow);

  ApiGateway root{1, Pattern::kSubString, "", Pattern::kSubString, "/", 1};
  ApiGateway api{2, Pattern::kSubString, "", Pattern::kSubString, "/api", 2};
  ApiGateway host{3, Pattern::kWildcard, "*.example", Pattern::kWildcard, "/x/*", 3};
  ApiGateway dead{4, Pattern::kSubString, "", Pattern::kSubString, "/dead-end", 0};
  t = table({policy(1, Action::kAccept, {3})});
  t.proxies[0].api_gateways = {root, api, host, dead};
  r = request();
  const auto pool = [&](std::string_view path, std::string_view name = "app.example") {
    r.path = path;
    r.host = name;
    return judge(t, good({3}), r);
  };
  EXPECT_EQ(pool("/").pool, 1u);
  EXPECT_EQ(pool("/api/v1").pool, 2u);
  EXPECT_EQ(pool("/x/api").pool, 3u);
  EXPECT_EQ(pool("/x/api", "other.net").pool, 2u);
  EXPECT_EQ(pool("/dead-end").reason, Reason::kNoRealServer);
  t.proxies[0].api_gateways = {api};
  EXPECT_EQ(pool("/").reason, Reason::kNoApiGateway);
  // Who may not enter learns nothing of what is there.
  EXPECT_EQ(judge(t, good(), r).reason, Reason::kMissingTag);
}

TEST(Decide, Wildcards) {
  EXPECT_TRUE(wildcard_match("*", ""));
  EXPECT_TRUE(wildcard_match("a*b*c", "axxbyyc"));
  EXPECT_FALSE(wildcard_match("a*b*c", "axxbyy"));
  EXPECT_TRUE(wildcard_match("?.example", "a.example"));
  EXPECT_FALSE(wildcard_match("?.example", ".example"));
  EXPECT_FALSE(wildcard_match("", "a"));
  EXPECT_TRUE(wildcard_match("**a", "ba"));
  const std::string many(64, 'a');
  EXPECT_FALSE(wildcard_match("*a*a*a*a*a*a*b", many));
}

/// The rules again, written as one would explain them, tag by tag: two ways to the same answer.
bool allowed_by_the_book(const PolicyTable& t, const EndpointState& s) {
  for (const auto& p : t.policies) {
    const bool works_against = (p.action == Action::kAccept) == p.negate;
    const auto group_holds = [&](const std::vector<std::uint16_t>& group) {
      int have = 0;
      for (const auto bit : group) {
        if (s.tags.test(bit) || (works_against && s.unknown.test(bit))) ++have;
      }
      return p.match == Match::kAll ? have == static_cast<int>(group.size()) : have > 0;
    };
    const bool holds = group_holds(p.tags) && (p.secondary.empty() || group_holds(p.secondary));
    if (p.tags.empty() || holds != p.negate) return p.action == Action::kAccept;
  }
  return false;
}

TEST(Decide, AgreesWithTheRulesInWords) {
  std::mt19937 random(7);
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  int allowed = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<Policy> policies;
    for (int i = 0, n = 1 + pick(4); i < n; ++i) {
      std::set<std::uint16_t> tags;
      for (int k = 0, m = pick(4); k < m; ++k)
        tags.insert(static_cast<std::uint16_t>(pick(5) * 100));
      policies.push_back(policy(
          static_cast<std::uint32_t>(i + 1), pick(3) == 0 ? Action::kDeny : Action::kAccept,
          {tags.begin(), tags.end()}, pick(2) == 0 ? Match::kAny : Match::kAll, pick(3) == 0));
      if (tags.empty() || pick(3) != 0) continue;
      auto& second = policies.back().secondary;
      for (int k = 0, m = 1 + pick(3); k < m; ++k)
        second.push_back(static_cast<std::uint16_t>(pick(5) * 100));
      std::sort(second.begin(), second.end());
      second.erase(std::unique(second.begin(), second.end()), second.end());
    }
    auto s = good();
    for (int bit = 0; bit < 5; ++bit) {
      const int what = pick(3);
      if (what == 1) s.tags.set(static_cast<std::size_t>(bit) * 100);
      if (what == 2) s.unknown.set(static_cast<std::size_t>(bit) * 100);
    }
    const auto t = table(policies);
    const auto d = judge(t, s);
    ASSERT_EQ(d.allow, allowed_by_the_book(t, s)) << "round " << round;
    ASSERT_EQ(d.allow, d.reason == Reason::kNone);
    allowed += d.allow;
  }
  EXPECT_GT(allowed, 300);
  EXPECT_LT(allowed, 2700);
}

TEST(Decide, OfTwoGroupsBothAreNeeded) {
  auto p = policy(1, Action::kAccept, {1, 2});
  p.secondary = {3, 4};
  auto s = good();
  s.tags = {};
  s.tags.set(1);
  auto d = judge(table({p}), s);
  EXPECT_FALSE(d.allow);
  EXPECT_EQ(d.reason, Reason::kMissingTag);
  // The first group holds: only what the second lacks would help.
  EXPECT_TRUE(d.tags.test(3));
  EXPECT_TRUE(d.tags.test(4));
  EXPECT_FALSE(d.tags.test(2));
  s.unknown.set(4);
  EXPECT_EQ(judge(table({p}), s).reason, Reason::kPostureUnknown);
  s.tags.set(4);
  EXPECT_TRUE(judge(table({p}), s).allow);
  s.tags.reset(1);
  EXPECT_FALSE(judge(table({p}), s).allow);
}

TEST(Compile, RefusesWhatMakesNoSense) {
  auto t = table({policy(1, Action::kAccept, {512})});
  EXPECT_EQ(compile(t).error().code, ErrorCode::kInvalidArgument);
  t = table({policy(1, Action::kAccept, {1}), policy(1, Action::kAccept, {2})});
  EXPECT_FALSE(compile(t));
  t = table({policy(0, Action::kAccept, {1})});
  EXPECT_FALSE(compile(t));
  t = table({policy(1, Action::kAccept, {1})});
  t.policies[0].proxies = {2};
  EXPECT_FALSE(compile(t));
  t = table({});
  t.tags = {{1, "a\nb", "", false}};
  EXPECT_FALSE(compile(t));
}

TEST(View, RefusesEveryDamagedByte) {
  auto t = table({policy(1, Action::kAccept, {3}), policy(2, Action::kDeny, {4})});
  t.tags = {{3, "Tag", "message", false}};
  const auto blob = *compile(t);
  for (std::size_t i = 0; i < blob.size(); ++i) {
    auto damaged = blob;
    damaged[i] ^= 0x40;
    EXPECT_FALSE(PolicyView::open(damaged)) << "byte " << i;
  }
  for (std::size_t size = 0; size < blob.size(); ++size) {
    EXPECT_FALSE(PolicyView::open(ByteView(blob).first(size))) << size;
  }
}

TEST(View, FindsTagsAndPolicies) {
  auto t = table({policy(42, Action::kAccept, {3})});
  t.tags = {{3, "Tag", "do this", false}, {1, "Other", "", true}};
  const auto c = compiled(t);
  ASSERT_NE(c.view.tag(3), nullptr);
  EXPECT_EQ(c.view.text(c.view.tag(3)->message), "do this");
  EXPECT_EQ(c.view.tag(2), nullptr);
  ASSERT_NE(c.view.policy(42), nullptr);
  EXPECT_EQ(c.view.policy(1), nullptr);
}

TEST(Path, HasOneReading) {
  for (const auto* path : {"/", "/a", "/a/", "/a/b.html", "/a%20b", "/%C3%A4", "/a;b", "/...",
                           "/.well-known/x", "/a..b", "/..a%3b", "/.a;b", "/a:b@c!$&'()*+,="}) {
    EXPECT_TRUE(canonical_path(path)) << path;
  }
  for (const auto* path :
       {"",       "a",        "//",     "/a//b",  "/./",    "/.",     "/..",   "/a/../b",
        "/a/..",  "/%2e%2e/", "/%2E",   "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/%00",
        "/a%0ab", "/a b",     "/a#b",   "/%",     "/%4",    "/%zz",   "/%41",  "/\xc3\xa4",
        "/..;/x", "/.;a",     "/a\x7f", "/%7e",   "/%7f", "/..%3bx", "/.%3B", "/a/..%3B/b"}) {
    EXPECT_FALSE(canonical_path(path)) << path;
  }
}

TEST(PolicyText, OfAnEmsIsMadeFitRatherThanRefused) {
  EXPECT_EQ(clean("Start the agent.\nThen check\tagain.\x7f"), "Start the agent. Then check again. ");
  const auto cut = clean(std::string(1023, 'x') + "\u00e9");
  EXPECT_EQ(cut, std::string(1023, 'x')) << "between characters";
  PolicyTable table;
  table.tags = {{0, clean(std::string(5000, '\n')), clean(std::string(5000, 'x')), false}};
  EXPECT_TRUE(compile(table));
}

}  // namespace
}  // namespace postern::policy
