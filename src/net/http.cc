#include "net/http.h"

namespace postern::net {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace

void HttpHeaders::set(std::string_view name, std::string value) {
  for (auto& [field, old] : fields_) {
    if (!same_name(field, name)) continue;
    old = std::move(value);
    return;
  }
  fields_.emplace_back(std::string(name), std::move(value));
}

const std::string* HttpHeaders::find(std::string_view name) const {
  for (const auto& [field, value] : fields_) {
    if (same_name(field, name)) return &value;
  }
  return nullptr;
}

std::size_t HttpHeaders::count(std::string_view name) const {
  std::size_t n = 0;
  for (const auto& [field, value] : fields_) n += same_name(field, name);
  return n;
}

}  // namespace postern::net
