#pragma once
#include "nginx/ngx.h"

namespace postern::nginx {

/// How the servers of this configuration take client certificates, once all of it is read: a chain is verified once
/// (verified_leaves.h), and a TLS session is gone on with only under the very CAs and server certificates that it began
/// under. NGX_OK or NGX_ERROR.
ngx_int_t take_client_certificates(ngx_conf_t* cf);

}  // namespace postern::nginx
