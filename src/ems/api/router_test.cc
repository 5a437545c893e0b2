#include "ems/api/router.h"

#include <gtest/gtest.h>

namespace postern::ems::api {
namespace {

void handler(const CallPtr&) {}

Route route(std::string method, std::string path) {
  return {.method = std::move(method), .path = std::move(path), .handler = handler};
}

Router router() {
  return Router({{.name = "t",
                  .description = "",
                  .routes = {route("GET", "/t"), route("POST", "/t/what-if"), route("GET", "/t/{name}"),
                             route("PUT", "/t/{name}"), route("GET", "/t/{name}/e")}}});
}

TEST(Router, FindsRoutesAndParameters) {
  const Router r = router();
  EXPECT_EQ(r.match("GET", "/t").route->path, "/t");
  const auto one = r.match("GET", "/t/x y");
  ASSERT_NE(one.route, nullptr);
  EXPECT_EQ(one.params.at("name"), "x y");
  EXPECT_EQ(r.match("POST", "/t/what-if").route->path, "/t/what-if");
}

TEST(Router, AFixedWordDoesNotHideAThingOfThatName) {
  const Router r = router();
  EXPECT_EQ(r.match("GET", "/t/what-if").route->path, "/t/{name}");
  EXPECT_EQ(r.match("GET", "/t/what-if/e").params.at("name"), "what-if");
}

TEST(Router, DeniesWhatIsNotListed) {
  const Router r = router();
  for (const char* path : {"/", "", "t", "/t/", "/t//e", "/t/x/", "/t/x/e/", "/T", "/t/x/e/y", "//t"}) {
    const auto m = r.match("GET", path);
    EXPECT_EQ(m.route, nullptr) << path;
    EXPECT_TRUE(m.allowed.empty()) << path;
  }
  EXPECT_EQ(r.match("GET", "/t/" + std::string(5000, 'a')).route, nullptr);
}

TEST(Router, SaysWhichMethodsThereAre) {
  const auto m = router().match("DELETE", "/t/x");
  EXPECT_EQ(m.route, nullptr);
  EXPECT_EQ(m.allowed, (std::vector<std::string>{"GET", "PUT"}));
  EXPECT_EQ(router().match("get", "/t").route, nullptr);
}

TEST(Router, RefusesItsOwnMistakes) {
  EXPECT_THROW(Router({{.name = "t", .description = "", .routes = {route("GET", "/a"), route("GET", "/a")}}}),
               std::logic_error);
  EXPECT_THROW(Router({{.name = "t", .description = "", .routes = {route("GET", "/{a}/b"), route("GET", "/{c}/d")}}}),
               std::logic_error);
  EXPECT_THROW(Router({{.name = "t", .description = "", .routes = {{.method = "GET", .path = "/a"}}}}),
               std::logic_error);
}

TEST(Router, ARouteThatForgetsItsRoleIsForAdministrators) { EXPECT_EQ(Route{}.role, Role::kAdmin); }

}  // namespace
}  // namespace postern::ems::api
