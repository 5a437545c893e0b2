#include "gateway/neighbours/watch.h"

#include "base/log.h"
#include "gateway/neighbours/reader.h"

namespace postern::gateway {
namespace {

class ReaderWatch final : public NetworkWatch {
 public:
  ReaderWatch(net::Loop& loop, std::unique_ptr<NetworkReader> reader, NetworkEvents events)
      : reader_(std::move(reader)), events_(std::move(events)) {
    publish();
    handle_ = loop.watch_readable(reader_->fd(), [this] {
      if (const auto s = reader_->read(); !s) log_error("network.lost", s.error().message);
      publish();
    });
  }

  const std::vector<LocalInterface>& interfaces() const override { return interfaces_; }
  const std::vector<LinkState>& links() const override { return links_; }
  Status probe(const NeighbourKey& key) override { return reader_->probe(key); }
  Status pin(const NeighbourKey& key, const MacAddress& mac) override { return reader_->pin(key, mac); }
  Status unpin(const NeighbourKey& key) override { return reader_->unpin(key); }
  std::vector<NeighbourKey> pinned() const override { return reader_->table().pinned(); }
  std::optional<MacAddress> left(const NeighbourKey& key) const override { return reader_->table().left(key); }

 private:
  void publish() {
    NetworkTable& table = reader_->table();
    if (table.take_interfaces_changed()) {
      interfaces_ = table.interfaces();
      links_ = table.links();
      if (events_.interfaces) events_.interfaces(interfaces_);
    }
    if (table.take_next_hops_changed() && events_.next_hops) events_.next_hops(table.next_hops());
    // By name: a link may have got another one, with its routes as they were.
    if (auto now = table.default_interfaces(); now != default_interfaces_) {
      default_interfaces_ = std::move(now);
      if (events_.default_interfaces) events_.default_interfaces(default_interfaces_);
    }
    for (const auto& [key, neighbour] : table.take_neighbours()) {
      if (neighbour) {
        if (events_.neighbour) events_.neighbour(key, *neighbour);
      } else if (events_.neighbour_gone) {
        events_.neighbour_gone(key);
      }
    }
  }

  std::unique_ptr<NetworkReader> reader_;
  NetworkEvents events_;
  std::vector<LocalInterface> interfaces_;
  std::vector<LinkState> links_;
  std::set<std::string> default_interfaces_;
  net::Handle handle_;  // goes first: no callback into what is left
};

}  // namespace

Status probe_unpinned(NetworkWatch& watch, const NeighbourKey& key) {
  const auto asked = watch.probe(key);
  if (asked || asked.error().code != ErrorCode::kConflict) return asked;
  if (auto gone = watch.unpin(key); !gone) return gone;
  return watch.probe(key);  // an administrator's entry is as permanent as before
}

Result<std::unique_ptr<NetworkWatch>> NetworkWatch::open(net::Loop& loop, NetworkEvents events) {
  auto reader = NetworkReader::open();
  if (!reader) return fail(reader.error());
  return std::unique_ptr<NetworkWatch>(new ReaderWatch(loop, std::move(*reader), std::move(events)));
}

}  // namespace postern::gateway
