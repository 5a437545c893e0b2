#pragma once
// What nginx keeps of our directives for each upstream.
#include "nginx/ngx.h"
#include "policy/balance.h"

namespace postern::nginx {

struct BalancedServer;

struct UpstreamConf {
  // postern_by_name
  ngx_http_upstream_init_pt by_name_init_upstream;
  ngx_http_upstream_init_peer_pt by_name_init_peer;
  // postern_balance, postern_server
  bool balanced;
  policy::Balancing method;
  ngx_array_t* told;           // of ServerLine: what stands behind the `server` lines
  BalancedServer* servers;     // made when the configuration has been read
  policy::Candidate* candidates;  // beside them
  ngx_uint_t count;
};

}  // namespace postern::nginx
