#pragma once
// Asking the kernel for what nftables has.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/hex.h"
#include "base/result.h"

namespace postern::agent {

/// Of this network namespace. Thread: one.
class NftSocket {
 public:
  /// Errors: kPermissionDenied, kUnsupported (no nftables in this kernel), kUnavailable.
  static Result<NftSocket> open();

  /// Attributes whose values are texts, by their numbers.
  using Names = std::vector<std::pair<std::uint16_t, std::string>>;
  /// Asks for all of a kind (NFT_MSG_GET…) that these name, and gives each datagram of the answer to `take`. Errors: as
  /// of open; kPermissionDenied without CAP_NET_ADMIN; kUnavailable too where something changed meanwhile.
  Status dump(int what, std::uint8_t family, const Names& names, const std::function<void(ByteView)>& take) const;

 private:
  explicit NftSocket(int fd);
  std::shared_ptr<const int> fd_;  // closes itself
};

/// Why a call on such a socket failed.
Error nft_error(int error);
/// A netlink socket of netfilter's, or -1 with errno.
int open_netfilter_socket(int flags);

}  // namespace postern::agent
