#include "base/text.h"
#include "ems/api/openapi.h"

#include <set>

#include "ems/api/api_lab.h"
#include "ems/api/resources/resources.h"

namespace postern::ems::testing {
namespace {

using api::Resource;
using api::Role;
using api::Route;

void nothing(const api::CallPtr&) {}

/// Where a pointer within the document leads; null: nowhere.
const json::value* follow(const json::value& document, std::string_view ref) {
  json::error_code error;
  if (!ref.starts_with("#/")) return nullptr;
  return document.find_pointer(json::string_view(ref.data() + 1, ref.size() - 1), error);
}

/// Every schema says what it is: a type, what it is put together from, or in words where anything may stand.
void check_schema(const json::value& document, const json::value& schema, const std::string& where) {
  const json::object* object = schema.if_object();
  ASSERT_NE(object, nullptr) << where;
  if (const json::value* ref = object->if_contains("$ref")) {
    EXPECT_NE(follow(document, std::string(ref->as_string())), nullptr) << where;
    return;
  }
  EXPECT_TRUE(object->contains("type") || object->contains("allOf") || object->contains("oneOf") ||
              object->contains("description"))
      << where;
  if (const json::value* properties = object->if_contains("properties")) {
    ASSERT_TRUE(properties->is_object()) << where;
    for (const auto& [name, member] : properties->get_object()) {
      check_schema(document, member, where + "." + std::string(name));
    }
    if (const json::value* required = object->if_contains("required")) {
      for (const auto& name : required->as_array()) {
        EXPECT_TRUE(properties->get_object().contains(name.as_string())) << where << " demands " << name;
      }
    }
  }
  if (const json::value* items = object->if_contains("items")) check_schema(document, *items, where + "[]");
  for (const char* several : {"allOf", "oneOf"}) {
    const json::value* list = object->if_contains(several);
    for (const auto& part : list == nullptr ? json::array() : list->as_array()) check_schema(document, part, where);
  }
}

class OpenApi : public ApiLab {
 protected:
  static std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
    return text;
  }
  OpenApi() {
    const Reply reply = nobody("GET", "/api/v1/openapi.json");
    EXPECT_EQ(reply.status, 200);
    document = reply.body;
  }
  json::value document;
};

TEST_F(OpenApi, IsServedToAnybodyAsAnOpenApiDocument) {
  ASSERT_TRUE(document.is_object());
  EXPECT_EQ(document.at("openapi"), "3.1.0");
  EXPECT_TRUE(document.at("info").at("version").is_string());
  EXPECT_TRUE(document.at("components").at("securitySchemes").at("token").is_object());
}

TEST_F(OpenApi, DescribesEveryRouteAndNothingElse) {
  std::set<std::string> routes, described;
  for (const Resource& resource : api::all_resources()) {
    for (const Route& route : resource.routes) {
      if (route.path.starts_with("/api/")) routes.insert(to_lower(route.method) + " " + route.path);
    }
  }
  for (const auto& [path, operations] : document.at("paths").as_object()) {
    for (const auto& [method, operation] : operations.as_object()) {
      described.insert(std::string(method) + " " + std::string(path));
    }
  }
  EXPECT_EQ(described, routes);
  // Those that scripts count on.
  for (const char* wanted :
       {"post /api/v1/auth/signin", "post /api/v1/invitations", "get /api/v1/endpoints", "get /api/v1/endpoints/{uid}",
        "post /api/v1/endpoints/{uid}/quarantine", "post /api/v1/endpoints/{uid}/unquarantine",
        "post /api/v1/endpoints/{uid}/deregister", "get /api/v1/endpoints/{uid}/vulnerabilities",
        "get /api/v1/endpoints/{uid}/history", "get /api/v1/endpoints/{uid}/facts",
        "get /api/v1/endpoints/{uid}/tags/{tag}/why", "get /api/v1/tags", "get /api/v1/tags/{name}",
        "put /api/v1/tags/{name}", "get /api/v1/tags/{name}/endpoints", "post /api/v1/tags/what-if",
        "get /api/v1/fabric-devices", "patch /api/v1/fabric-devices/{serial}", "get /api/v1/profiles",
        "get /api/v1/certificates/server", "get /api/v1/feeds", "get /api/v1/audit", "get /api/v1/changes"}) {
    EXPECT_TRUE(described.contains(wanted)) << wanted;
  }
}

TEST_F(OpenApi, EveryOperationSaysWhatItTakesAndGives) {
  std::set<std::string> ids, resources;
  for (const auto& tag : document.at("tags").as_array()) {
    EXPECT_FALSE(tag.at("description").as_string().empty()) << tag;
    EXPECT_TRUE(resources.emplace(tag.at("name").as_string()).second) << tag;
  }
  for (const auto& [path, operations] : document.at("paths").as_object()) {
    for (const auto& [method, operation] : operations.as_object()) {
      const std::string where = std::string(method) + " " + std::string(path);
      SCOPED_TRACE(where);
      const json::object& o = operation.as_object();
      EXPECT_FALSE(o.at("summary").as_string().empty());
      EXPECT_FALSE(o.at("summary").as_string().ends_with('.'));
      EXPECT_TRUE(ids.emplace(o.at("operationId").as_string()).second) << o.at("operationId");
      EXPECT_TRUE(resources.contains(std::string(o.at("tags").at(0).as_string())));
      std::set<std::string> in_path, declared;
      for (const std::string_view segment : split(std::string_view(path), '/')) {
        if (segment.starts_with('{')) in_path.emplace(segment.substr(1, segment.size() - 2));
      }
      for (const auto& parameter : o.contains("parameters") ? o.at("parameters").as_array() : json::array()) {
        check_schema(document, parameter.at("schema"), where + " " + std::string(parameter.at("name").as_string()));
        if (parameter.at("in") == "path") {
          declared.emplace(parameter.at("name").as_string());
          EXPECT_EQ(parameter.at("required"), true);
        } else {
          EXPECT_FALSE(parameter.at("description").as_string().empty()) << parameter;
        }
      }
      EXPECT_EQ(declared, in_path);
      EXPECT_FALSE(method == "get" && o.contains("requestBody"));
      if (o.contains("requestBody")) {
        const json::object& content = o.at("requestBody").at("content").as_object();
        if (content.contains("application/json")) {
          check_schema(document, content.at("application/json").at("schema"), where + " body");
        }
      }
      bool success = false;
      for (const auto& [status, response] : o.at("responses").as_object()) {
        EXPECT_FALSE(response.at("description").as_string().empty()) << status;
        success |= status.starts_with('2');
        if (status == "204") {
          EXPECT_FALSE(response.as_object().contains("content"));
        } else {
          ASSERT_TRUE(response.as_object().contains("content")) << status;
          for (const auto& [type, media] : response.at("content").as_object()) {
            check_schema(document, media.at("schema"), where + " " + std::string(status));
          }
        }
      }
      EXPECT_TRUE(success);
    }
  }
  for (const auto& [name, schema] : document.at("components").at("schemas").as_object()) {
    check_schema(document, schema, std::string(name));
  }
}

TEST_F(OpenApi, SaysWhoMayCall) {
  const auto& paths = document.at("paths");
  EXPECT_EQ(paths.at("/api/v1/auth/signin").at("post").at("security"), json::array{});
  EXPECT_EQ(paths.at("/api/v1/administrators").at("post").at("security"), json::parse(R"([{"session":[],"csrf":[]}])"));
  EXPECT_EQ(paths.at("/api/v1/tags").at("get").at("security"), json::parse(R"([{"token":[]},{"session":[]}])"));
  EXPECT_EQ(paths.at("/api/v1/tags").at("get").at("x-postern-role"), "readonly");
  EXPECT_EQ(paths.at("/api/v1/tags").at("post").at("x-postern-role"), "admin");
  EXPECT_TRUE(paths.at("/api/v1/tags").at("post").at("responses").as_object().contains("403"));
  EXPECT_FALSE(paths.at("/api/v1/tags").at("get").at("responses").as_object().contains("403"));
  EXPECT_EQ(paths.at("/api/v1/tags/what-if").at("post").at("x-postern-role"), "readonly");
}

/// Each operation is called with each kind of credentials: those that the document lists are enough, others are not.
TEST_F(OpenApi, CredentialsAreEnoughExactlyWhereItSaysSo) {
  Browser boss = sign_in();
  int tried = 0;
  for (const auto& [path, operations] : document.at("paths").as_object()) {
    std::string target(path);
    for (auto open = target.find('{'); open != target.npos; open = target.find('{')) {
      target.replace(open, target.find('}') - open + 1, "x");
    }
    for (const auto& [name, operation] : operations.as_object()) {
      const std::string method = upper(std::string(name));
      SCOPED_TRACE(method + " " + target);
      const json::array& security = operation.at("security").as_array();
      const auto listed = [&](const json::object& kind) {
        return security.empty() || std::ranges::find(security, json::value(kind)) != security.end();
      };
      const auto refused = [](const Reply& reply) {
        EXPECT_NE(reply.status, 0);
        return reply.status == 401 || reply.status == 403;
      };
      const auto by_cookie = [&](bool csrf) {
        if (browse(boss, "GET", "/api/v1/auth/session").status == 401)
          boss = sign_in();  // signed out by what was called
        auto r = request(method, target, method == "GET" ? "" : "{}");
        r.headers.add("Cookie", boss.cookie);
        if (csrf) r.headers.add("X-CSRF-Token", boss.csrf_token);
        return send_request(r);
      };
      const json::object token{{"token", json::array{}}}, session{{"session", json::array{}}};
      const json::object with_csrf{{"session", json::array{}}, {"csrf", json::array{}}};
      EXPECT_EQ(refused(nobody(method, target, "{}")), !security.empty());
      EXPECT_EQ(refused(call(method, target, method == "GET" ? "" : "{}")), !listed(token));
      EXPECT_EQ(refused(by_cookie(false)), !listed(session));
      EXPECT_EQ(refused(by_cookie(true)), !(listed(session) || listed(with_csrf)));
      ++tried;
    }
  }
  EXPECT_GT(tried, 40);
}

/// Lists of the same answer differ in nothing from what is described: each member that is demanded is there.
TEST_F(OpenApi, AnswersHaveWhatIsDemandedOfThem) {
  TestAgent a;
  join(a);
  TestGateway g("PGW0000000000001", 5);
  connect(g);
  Feed feed{"feed", "osv", 1, "", clock.now().wall, ""};
  feed.given = true;
  core->set_matching(clock.now(), nullptr, {feed});
  ASSERT_EQ(post("/api/v1/risks", R"({"cve":"CVE-2099-1","reason":"r","expires_at":"2026-06-28T00:00:00Z"})").status, 201);
  settle();
  const auto demanded = [&](const std::string& component, const json::value& answer) {
    const json::value& schema = document.at("components").at("schemas").at(component);
    json::array parts = schema.as_object().contains("allOf") ? schema.at("allOf").as_array() : json::array{schema};
    for (json::value part : parts) {
      if (const json::value* ref = part.as_object().if_contains("$ref")) {
        const std::string where(ref->as_string());
        part = *follow(document, where);
      }
      for (const auto& name : part.at("required").as_array()) {
        EXPECT_TRUE(answer.as_object().contains(name.as_string())) << component << " without " << name;
      }
      for (const auto& [name, value] : answer.as_object()) {
        const bool described = parts.size() > 1 || part.at("properties").as_object().contains(name);
        EXPECT_TRUE(described) << component << "." << name;
      }
    }
  };
  for (const auto& [path, component] : std::map<std::string, std::string>{
           {"/api/v1/tags", "Tag"},
           {"/api/v1/tags/all_registered_clients/endpoints", "TagEndpoint"},
           {"/api/v1/fabric-devices", "FabricDevice"},
           {"/api/v1/profiles", "Profile"},
           {"/api/v1/certificates/server", "ServerCertificate"},
           {"/api/v1/feeds", "Feed"},
           {"/api/v1/risks", "Risk"},
           {"/api/v1/audit", "AuditEntry"},
           {"/api/v1/changes", "Change"}}) {
    const Reply reply = get(path);
    ASSERT_FALSE(reply.items().empty()) << path;
    demanded(component, reply.items()[0]);
  }
  core->show_feed_state(clock.now(), "feed", FeedState::kReading, {});
  demanded("Work", get("/api/v1/ems").at("work").as_array().at(0));
  demanded("AuditPage", get("/api/v1/audit").body);
  demanded("ChangePage", get("/api/v1/changes").body);
  demanded("TagsApplied", post("/api/v1/tags/apply", R"({"tags":[{"name":"x"}],"dry_run":true})").body);
  demanded("TagWhatIf", post("/api/v1/tags/what-if", R"({"name":"x"})").body);
}

TEST(OpenApiDocument, RefusesItsOwnMistakes) {
  const auto resource = [](std::string_view schemas, std::string result) {
    return Resource{.name = "t",
                    .description = "d",
                    .routes = {{.method = "GET", .path = "/api/v1/t", .handler = nothing, .result = std::move(result)}},
                    .schemas = schemas};
  };
  EXPECT_NO_THROW(api::openapi_document({resource(R"({"T": {"type": "object"}})", "T")}, "1"));
  EXPECT_THROW(api::openapi_document({resource("{", "T")}, "1"), std::logic_error);
  EXPECT_THROW(api::openapi_document({resource("[]", "T")}, "1"), std::logic_error);
  EXPECT_THROW(api::openapi_document({resource(R"({"T": {}})", "U")}, "1"), std::logic_error);
  const Resource twice = resource(R"({"T": {}})", "T");
  EXPECT_THROW(api::openapi_document({twice, twice}, "1"), std::logic_error);
}

}  // namespace
}  // namespace postern::ems::testing
