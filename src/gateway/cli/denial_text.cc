#include "gateway/cli/denial_text.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "gateway/cli/one_line.h"

namespace postern::gateway::cli {

namespace json = boost::json;

std::string denial_field(const json::object& line, std::string_view name) {
  const auto* value = line.if_contains(name);
  if (value == nullptr) return {};
  if (const auto* string = value->if_string()) return std::string(*string);
  if (const auto* list = value->if_array()) {
    std::string out;
    for (const auto& item : *list) {
      if (item.is_string()) out += (out.empty() ? "" : ", ") + std::string(item.get_string());
    }
    return out;
  }
  return json::serialize(*value);
}

namespace {

/// "name (number)", as far as it is known.
std::string with(std::string first, const std::string& second) {
  if (first.empty()) return second;
  return second.empty() ? first : first + " (" + second + ')';
}

}  // namespace

std::string denial_text(const json::object& line) {
  const auto get = [&](std::string_view name) { return denial_field(line, name); };
  std::string out;
  const auto add = [&](std::string_view label, std::string value) {
    value = one_line(value);
    out += fmt::format("{}{}{}\n", label, value.empty() ? "" : " ", value);
  };
  const bool cut = get("action") == "cut";
  add(cut ? "Cut:" : "Denial:", get("id"));
  add("Time:", get("time"));
  add("Reason:", with(get("reason"), get("reason_name")));
  add("Text:", get("msg"));
  if (const auto detail = get("detail"); !detail.empty()) add("Detail:", detail);
  if (const auto tags = get("tags"); !tags.empty()) add("Tags:", tags);
  const auto policy = get("policyid");
  add("Policy:", policy.empty() || policy == "0" ? "none" : with(policy, get("policyname")));
  add("Access proxy:", get("accessproxy"));
  add("Request:", get("method") + ' ' + get("hostname") + get("path"));
  const auto port = get("srcport");
  const auto interface = get("srcintf");
  add("Source:", get("srcip") + (port.empty() ? "" : " port " + port) + (interface.empty() ? "" : " by " + interface));
  const auto uid = get("clientdeviceid");
  add("Endpoint:", uid.empty() ? "not known" : with(uid, get("clientdevicename")));
  if (const auto ems = get("clientdeviceems"); !ems.empty()) add("EMS:", ems);
  const auto certificate = get("clientcert_sha256");
  add("Client certificate (SHA-256):", certificate.empty() ? "none that verified" : certificate);
  return out;
}

}  // namespace postern::gateway::cli
