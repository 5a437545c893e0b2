// ngx_http_postern_module: directives, variables and the places where nginx calls us.
//
//   postern_shm <directory>;      http: where ec-shm, the policies and the gateway's socket are
//   postern_proxy <number>|off;   http, server, location: judge requests by this access proxy's
//   policies
//   postern_refused;              location: our page for what nginx refuses before the access phase,
//                                 e.g. error_page 421 495 496 /.postern/refused;
//   postern_through <pool> <@name> [forwards];  http: requests that are led to this pool go through the named location
//                                 of their server, and not through the one that their path chose; "forwards": to the
//                                 destination that their query names, by which they are logged
//   postern_through_grpc <pool> <@name>;  http: likewise, those of gRPC
//   postern_more <@name>;         http: of other pools, those that upgrade their connection or have a body go through it
//   postern_by_name;              upstream: see nginx/real_server.h
//   postern_server, postern_balance  upstream: see nginx/balance.h
//   postern_pool;                 upstream: see nginx/pools.h
//   postern_host <pool> <host>;   http: see nginx/translation.h
//   postern_failed;               location: our plain page for what nginx can't serve, e.g.
//                                 error_page 400 502 504 /.postern/failed;
//
// Variables: $postern_pool (the real servers' number), $postern_host (the Host header to send upstream), $postern_client_host
// (the client's), $postern_server (the server's name in what is sent, in lower case, without port), $postern_endpoint (SHA-256
// of the client's certificate; empty: none was shown that verified), $postern_upgrade and
// $postern_connection (what to send upstream as Upgrade and Connection: a WebSocket's, "close" with
// a body, or nothing).
#include <algorithm>
#include <string>

#include "base/hex.h"
#include "nginx/balance.h"
#include "nginx/client_chain.h"
#include "nginx/grpc.h"
#include "nginx/main_conf.h"
#include "nginx/ngx.h"
#include "nginx/pools.h"
#include "nginx/real_server.h"
#include "nginx/request.h"
#include "nginx/translation.h"
#include "nginx/worker.h"
#include "policy/translate_host.h"

extern "C" {
extern ngx_module_t ngx_http_postern_module;
}

namespace postern::nginx {
namespace {

struct LocationConf {
  ngx_uint_t proxy;  // 0: off.
};

void* create_main_conf(ngx_conf_t* cf) {
  auto* conf = static_cast<MainConf*>(ngx_pcalloc(cf->pool, sizeof(MainConf)));
  if (conf == nullptr) return nullptr;
  for (auto* array : {&conf->through, &conf->grpc, &conf->hosts}) {
    if (ngx_array_init(array, cf->pool, 4, sizeof(OfPool)) != NGX_OK) return nullptr;
  }
  return conf;
}

char* init_main_conf(ngx_conf_t*, void* conf) {
  const auto& main = *static_cast<MainConf*>(conf);
  for (const auto all : {all_of(main.through), all_of(main.grpc), all_of(main.hosts)})
    std::sort(all.begin(), all.end(), [](const OfPool& a, const OfPool& b) { return a.pool < b.pool; });
  return NGX_CONF_OK;
}

void* create_location_conf(ngx_conf_t* cf) {
  auto* conf = static_cast<LocationConf*>(ngx_pcalloc(cf->pool, sizeof(LocationConf)));
  if (conf != nullptr) conf->proxy = NGX_CONF_UNSET_UINT;
  return conf;
}

char* merge_location_conf(ngx_conf_t*, void* parent, void* child) {
  auto* from = static_cast<LocationConf*>(parent);
  auto* to = static_cast<LocationConf*>(child);
  if (to->proxy == NGX_CONF_UNSET_UINT)
    to->proxy = from->proxy == NGX_CONF_UNSET_UINT ? 0 : from->proxy;
  return NGX_CONF_OK;
}

char* error(const char* text) { return const_cast<char*>(text); }

char* set_shm(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* main = static_cast<MainConf*>(conf);
  auto* value = static_cast<ngx_str_t*>(cf->args->elts);
  if (main->dir.len != 0) return error("is duplicate");
  main->dir = value[1];
  if (main->dir.len == 0) return error("needs a directory");
  if (ngx_conf_full_name(cf->cycle, &main->dir, 0) != NGX_OK)
    return static_cast<char*>(NGX_CONF_ERROR);
  return NGX_CONF_OK;
}

char* set_proxy(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* location = static_cast<LocationConf*>(conf);
  auto* value = static_cast<ngx_str_t*>(cf->args->elts);
  if (location->proxy != NGX_CONF_UNSET_UINT) return error("is duplicate");
  if (to_view(value[1]) == "off") {
    location->proxy = 0;
    return NGX_CONF_OK;
  }
  const auto number = ngx_atoi(value[1].data, value[1].len);
  if (number == NGX_ERROR || number <= 0 || number > 0xffffffff)
    return error("needs an access proxy's number or \"off\"");
  location->proxy = static_cast<ngx_uint_t>(number);
  return NGX_CONF_OK;
}

char* add_through(ngx_conf_t* cf, ngx_array_t& all) {
  auto* value = static_cast<ngx_str_t*>(cf->args->elts);
  if (!to_view(value[2]).starts_with('@')) return error("needs a named location");
  const bool forwards = cf->args->nelts > 3;
  if (forwards && to_view(value[3]) != "forwards") return error("knows \"forwards\" alone");
  char* added = add_of_pool(cf, all);
  if (added == NGX_CONF_OK) all_of(all).back().forwards = forwards;
  return added;
}

char* set_through(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  return add_through(cf, static_cast<MainConf*>(conf)->through);
}

char* set_through_grpc(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  return add_through(cf, static_cast<MainConf*>(conf)->grpc);
}

char* set_more(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto& more = static_cast<MainConf*>(conf)->more;
  const auto name = static_cast<ngx_str_t*>(cf->args->elts)[1];
  if (more.len != 0) return error("is duplicate");
  if (!to_view(name).starts_with('@')) return error("needs a named location");
  more = name;
  return NGX_CONF_OK;
}

const LocationConf* location_conf(ngx_http_request_t* r) {
  return static_cast<LocationConf*>(ngx_http_get_module_loc_conf(r, ngx_http_postern_module));
}

ngx_int_t on_refused(ngx_http_request_t* r) noexcept {
  return handle_refused(r, static_cast<std::uint32_t>(location_conf(r)->proxy));
}

ngx_int_t on_failed(ngx_http_request_t* r) noexcept { return handle_failed(r); }

/// A request that was let through goes to where its real servers are spoken to, if that isn't where it is already.
ngx_int_t go_through(ngx_http_request_t* r) {
  const auto& main = main_conf(r);
  const auto* core = static_cast<ngx_http_core_loc_conf_t*>(ngx_http_get_module_loc_conf(r, ngx_http_core_module));
  const auto* state = core->named ? nullptr : find_state(r);
  if (state == nullptr || state->stage != RequestState::Stage::kAllowed) return NGX_DECLINED;
  const bool forwards = forwards_tcp(r, state->decision.pool);
  const bool grpc = is_grpc(r) && !forwards;
  const auto* through = find_pool(grpc ? main.grpc : main.through, state->decision.pool);
  if (through == nullptr) {
    if (main.more.len == 0 || (!has_body(r) && !wants_websocket(r))) return NGX_DECLINED;
    auto location = main.more;
    ngx_http_finalize_request(r, ngx_http_named_location(r, &location));
    return NGX_DONE;
  }
  // Its servers are asked for by a name, and their certificates have to be for it.
  if (r->headers_in.server.len == 0 && !grpc) return NGX_HTTP_BAD_REQUEST;
  auto location = through->text;
  ngx_http_finalize_request(r, ngx_http_named_location(r, &location));
  return NGX_DONE;
}

ngx_int_t on_access(ngx_http_request_t* r) noexcept {
  const auto proxy = location_conf(r)->proxy;
  // A subrequest belongs to a request that was judged; the page for refused ones is nobody's
  // secret.
  if (r != r->main || proxy == 0 || r->content_handler == on_refused || r->content_handler == on_failed)
    return NGX_DECLINED;
  const auto rc = handle_access(r, static_cast<std::uint32_t>(proxy));
  return rc == NGX_DECLINED ? go_through(r) : rc;
}

char* set_refused(ngx_conf_t* cf, ngx_command_t*, void*) {
  auto* core = static_cast<ngx_http_core_loc_conf_t*>(
      ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
  core->handler = on_refused;
  return NGX_CONF_OK;
}

char* set_failed(ngx_conf_t* cf, ngx_command_t*, void*) {
  auto* core = static_cast<ngx_http_core_loc_conf_t*>(
      ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
  core->handler = on_failed;
  return NGX_CONF_OK;
}

// ---- variables

/// Of text that nginx's configuration holds.
ngx_str_t from_view(std::string_view text) {
  return {text.size(), reinterpret_cast<u_char*>(const_cast<char*>(text.data()))};
}

void give(ngx_http_variable_value_t* v, ngx_str_t value) {
  v->len = static_cast<unsigned>(value.len) & 0xfffffff;
  v->data = value.data;
  v->valid = 1;
  v->no_cacheable = 1;
  v->not_found = 0;
}

ngx_int_t pool_variable(ngx_http_request_t* r, ngx_http_variable_value_t* v, uintptr_t) noexcept {
  const auto* state = find_state(r);
  give(v, to_pool(r->pool, std::to_string(state != nullptr ? state->decision.pool : 0)));
  return NGX_OK;
}

/// The Host header, which names the server that was judged; that server where there is none.
ngx_int_t client_host_variable(ngx_http_request_t* r, ngx_http_variable_value_t* v, uintptr_t) noexcept {
  give(v, r->headers_in.host != nullptr ? r->headers_in.host->value : r->headers_in.server);
  return NGX_OK;
}

/// For the application: likewise, or the name by which it knows that host.
ngx_int_t host_variable(ngx_http_request_t* r, ngx_http_variable_value_t* v, uintptr_t data) noexcept {
  const auto host = translated_host(r);
  if (host.empty()) return client_host_variable(r, v, data);
  give(v, from_view(host));
  return NGX_OK;
}

ngx_int_t server_variable(ngx_http_request_t* r, ngx_http_variable_value_t* v, uintptr_t) noexcept {
  const auto host = translated_host(r);
  give(v, host.empty() ? r->headers_in.server : from_view(policy::without_port(host)));
  return NGX_OK;
}

/// Of the client's certificate, if it verified: one that nobody vouches for is anybody's to make.
ngx_int_t endpoint_variable(ngx_http_request_t* r, ngx_http_variable_value_t* v, uintptr_t) noexcept {
  const auto* state = find_state(r);
  const bool known = state != nullptr && state->connection->certificate == policy::Certificate::kVerified;
  give(v, known ? to_pool(r->pool, to_hex_lower(state->connection->leaf)) : ngx_str_t ngx_null_string);
  return NGX_OK;
}

ngx_int_t upgrade_variable(ngx_http_request_t* r, ngx_http_variable_value_t* v,
                           uintptr_t) noexcept {
  ngx_str_t yes = ngx_string("websocket"), no = ngx_null_string;
  give(v, wants_websocket(r) ? yes : no);
  return NGX_OK;
}

ngx_int_t connection_variable(ngx_http_request_t* r, ngx_http_variable_value_t* v,
                              uintptr_t) noexcept {
  ngx_str_t upgrade = ngx_string("upgrade"), close = ngx_string("close"), no = ngx_null_string;
  give(v, has_body(r) ? close : wants_websocket(r) ? upgrade : no);
  return NGX_OK;
}

ngx_int_t add_variables(ngx_conf_t* cf) noexcept {
  struct {
    ngx_str_t name;
    ngx_http_get_variable_pt get;
  } const variables[] = {{ngx_string("postern_pool"), pool_variable},
                         {ngx_string("postern_host"), host_variable},
                         {ngx_string("postern_client_host"), client_host_variable},
                         {ngx_string("postern_server"), server_variable},
                         {ngx_string("postern_endpoint"), endpoint_variable},
                         {ngx_string("postern_upgrade"), upgrade_variable},
                         {ngx_string("postern_connection"), connection_variable}};
  for (const auto& variable : variables) {
    auto name = variable.name;
    auto* v = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
    if (v == nullptr) return NGX_ERROR;
    v->get_handler = variable.get;
  }
  return NGX_OK;
}

// ---- hooks

ngx_int_t add_handlers(ngx_conf_t* cf) noexcept {
  auto* core = static_cast<ngx_http_core_main_conf_t*>(
      ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
  auto* slot = static_cast<ngx_http_handler_pt*>(
      ngx_array_push(&core->phases[NGX_HTTP_ACCESS_PHASE].handlers));
  if (slot == nullptr) return NGX_ERROR;
  *slot = on_access;
  if (find_pools(cf) != NGX_OK) return NGX_ERROR;
  return take_client_certificates(cf);
}

ngx_int_t start_worker(ngx_cycle_t* cycle) noexcept {
  if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE) return NGX_OK;
  const auto* main =
      static_cast<MainConf*>(ngx_http_cycle_get_module_main_conf(cycle, ngx_http_postern_module));
  if (main != nullptr) worker().start(cycle, std::string(to_view(main->dir)));
  return NGX_OK;
}

void stop_worker(ngx_cycle_t*) noexcept { worker().stop(); }

ngx_command_t commands[] = {
    {ngx_string("postern_shm"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_shm,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("postern_proxy"),
     NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, set_proxy,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("postern_through"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE23, set_through, NGX_HTTP_MAIN_CONF_OFFSET, 0,
     nullptr},
    {ngx_string("postern_through_grpc"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE2, set_through_grpc, NGX_HTTP_MAIN_CONF_OFFSET,
     0, nullptr},
    {ngx_string("postern_more"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_more, NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("postern_by_name"), NGX_HTTP_UPS_CONF | NGX_CONF_NOARGS, set_by_name, NGX_HTTP_SRV_CONF_OFFSET, 0,
     nullptr},
    {ngx_string("postern_server"), NGX_HTTP_UPS_CONF | NGX_CONF_TAKE23, set_balanced_server, NGX_HTTP_SRV_CONF_OFFSET, 0,
     nullptr},
    {ngx_string("postern_balance"), NGX_HTTP_UPS_CONF | NGX_CONF_TAKE1, set_balance, NGX_HTTP_SRV_CONF_OFFSET, 0,
     nullptr},
    {ngx_string("postern_pool"), NGX_HTTP_UPS_CONF | NGX_CONF_NOARGS, set_pool_upstream, NGX_HTTP_SRV_CONF_OFFSET, 0,
     nullptr},
    {ngx_string("postern_host"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE2, set_translated_host, NGX_HTTP_MAIN_CONF_OFFSET, 0,
     nullptr},
    {ngx_string("postern_refused"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS, set_refused,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("postern_failed"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS, set_failed,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    ngx_null_command};

ngx_http_module_t context = {
    add_variables,       add_handlers, create_main_conf,     init_main_conf,
    create_upstream_conf, nullptr,      create_location_conf, merge_location_conf};

}  // namespace
}  // namespace postern::nginx

extern "C" {

ngx_module_t ngx_http_postern_module = {NGX_MODULE_V1,
                                        &postern::nginx::context,
                                        postern::nginx::commands,
                                        NGX_HTTP_MODULE,
                                        nullptr,
                                        nullptr,
                                        postern::nginx::start_worker,
                                        nullptr,
                                        nullptr,
                                        postern::nginx::stop_worker,
                                        nullptr,
                                        NGX_MODULE_V1_PADDING};

// What a dynamic module exports; nginx' build system writes these for modules that it builds
// itself.
ngx_module_t* ngx_modules[] = {&ngx_http_postern_module, nullptr};
char* ngx_module_names[] = {const_cast<char*>("ngx_http_postern_module"), nullptr};
char* ngx_module_order[] = {nullptr};
}
