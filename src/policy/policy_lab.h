#pragma once
// For tests: small tables of policies, an endpoint in good standing, and a request of its.
#include <gtest/gtest.h>

#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/compile.h"
#include "policy/decide.h"
#include "policy/view.h"

namespace postern::policy {

inline constexpr WallTime kNow{Millis(1'780'000'000'000)};

/// A table with its bytes, so that the view has something to stand on.
struct Compiled {
  Bytes bytes;
  PolicyView view;
};

inline Compiled compiled(const PolicyTable& table) {
  Compiled out;
  auto blob = compile(table);
  EXPECT_TRUE(blob) << (blob ? "" : blob.error().message);
  out.bytes = std::move(*blob);
  auto view = PolicyView::open(out.bytes);
  EXPECT_TRUE(view) << (view ? "" : view.error().message);
  out.view = *view;
  return out;
}

inline Policy policy(std::uint32_t id, Action action, std::vector<std::uint16_t> tags,
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

inline PolicyTable table(std::vector<Policy> policies, EmptyCertAction empty = EmptyCertAction::kBlock) {
  PolicyTable t;
  ApiGateway g;
  g.id = 1;
  g.pool = 5;
  t.proxies = {{1, "p", empty, {g}}};
  t.policies = std::move(policies);
  return t;
}

inline EndpointState good(std::initializer_list<int> tags = {}, std::initializer_list<int> unknown = {}) {
  EndpointState s;
  s.known = s.online = s.registered = s.fresh = true;
  s.not_after = kNow + std::chrono::hours(1);
  for (const int t : tags) s.tags.set(static_cast<std::size_t>(t));
  for (const int t : unknown) s.unknown.set(static_cast<std::size_t>(t));
  return s;
}

inline RequestContext request() {
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

inline Decision judge(const PolicyTable& t, const EndpointState& s, const RequestContext& r = request()) {
  return decide(compiled(t).view, s, r);
}

inline PolicyTable two_mappings(std::vector<Policy> policies) {
  auto t = table(std::move(policies));
  ApiGateway other;
  other.id = 2;
  other.url = "/other";
  other.pool = 6;
  t.proxies[0].api_gateways.push_back(other);
  return t;
}

inline RequestContext request_of(std::string_view path) {
  auto r = request();
  r.path = path;
  return r;
}

}  // namespace postern::policy
