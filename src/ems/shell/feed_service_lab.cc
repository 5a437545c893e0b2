#include "ems/shell/feed_service_lab.h"

#include "base/sha256.h"
#include "proto/deflate.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

constexpr const char* kOnePackage = "postern-inventory 1\ndistro debian 12\na all 1 a 1\n";

}  // namespace

std::string advisory(std::string_view cve, std::string_view fixed) {
  return std::string(R"({"id":"DEBIAN-)").append(cve).append(R"(","upstream":[")").append(cve)
      .append(R"("],"affected":[{"package":{"ecosystem":"Debian:12","name":"a"},"ranges":[{"type":"ECOSYSTEM",)")
      .append(R"("events":[{"introduced":"0"},{"fixed":")").append(fixed).append("\"}]}]}]}\n");
}

void FeedServiceTest::join_with_inventory(TestAgent& agent) {
  join(agent);
  wire::TelemetryFrame offer, inventory;
  const auto hash = sha256(kOnePackage);
  offer.mutable_inventory_offer()->set_hash(std::string(as_text(hash)));
  send(agent, offer);
  run();
  inventory.mutable_inventory()->set_hash(std::string(as_text(hash)));
  inventory.mutable_inventory()->set_zlib(proto::deflate_text(kOnePackage));
  send(agent, inventory);
  run();
}

}  // namespace postern::ems::testing
