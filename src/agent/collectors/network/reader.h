#pragma once
// The rtnetlink sockets that keep a NetworkTable. Of the network namespace in which it is opened. Thread: one.
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "agent/collectors/network/table.h"
#include "base/result.h"

namespace postern::agent {

class NetworkReader {
 public:
  /// Listens, then reads everything. Errors: kUnavailable, kPermissionDenied.
  static Result<std::unique_ptr<NetworkReader>> open();
  ~NetworkReader();
  NetworkReader(const NetworkReader&) = delete;
  NetworkReader& operator=(const NetworkReader&) = delete;

  int fd() const { return events_; }  ///< Readable when there is something to `read`.
  /// Takes what has come, without waiting; after a loss everything is read anew. True: facts may differ.
  Result<bool> read();
  const NetworkTable& table() const { return table_; }
  std::set<int> take_fallen() { return table_.take_fallen(); }  ///< As the table's.
  /// Makes the kernel ask who has each unresolved gateway's address, by an empty datagram to its discard port: no
  /// privilege is needed for that. The answer comes as an event.
  void ask_for_gateways() const;

 private:
  NetworkReader(int events, int requests) : events_(events), requests_(requests) {}
  Status read_everything();
  Status read_routes();
  Status dump(std::uint16_t type, std::uint8_t family);

  int events_;
  int requests_;
  std::uint32_t sequence_ = 0;
  NetworkTable table_;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(32u << 10);
};

}  // namespace postern::agent
