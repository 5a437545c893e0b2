#include "cli/endpoint_ref.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/ids.h"
#include "base/text.h"
#include "cli/json_view.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

/// A host name that thousands hold within theirs is looked for this far.
constexpr std::size_t kMostRead = 50'000;
constexpr std::size_t kMostNamed = 8;

/// Of 4 digits at least: a shorter one is more likely a name.
bool beginning_of_uid(std::string_view text) {
  return text.size() >= 4 && text.size() <= 32 && text.find_first_not_of("0123456789abcdefABCDEF") == text.npos;
}

std::string candidates(const std::vector<const json::value*>& list) {
  std::string out;
  for (std::size_t i = 0; i < list.size() && i < kMostNamed; ++i) {
    const json::value& e = *list[i];
    const std::string state = !is_true(e, "registered") ? text_at(e, "registration")
                              : is_true(e, "online")    ? "online"
                                                        : "offline";
    out += fmt::format("\n  {}  {}  {}", text_at(e, "uid"), endpoint_name(e), state);
  }
  if (list.size() > kMostNamed) out += fmt::format("\n  and {} more", list.size() - kMostNamed);
  return out;
}

Error none_called(const std::string& text, const json::array& close) {
  std::string message = fmt::format("there is no endpoint \"{}\"", one_line(text));
  std::vector<std::string> names;
  for (const json::value& e : close) {
    if (names.size() < 3 && !text_at(e, "host_name").empty()) names.push_back(endpoint_name(e));
  }
  message += names.empty() ? "; postern endpoints lists them" : "; did you mean " + join(names, " or ") + "?";
  return {ErrorCode::kNotFound, std::move(message)};
}

}  // namespace

std::string endpoint_name(const json::value& endpoint) {
  const std::string name = one_line(text_at(endpoint, "host_name"));
  return name.empty() ? text_at(endpoint, "uid") : name;
}

Result<json::value> find_endpoint(Session& session, std::string_view given) {
  const auto api = session.api();
  if (!api) return fail(api.error());
  const std::string text(trim(given));
  if (text.empty()) return fail(ErrorCode::kNotFound, "which endpoint? Its name is empty");
  if (const EndpointUid uid = parse_endpoint_uid(text); !uid.empty()) return (*api)->get("endpoints/" + uid.str());
  const auto page = (*api)->list("endpoints", {{"q", text}, {"sort", "host_name"}}, kMostRead);
  if (!page) return fail(page.error());
  const json::array& all = list_at(*page, "items");
  std::vector<const json::value*> named, begun;
  const std::string lower = to_lower(text);
  for (const json::value& e : all) {
    if (to_lower(text_at(e, "host_name")) == lower) named.push_back(&e);
    if (beginning_of_uid(text) && to_lower(text_at(e, "uid")).starts_with(lower)) begun.push_back(&e);
  }
  std::vector<const json::value*>& found = named.empty() ? begun : named;
  if (found.empty()) return fail(none_called(text, all));
  if (found.size() > 1) {
    // Whoever enrolled anew has an old record beside the one that counts.
    std::vector<const json::value*> registered = found;
    std::erase_if(registered, [](const json::value* e) { return !is_true(*e, "registered"); });
    if (registered.size() != 1) {
      return fail(ErrorCode::kConflict, fmt::format("{} endpoints fit \"{}\"; name one by its UID:{}", found.size(),
                                                    one_line(text), candidates(found)));
    }
    found = registered;
  }
  return *found.front();
}

Result<std::vector<std::string>> endpoint_names(Session& session, const json::array& uids, std::size_t count) {
  const auto api = session.api();
  if (!api) return fail(api.error());
  std::vector<std::string> out;
  for (std::size_t i = 0; i < uids.size() && i < count; ++i) {
    const std::string uid = in_a_line(uids[i]);
    const auto safe = segment("endpoint", uid);
    if (!safe) return fail(safe.error());
    const auto endpoint = (*api)->get("endpoints/" + *safe);
    out.push_back(endpoint ? endpoint_name(*endpoint) : uid);
  }
  return out;
}

}  // namespace postern::cli
