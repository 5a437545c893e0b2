#pragma once
// A compiled policy table, read in place. Everything is checked once when it is opened; after that
// lookups only follow offsets that are known to be inside.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/hex.h"
#include "base/result.h"
#include "policy/blob.h"
#include "policy/steps.h"

namespace postern::policy {

class PolicyView {
 public:
  /// An empty view: no proxies, everything is "no policy".
  PolicyView() = default;

  /// `bytes` must outlive the view and be aligned to 8 (as mapped files and vectors are). Errors:
  /// kDataLoss (damaged or cut short), kUnsupported (another version or layout).
  static Result<PolicyView> open(ByteView bytes);

  const blob::Proxy* proxy(std::uint32_t id) const;
  const blob::Policy* policy(std::uint32_t id) const;  ///< By its stable id; linear, for logs.
  const blob::Tag* tag(std::uint32_t bit) const;

  std::span<const blob::Policy> policies() const { return policies_; }
  std::span<const std::uint32_t> policies_of(const blob::Proxy& proxy) const;
  /// The same policies, to pass over those that do not match; empty: every one has to be looked at.
  std::span<const Step> steps_of(const blob::Proxy& proxy) const {
    return steps_.of(static_cast<std::size_t>(&proxy - proxies_.data()));
  }
  /// What is decided without them is the same. For tests.
  void forget_steps() { steps_ = {}; }
  std::span<const blob::ApiGateway> api_gateways_of(const blob::Proxy& proxy) const;
  std::span<const blob::Range> sources_of(const blob::Policy& policy) const;
  std::span<const blob::Destination> destinations_of(const blob::Policy& policy) const;
  std::span<const blob::Text> interfaces_of(const blob::Policy& policy) const;
  std::span<const blob::Text> interfaces_of(const blob::Proxy& proxy) const;
  /// Does anything depend on by which interface a client comes? Otherwise nobody has to find out.
  bool asks_for_interfaces() const { return asks_for_interfaces_; }
  std::string_view text(blob::Text text) const;

 private:
  template <class T>
  std::span<const T> array(blob::Array where) const {
    return {reinterpret_cast<const T*>(bytes_.data() + where.offset), where.count};
  }

  ByteView bytes_;
  std::span<const blob::Proxy> proxies_;
  std::span<const blob::Policy> policies_;
  std::span<const blob::Tag> tags_;
  Steps steps_;
  bool asks_for_interfaces_ = false;
};

}  // namespace postern::policy
