#pragma once
// For tests: a gateway's client of the fabric protocol, whose EMS is the test.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "proto/deflate.h"
#include "proto/fabric_client.h"
#include "wire/fabric.pb.h"

namespace postern::proto {

using wire::FabricFrame;

inline std::string uid_text(int n) { return fmt::format("{:031}{}", 0, static_cast<char>('A' + n)); }
inline EndpointUid uid(int n) { return EndpointUid(uid_text(n)); }

inline std::string entry(int n, std::string host = "h") {
  wire::ViewEntry e;
  e.mutable_record()->set_uid(uid_text(n));
  e.mutable_record()->set_host_name(host);
  return e.SerializeAsString();
}

class FabricClientLab : public testing::Test {
 protected:
  FabricClientLab() : client_({GatewaySerial("PGW0123456789ABC"), "gw", "0.1", ""}, random_) {}

  /// Frames sent since the last call; other actions go to actions_.
  std::vector<FabricFrame> sent() {
    std::vector<FabricFrame> frames;
    for (auto& action : client_.take_actions()) {
      if (auto* send = std::get_if<fabric::Send>(&action)) {
        FabricFrame frame;
        EXPECT_TRUE(frame.ParseFromArray(send->bytes.data(), static_cast<int>(send->bytes.size())));
        frames.push_back(frame);
      } else {
        actions_.push_back(std::move(action));
      }
    }
    return frames;
  }
  template <class T>
  std::vector<T> taken() {
    std::vector<T> out;
    for (auto& action : actions_) {
      if (auto* t = std::get_if<T>(&action)) out.push_back(*t);
    }
    actions_.clear();
    return out;
  }
  void receive(const FabricFrame& frame) {
    const auto text = frame.SerializeAsString();
    client_.on_frame(clock_.now(), as_bytes(text));
  }
  void authorise() {
    client_.enable(clock_.now());
    client_.on_connected(clock_.now());
    FabricFrame frame;
    frame.mutable_status()->set_state(wire::FabricStatus::AUTHORISED);
    frame.mutable_status()->set_ems_serial("PSTEMS0123456789");
    receive(frame);
  }
  void snapshot(const View& view, std::uint64_t revision, int announced = -1, bool good_digest = true) {
    FabricFrame frame;
    auto& begin = *frame.mutable_snapshot_begin();
    begin.set_epoch(7);
    begin.set_revision(revision);
    begin.set_count(announced < 0 ? static_cast<std::uint32_t>(view.entries().size())
                                  : static_cast<std::uint32_t>(announced));
    receive(frame);
    wire::ViewEntryList list;
    for (const auto& [u, e] : view.entries()) list.add_entries(e);
    frame.mutable_snapshot_chunk()->set_zlib(deflate_text(list.SerializeAsString()));
    receive(frame);
    frame.mutable_snapshot_end()->set_revision(revision);
    frame.mutable_snapshot_end()->set_digest(good_digest ? std::string(as_text(view.digest())) : std::string(32, 'x'));
    receive(frame);
  }
  FabricFrame delta(std::uint64_t from, std::uint64_t to, const View& after) {
    FabricFrame frame;
    frame.mutable_delta()->set_from_revision(from);
    frame.mutable_delta()->set_to_revision(to);
    frame.mutable_delta()->set_count(static_cast<std::uint32_t>(after.entries().size()));
    frame.mutable_delta()->set_digest(std::string(as_text(after.digest())));
    return frame;
  }

  ManualClock clock_;
  SeededRandom random_{1};
  FabricClient client_;
  std::vector<fabric::Action> actions_;
};

}  // namespace postern::proto
