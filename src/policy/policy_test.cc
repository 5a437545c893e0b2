#include <gtest/gtest.h>

#include "policy/compile.h"
#include "policy/path.h"
#include "policy/policy_lab.h"
#include "policy/reason.h"
#include "policy/view.h"

namespace postern::policy {
namespace {

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
