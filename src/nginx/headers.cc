#include <algorithm>
#include <cstdint>

#include "nginx/request.h"

namespace postern::nginx {
namespace {

constexpr std::string_view kPrefixes[] = {
    "x-ssl-",      "ssl-client-",  "x-client-cert", "x-client-verify", "x-client-dn",
    "client-cert", "x-forwarded-", "x-postern-",    "x-original-",     "x-rewrite-"};
constexpr std::string_view kNames[] = {
    "forwarded",          "x-real-ip",        "x-remote-user",          "remote-user",
    "x-tls-client-cert",  "x-arr-clientcert", "x-amzn-mtls-clientcert", "proxy",
    "proxy-authenticate", "true-client-ip",   "cf-connecting-ip",       "x-client-ip",
    "x-cluster-client-ip"};

/// One bit per first letter of the names above: most headers begin with another.
constexpr std::uint32_t first_letters() {
  std::uint32_t out = 0;
  for (const auto name : kPrefixes) out |= 1u << (name.front() - 'a');
  for (const auto name : kNames) out |= 1u << (name.front() - 'a');
  return out;
}
constexpr std::uint32_t kFirstLetters = first_letters();

}  // namespace

bool untrusted_header(std::string_view name) {
  if (name.empty() || name.front() < 'a' || name.front() > 'z' ||
      (kFirstLetters >> (name.front() - 'a') & 1) == 0)
    return false;
  return std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [&](auto p) { return name.starts_with(p); }) ||
         std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

ngx_int_t strip_untrusted_headers(ngx_http_request_t* r) {
  bool any = false;
  const auto each = [&](auto&& what) {
    for (auto* part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
      auto* header = static_cast<ngx_table_elt_t*>(part->elts);
      for (ngx_uint_t i = 0; i < part->nelts; ++i) what(header[i]);
    }
  };
  const auto bad = [](const ngx_table_elt_t& h) {
    return h.lowcase_key != nullptr &&
           untrusted_header({reinterpret_cast<const char*>(h.lowcase_key), h.key.len});
  };
  each([&](const ngx_table_elt_t& h) { any = any || bad(h); });
  if (!any) return NGX_OK;
  // A new list of those that may stay. The old elements stay where they are: nginx holds pointers
  // to some of them.
  ngx_list_t kept;
  if (ngx_list_init(&kept, r->pool, 20, sizeof(ngx_table_elt_t)) != NGX_OK) return NGX_ERROR;
  bool failed = false;
  each([&](const ngx_table_elt_t& h) {
    if (bad(h)) return;
    auto* copy = static_cast<ngx_table_elt_t*>(ngx_list_push(&kept));
    if (copy == nullptr) {
      failed = true;
    } else {
      *copy = h;
    }
  });
  if (failed) return NGX_ERROR;
  auto& list = r->headers_in.headers;
  list = kept;
  // The list's last part is its first as long as one was enough; that one lives in the list itself.
  if (kept.last == &kept.part) list.last = &list.part;
  return NGX_OK;
}

}  // namespace postern::nginx
