#include "gateway/shell/context.h"

#include <unistd.h>

#include <utility>

#include <fmt/format.h>

namespace postern::gateway {

Context::Context(net::Loop& l, DaemonOptions o) : loop(l), options(std::move(o)) {}
Context::~Context() = default;

std::string Context::hostname() const {
  if (!config.global.hostname.empty()) return config.global.hostname;
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

const config::FctemsConfig* Context::connector(ConnectorId id) const {
  for (const auto& c : config.connectors) {
    if (c.id == id) return &c;
  }
  return nullptr;
}

std::filesystem::path Context::ca_path(ConnectorId id) const {
  return options.data_dir / fmt::format("ems{}.ca.pem", id);
}

}  // namespace postern::gateway
