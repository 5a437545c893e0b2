#include "nginx/balance.h"

#include <new>
#include <span>

#include "nginx/request.h"
#include "nginx/translation.h"
#include "nginx/upstream_conf.h"

extern "C" {
extern ngx_module_t ngx_http_postern_module;
}

namespace postern::nginx {

struct BalancedServer {
  sockaddr* address;
  socklen_t address_length;
  ngx_str_t* name;
  std::uint32_t number;
  ecshm::HealthReader::Place place;
  time_t left_alone_until;  // it could not be reached; ngx_time()
  ecshm::ServerTally* tally;  // of this worker; none before the first request
};

namespace {

/// How long a worker doesn't choose a server that it failed to reach, while there is another.
constexpr time_t kLeftAlone = 10;

struct ServerLine {
  std::uint32_t number;
  bool standby;
  ngx_str_t host;
};

/// One request's dealings with a pool. In the request's pool of memory.
struct Balance {
  ngx_http_request_t* request;
  const UpstreamConf* conf;
  ngx_str_t* pool_name;
  policy::ChoiceOf of;
  std::uint64_t* tried;  // a bit for each server
  std::size_t chosen;
  bool holds;  // the chosen one has the request
  bool any_tried;
};

bool tried(const Balance& b, std::size_t i) { return (b.tried[i / 64] >> (i % 64) & 1) != 0; }

policy::ChoiceOf choice_of(ngx_http_request_t* r) {
  const auto* address = r->connection->sockaddr;
  std::string_view bytes;
  if (address->sa_family == AF_INET) {
    const auto& ip = reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
    bytes = {reinterpret_cast<const char*>(&ip), sizeof ip};
  } else if (address->sa_family == AF_INET6) {
    const auto& ip = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    bytes = {reinterpret_cast<const char*>(&ip), sizeof ip};
  }
  return {policy::hash_of(bytes), to_view(r->headers_in.server)};
}

std::optional<std::size_t> choose_now(Balance& b) {
  const std::span candidates(b.conf->candidates, b.conf->count);
  const auto now = ngx_time();
  bool any_left_alone = false;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    auto& server = b.conf->servers[i];
    candidates[i].usable = !tried(b, i) && ecshm::takes_requests(worker().server_state(server.number, server.place));
    if (candidates[i].usable && server.left_alone_until > now) {
      candidates[i].usable = false;
      any_left_alone = true;
    }
  }
  auto chosen = policy::choose(b.conf->method, candidates, b.of);
  if (chosen || !any_left_alone) return chosen;
  // Better one that failed a moment ago than none.
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    auto& server = b.conf->servers[i];
    candidates[i].usable = !tried(b, i) && ecshm::takes_requests(worker().server_state(server.number, server.place));
  }
  return policy::choose(b.conf->method, candidates, b.of);
}

/// Once for each time that a server got the request.
void let_go(Balance& b, bool failed) {
  if (!b.holds) return;
  b.holds = false;
  auto& tally = *b.conf->servers[b.chosen].tally;
  --tally.in_use;
  if (failed) ++tally.failures;
}

void note_no_server(const Balance& b) {
  auto* state = find_state(b.request);
  if (state == nullptr) return;
  state->no_real_server = true;
  state->server_problem = b.conf->method == policy::Balancing::kHttpHost
                              ? "no real server: none that is well is for this host"
                              : "no real server: all are down (diagnose ztna real-server list)";
}

ngx_int_t get_peer(ngx_peer_connection_t* pc, void* data) noexcept {
  auto& b = *static_cast<Balance*>(data);
  pc->cached = 0;
  pc->connection = nullptr;
  let_go(b, false);
  const auto chosen = choose_now(b);
  if (!chosen) {
    if (!b.any_tried) note_no_server(b);
    pc->name = b.pool_name;
    return NGX_BUSY;
  }
  b.chosen = *chosen;
  auto& server = b.conf->servers[*chosen];
  if (server.tally == nullptr) server.tally = &worker().tallies().of(server.number);
  ++server.tally->requests;
  ++server.tally->in_use;
  b.holds = true;
  pc->sockaddr = server.address;
  pc->socklen = server.address_length;
  pc->name = server.name;
  if (auto* state = find_state(b.request)) state->live.server = server.number;
  return NGX_OK;
}

void free_peer(ngx_peer_connection_t* pc, void* data, ngx_uint_t state) noexcept {
  auto& b = *static_cast<Balance*>(data);
  if (pc->tries > 0) --pc->tries;
  // That a kept connection has ended is no failure: nginx asks again.
  let_go(b, (state & NGX_PEER_FAILED) != 0 && !pc->cached);
  if ((state & NGX_PEER_FAILED) == 0) return;
  // That a kept connection has ended says nothing of the server: nginx asks again.
  if (pc->cached) return;
  b.tried[b.chosen / 64] |= std::uint64_t{1} << (b.chosen % 64);
  b.any_tried = true;
  b.conf->servers[b.chosen].left_alone_until = ngx_time() + kLeftAlone;
}

ngx_int_t no_session(ngx_peer_connection_t*, void*) noexcept { return NGX_OK; }
void keep_no_session(ngx_peer_connection_t*, void*) noexcept {}

ngx_int_t init_peer(ngx_http_request_t* r, ngx_http_upstream_srv_conf_t* us) noexcept {
  const auto* conf =
      static_cast<const UpstreamConf*>(ngx_http_conf_upstream_srv_conf(us, ngx_http_postern_module));
  auto* b = static_cast<Balance*>(ngx_pcalloc(r->pool, sizeof(Balance) + (conf->count + 63) / 64 * sizeof(std::uint64_t)));
  if (b == nullptr) return NGX_ERROR;
  b->request = r;
  b->conf = conf;
  b->pool_name = &us->host;
  b->of = choice_of(r);
  b->tried = reinterpret_cast<std::uint64_t*>(b + 1);
  auto& peer = r->upstream->peer;
  peer.data = b;
  peer.get = get_peer;
  peer.free = free_peer;
  peer.tries = conf->count;
  peer.set_session = no_session;
  peer.save_session = keep_no_session;
  translate_answer(r);
  return NGX_OK;
}

std::span<ServerLine> lines_of(const UpstreamConf& conf) {
  if (conf.told == nullptr) return {};
  return {static_cast<ServerLine*>(conf.told->elts), conf.told->nelts};
}

ngx_int_t init_upstream(ngx_conf_t* cf, ngx_http_upstream_srv_conf_t* us) noexcept {
  auto* conf = static_cast<UpstreamConf*>(ngx_http_conf_upstream_srv_conf(us, ngx_http_postern_module));
  const auto lines = lines_of(*conf);
  if (us->servers == nullptr || us->servers->nelts != lines.size()) {
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "postern: each server of upstream \"%V\" needs a postern_server", &us->host);
    return NGX_ERROR;
  }
  const auto* servers = static_cast<ngx_http_upstream_server_t*>(us->servers->elts);
  conf->count = lines.size();
  conf->servers = static_cast<BalancedServer*>(ngx_pcalloc(cf->pool, conf->count * sizeof(BalancedServer)));
  conf->candidates = static_cast<policy::Candidate*>(ngx_pcalloc(cf->pool, conf->count * sizeof(policy::Candidate)));
  if (conf->servers == nullptr || conf->candidates == nullptr) return NGX_ERROR;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (servers[i].naddrs != 1) {
      ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "postern: a server of upstream \"%V\" has not one address", &us->host);
      return NGX_ERROR;
    }
    auto& address = servers[i].addrs[0];
    auto* server = new (conf->servers + i) BalancedServer{};
    server->address = address.sockaddr;
    server->address_length = address.socklen;
    server->name = &address.name;
    server->number = lines[i].number;
    auto* candidate = new (conf->candidates + i) policy::Candidate{};
    candidate->seed = policy::hash_of(to_view(address.name));
    candidate->weight = static_cast<std::uint32_t>(servers[i].weight);
    candidate->standby = lines[i].standby;
    candidate->host = to_view(lines[i].host);
  }
  us->peer.init = init_peer;
  return NGX_OK;
}

ngx_http_upstream_srv_conf_t* upstream_of(ngx_conf_t* cf) {
  return static_cast<ngx_http_upstream_srv_conf_t*>(ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module));
}

}  // namespace

char* set_balanced_server(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* mine = static_cast<UpstreamConf*>(conf);
  auto* value = static_cast<ngx_str_t*>(cf->args->elts);
  if (mine->told == nullptr) mine->told = ngx_array_create(cf->pool, 4, sizeof(ServerLine));
  auto* line = mine->told == nullptr ? nullptr : static_cast<ServerLine*>(ngx_array_push(mine->told));
  if (line == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  const auto* us = upstream_of(cf);
  if (us->servers == nullptr || us->servers->nelts != mine->told->nelts)
    return const_cast<char*>("has to stand behind its \"server\" line");
  const auto number = ngx_atoi(value[1].data, value[1].len);
  if (number == NGX_ERROR || number <= 0 || number > 0xffffffff) return const_cast<char*>("needs a server's number");
  const auto status = to_view(value[2]);
  if (status != "active" && status != "standby") return const_cast<char*>("needs \"active\" or \"standby\"");
  *line = {static_cast<std::uint32_t>(number), status == "standby", cf->args->nelts > 3 ? value[3] : ngx_str_t{}};
  return NGX_CONF_OK;
}

char* set_balance(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* mine = static_cast<UpstreamConf*>(conf);
  if (mine->balanced) return const_cast<char*>("is duplicate");
  const auto method = policy::balancing_from(to_view(static_cast<ngx_str_t*>(cf->args->elts)[1]));
  if (!method) return const_cast<char*>("doesn't know this method");
  auto* us = upstream_of(cf);
  if (us->peer.init_upstream != nullptr) return const_cast<char*>("has to stand before what else chooses");
  mine->balanced = true;
  mine->method = *method;
  us->peer.init_upstream = init_upstream;
  // Of what a `server` line may say, we take these.
  us->flags = NGX_HTTP_UPSTREAM_CREATE | NGX_HTTP_UPSTREAM_WEIGHT;
  return NGX_CONF_OK;
}

}  // namespace postern::nginx
