#include "policy/translate_host.h"

#include <gtest/gtest.h>

namespace postern::policy {
namespace {

constexpr HostTranslation kNames{"app.internal", "shop.example:8443", 8080};

std::string location(std::string_view text) { return translate_location(text, kNames).value_or("(as it is)"); }
std::string cookie(std::string_view text) { return translate_cookie(text, kNames).value_or("(as it is)"); }

TEST(TranslateHost, LocationsThatNameTheServerLeadToTheClientsHost) {
  EXPECT_EQ(location("http://app.internal/a?b"), "https://shop.example:8443/a?b");
  EXPECT_EQ(location("https://App.Internal"), "https://shop.example:8443");
  EXPECT_EQ(location("HTTP://app.internal:8080/"), "https://shop.example:8443/");
  EXPECT_EQ(location("http://app.internal:80?x"), "https://shop.example:8443?x");
  EXPECT_EQ(location("//app.internal/x"), "//shop.example:8443/x");
  EXPECT_EQ(translate_location("http://app.internal:9000/", {"app.internal:9000", "c", 8080}), "https://c/");
}

TEST(TranslateHost, OtherLocationsStay) {
  for (const auto* text : {"", "/", "/app.internal/", "http://", "http://other.internal/", "http://app.internal.evil/",
                           "http://app.internal:9000/", "http://app.internal:x/", "http://user@app.internal/",
                           "ftp://app.internal/", "http:/app.internal/", "//", "http://[app.internal/", "http://app.internal:99999999999999999999/"}) {
    EXPECT_EQ(location(text), "(as it is)") << text;
  }
}

TEST(TranslateHost, CookiesOfTheServersDomainBecomeTheClients) {
  EXPECT_EQ(cookie("a=b; Domain=app.internal; Path=/"), "a=b; Domain=shop.example; Path=/");
  EXPECT_EQ(cookie("a=b; domain = .APP.internal"), "a=b; Domain=shop.example");
  for (const auto* text : {"", "a=b", "a=b; Path=/", "a=b; Domain=internal", "a=b; Domain=xapp.internal", "domain=app.internal",
                           "a=b; Domain", "a=b; Domain=", ";;;", "a=b; Domain=app.internal.x"}) {
    EXPECT_EQ(cookie(text), "(as it is)") << text;
  }
}

TEST(TranslateHost, PortsAreNoPartOfNames) {
  EXPECT_EQ(without_port("a.b:1"), "a.b");
  EXPECT_EQ(without_port("[::1]:443"), "[::1]");
  EXPECT_EQ(without_port("[::1]"), "[::1]");
  EXPECT_EQ(without_port("[::1"), "[::1");
  EXPECT_EQ(without_port(""), "");
}

}  // namespace
}  // namespace postern::policy
