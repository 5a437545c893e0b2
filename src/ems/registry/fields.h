#pragma once
// Reading members of a stored JSON object: the first that is missing or of the wrong kind is remembered and named.
#include <boost/json.hpp>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hex.h"
#include "base/result.h"
#include "base/sha256.h"

namespace postern::ems::codec {

class Fields {
 public:
  explicit Fields(std::string_view row) {
    boost::system::error_code error;
    auto value = boost::json::parse({row.data(), row.size()}, error);
    if (error || !value.is_object()) {
      problem_ = "not a JSON object";
    } else {
      object_ = std::move(value.get_object());
    }
  }
  explicit Fields(const boost::json::value& value) {
    if (value.is_object()) {
      object_ = value.get_object();
    } else {
      problem_ = "not a JSON object";
    }
  }

  std::string text(std::string_view name) {
    const auto* v = get(name);
    if (v == nullptr || !v->is_string()) return miss(name), std::string();
    return std::string(v->get_string());
  }
  std::int64_t integer(std::string_view name) {
    const auto* v = get(name);
    boost::system::error_code error;
    const auto n = v == nullptr ? 0 : v->to_number<std::int64_t>(error);
    if (v == nullptr || error) miss(name);
    return error ? 0 : n;
  }
  std::uint64_t unsigned_integer(std::string_view name) {
    const auto* v = get(name);
    boost::system::error_code error;
    const auto n = v == nullptr ? 0 : v->to_number<std::uint64_t>(error);
    if (v == nullptr || error) miss(name);
    return error ? 0 : n;
  }
  bool boolean(std::string_view name) {
    const auto* v = get(name);
    if (v == nullptr || !v->is_bool()) return miss(name), false;
    return v->get_bool();
  }
  WallTime time(std::string_view name) { return from_unix_ms(integer(name)); }
  Bytes bytes(std::string_view name) {
    auto decoded = from_base64(text(name));
    if (!decoded) return miss(name), Bytes();
    return std::move(*decoded);
  }
  Sha256 digest(std::string_view name) {
    const auto decoded = from_hex(text(name));
    Sha256 out{};
    if (!decoded || decoded->size() != out.size()) return miss(name), out;
    std::memcpy(out.data(), decoded->data(), out.size());
    return out;
  }
  const boost::json::array& list(std::string_view name) {
    static const boost::json::array kEmpty;
    const auto* v = get(name);
    if (v == nullptr || !v->is_array()) return miss(name), kEmpty;
    return v->get_array();
  }
  const boost::json::object& object(std::string_view name) {
    static const boost::json::object kEmpty;
    const auto* v = get(name);
    if (v == nullptr || !v->is_object()) return miss(name), kEmpty;
    return v->get_object();
  }
  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> out;
    for (const auto& v : list(name)) {
      if (v.is_string()) {
        out.emplace_back(v.get_string());
      } else {
        miss(name);
      }
    }
    return out;
  }
  /// There and not null.
  bool has(std::string_view name) const {
    const auto* v = object_.if_contains({name.data(), name.size()});
    return v != nullptr && !v->is_null();
  }
  void miss(std::string_view name) {
    if (problem_.empty()) problem_ = "member \"" + std::string(name) + "\" is missing or damaged";
  }
  Status status() const {
    if (problem_.empty()) return {};
    return fail(ErrorCode::kDataLoss, problem_);
  }

 private:
  const boost::json::value* get(std::string_view name) const { return object_.if_contains({name.data(), name.size()}); }
  boost::json::object object_;
  std::string problem_;
};

}  // namespace postern::ems::codec
