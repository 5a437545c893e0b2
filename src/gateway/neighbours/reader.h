#pragma once
// The netlink sockets behind NetworkWatch; without a loop, so that tests can wait on `fd` themselves. Thread: one.
#include <map>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "gateway/neighbours/table.h"

struct mnl_socket;
struct nlmsghdr;

namespace postern::gateway {

class NetworkReader {
 public:
  /// Of the network namespace in which it is called; reads everything. Errors: kUnavailable, kPermissionDenied.
  static Result<std::unique_ptr<NetworkReader>> open();
  ~NetworkReader();

  int fd() const;                     ///< Readable when there is something to `read`.
  NetworkTable& table() { return table_; }
  /// Takes what has come; after a loss (the kernel's queue was full) reads everything anew. Does not wait for events.
  Status read();
  /// See NetworkWatch::probe.
  Status probe(const NeighbourKey& key);
  /// See NetworkWatch::pin and unpin.
  Status pin(const NeighbourKey& key, const MacAddress& mac);
  Status unpin(const NeighbourKey& key);

 private:
  NetworkReader(mnl_socket* events, mnl_socket* requests) : events_(events), requests_(requests) {}
  Status read_everything();
  Status read_routes();
  Status ask(const NeighbourKey& key);
  Status ask_unsettled();
  Status request(nlmsghdr* message, std::string_view doing);
  Status dump(std::uint16_t type, bool& interrupted);

  mnl_socket* events_;
  mnl_socket* requests_;
  unsigned sequence_ = 0;
  NetworkTable table_;
  std::map<NeighbourKey, int> insisted_;  // how often a moved entry was moved back
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(64u << 10);
};

}  // namespace postern::gateway
