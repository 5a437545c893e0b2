#include "gateway/ztna/nginx_forwarding.h"

#include <fmt/format.h>

#include <string_view>

#include "gateway/forward/destinations.h"
#include "gateway/ztna/nginx_servers.h"

namespace postern::gateway {

Status check_forwarding(const NginxPool& pool, const std::string& socket) {
  if (auto path = quoted_path(socket, "socket of the forwarder"); !path) return fail(path.error());
  if (auto read = parse_destinations(pool.destinations); !read) return fail(read.error());
  return {};
}

std::string forwarding_upstream(const NginxPool& pool, const std::string& socket) {
  std::string out;
  for (const auto* once : {"", "_once"}) out += fmt::format("\n  upstream pool_{}{} {{ server \"unix:{}\"; }}\n", pool.id, once, socket);
  return out + fmt::format("  postern_through {} @forward_{} forwards;\n", pool.id, pool.id);
}

std::string forwarding_location(const NginxPool& pool) {
  // nginx reads no word of 4 KiB or more.
  constexpr std::size_t kPiece = 3072;
  std::string pieces, destinations;
  for (std::size_t i = 0; i * kPiece < pool.destinations.size(); ++i) {
    pieces += fmt::format("      set $postern_to_{} \"{}\";\n", i, std::string_view(pool.destinations).substr(i * kPiece, kPiece));
    destinations += fmt::format("$postern_to_{}", i);
  }
  // A location that sets one header of its own has to set them all. Both ends ping twice a minute, so silence of an hour is
  // nobody's; and who does not take what was sent for a while (a program that is stopped, say) is waited for as long.
  return fmt::format(R"(    location @forward_{id} {{
{pieces}      proxy_set_header Host $postern_host;
      proxy_set_header Upgrade $postern_upgrade;
      proxy_set_header Connection $postern_connection;
      proxy_set_header TE "";
      proxy_set_header {header} "{destinations}";
      proxy_set_header {endpoint} $postern_endpoint;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
      send_timeout 1h;
      proxy_pass http://to_pool;
    }}
)",
                     fmt::arg("id", pool.id), fmt::arg("header", kDestinationsHeader), fmt::arg("endpoint", kEndpointHeader),
                     fmt::arg("pieces", pieces), fmt::arg("destinations", destinations));
}

}  // namespace postern::gateway
