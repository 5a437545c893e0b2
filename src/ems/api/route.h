#pragma once
// What a route is: described once, as data. From this description come routing, the demanded role, the check of query
// and body, and the OpenAPI document.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace postern::ems::api {

class Call;
using CallPtr = std::shared_ptr<Call>;
/// Answers the call once, now or later on the loop's thread. Holding the CallPtr keeps the request alive.
using Handler = void (*)(const CallPtr&);

/// Who may call. Ordered: an administrator may do all that a reader may.
enum class Role : std::uint8_t {
  kAdmin,     ///< The default of a Route, so that a forgotten role locks and never opens.
  kReadonly,
  kAnyone,    ///< Nobody has to have proved anything.
};

enum class FieldType : std::uint8_t { kText, kInteger, kBoolean, kTexts, kScalar /* text, integer or boolean */ };

/// One query parameter or one member of a JSON body.
struct Field {
  std::string name = {};
  FieldType type = FieldType::kText;
  std::string description = {};
  bool required = false;
  /// Length of a text in bytes, value of an integer, count of a list (whose texts are of 1..255 bytes).
  std::int64_t min = 0;
  std::int64_t max = 255;
  std::vector<std::string> values = {};  ///< Of a text or of a list's texts: nothing else is accepted. Empty: any.
  bool multiline = false;           ///< A text that may hold line breaks and tabs.
};

enum class BodyKind : std::uint8_t {
  kNone,    ///< Empty, or an empty JSON object.
  kFields,  ///< A JSON object of exactly `Route::body`.
  kJson,    ///< JSON that the handler reads itself; `Route::body_schema` names its component.
  kBytes,   ///< Anything; the handler reads it.
  kForm,    ///< application/x-www-form-urlencoded with `Route::body` (the pages, without JavaScript).
};

struct Route {
  std::string method = {};          ///< "GET", "POST", "PUT", "PATCH", "DELETE".
  std::string path = {};            ///< "/api/v1/endpoints/{uid}": a parameter is one whole segment.
  Role role = Role::kAdmin;
  bool session_only = false;        ///< For people who signed in; API tokens are refused whatever their role.
  Handler handler = nullptr;
  std::string summary = {};         ///< One line for people, without a full stop.
  std::vector<Field> query = {};
  BodyKind body_kind = BodyKind::kNone;
  std::vector<Field> body = {};
  std::string body_schema = {};
  std::size_t max_body = 64u << 10;
  int success = 200;                ///< 204: no body.
  std::string result = {};          ///< Component of the answer (of an item of it, for a list).
  bool list = false;
  bool if_match = false;            ///< Takes the header If-Match with the version that is meant, else 412.
};

/// One noun of the API: its routes, and the components its answers are made of.
struct Resource {
  std::string name;                 ///< "endpoints": the OpenAPI tag.
  std::string description;
  std::vector<Route> routes;
  std::string_view schemas = {};    ///< A JSON object of OpenAPI component schemas.
};

/// q, sort, limit and cursor of every list, and the filters given.
std::vector<Field> list_query(std::vector<std::string> sorts, std::vector<Field> filters = {});

inline constexpr std::int64_t kMaxLimit = 1000;
inline constexpr std::int64_t kDefaultLimit = 100;

}  // namespace postern::ems::api
