#include "cli/risk_ref.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/json_view.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kIdBegins = "rsk-";
constexpr std::size_t kMostRisksNamed = 8;

std::string risks_that_fit(const std::vector<const json::value*>& list) {
  std::string out;
  for (std::size_t i = 0; i < list.size() && i < kMostRisksNamed; ++i) {
    const json::value& risk = *list[i];
    out += fmt::format("\n  {}  {}{}", one_line(text_at(risk, "id")), risk_text(risk),
                       text_at(risk, "state") == "expired" ? ", expired" : "");
  }
  if (list.size() > kMostRisksNamed) out += fmt::format("\n  and {} more", list.size() - kMostRisksNamed);
  return out;
}

}  // namespace

std::string vulnerability_id(std::string_view text) {
  std::string out(trim(text));
  if (!to_lower(out).starts_with("cve-")) return out;
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return out;
}

std::string risk_package(const json::value& risk) {
  const std::string source = one_line(text_at(risk, "source")), version = one_line(text_at(risk, "version"));
  return (source.empty() ? "any" : source) + (version.empty() ? "" : " " + version);
}

std::string risk_endpoints(const json::value& risk) {
  const std::string name = one_line(text_at(risk, "host_name"));
  return name.empty() ? one_line(text_at(risk, "scope")) : name;
}

std::string risk_text(const json::value& risk) {
  const std::string endpoints = risk_endpoints(risk), version = one_line(text_at(risk, "version"));
  std::string package = risk_package(risk);
  if (text_at(risk, "source").empty()) package = "any package" + (version.empty() ? "" : " of version " + version);
  return fmt::format("{} in {} on {}", one_line(text_at(risk, "cve")), package, endpoints == "all" ? "all endpoints" : endpoints);
}

Result<FoundRisk> find_risk(Session& session, std::string_view given) {
  const auto api = session.api();
  if (!api) return fail(api.error());
  const std::string text(trim(given)), lower = to_lower(text);
  const auto page = (*api)->list("risks", {}, 0);
  if (!page) return fail(page.error());
  std::vector<const json::value*> found;
  const bool by_id = lower.starts_with(kIdBegins) && lower.size() > kIdBegins.size();
  for (const json::value& risk : list_at(*page, "items")) {
    if (by_id ? to_lower(text_at(risk, "id")).starts_with(lower) : to_lower(text_at(risk, "cve")) == lower) found.push_back(&risk);
  }
  if (found.empty()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no accepted risk \"{}\"; postern risks lists them, with their ids (RSK-...)", one_line(text)));
  }
  if (found.size() > 1 && !by_id) {
    // What has expired is still listed beside the one that counts.
    std::vector<const json::value*> in_force = found;
    std::erase_if(in_force, [](const json::value* risk) { return text_at(*risk, "state") == "expired"; });
    if (in_force.size() == 1) found = in_force;
  }
  if (found.size() > 1) {
    return fail(ErrorCode::kConflict, fmt::format("{} accepted risks fit \"{}\"; name one by its id:{}", found.size(), one_line(text),
                                                  risks_that_fit(found)));
  }
  FoundRisk out{std::make_shared<const json::value>(*found.front()), {}};
  for (const json::value& risk : list_at(*page, "items")) {
    const bool same = text_at(risk, "cve") == text_at(*out.risk, "cve") && text_at(risk, "id") != text_at(*out.risk, "id");
    if (same && text_at(risk, "state") == "in_force") out.others.push_back(one_line(text_at(risk, "id")));
  }
  return out;
}

}  // namespace postern::cli
