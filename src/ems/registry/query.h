#pragma once
// Finding endpoints: filters, order and pages, for consoles and the API.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ems/registry/model.h"

namespace postern::ems {

struct EndpointQuery {
  std::string q;                        ///< In host name, UID, address, user or operating system; case does not matter.
  std::optional<std::string> tag;       ///< Has this tag; "unknown:NAME": it is unknown.
  std::optional<std::string> os;        ///< os.type or os.family, such as "linux".
  std::optional<bool> online;
  std::optional<bool> registered;
  std::optional<bool> quarantined;
  enum class Sort { kHostName, kLastSeen, kEnrolledAt, kUid, kIp } sort = Sort::kHostName;
  bool descending = false;
  std::size_t limit = 100;
  std::string after;                    ///< `next` of the page before; empty: the first page.
};

struct EndpointPage {
  std::vector<const Endpoint*> items;   ///< Valid until the next input of the core.
  std::string next;                     ///< Empty: no further page.
  std::size_t total = 0;                ///< Endpoints that the filters admit.
};

/// One page. `tag_id` gives a tag's number by its name, 0 when there is none. A limit of 0 counts only.
EndpointPage find_endpoints(const std::map<EndpointUid, Endpoint>& endpoints, const EndpointQuery& query,
                            const std::function<posture::TagId(std::string_view)>& tag_id);

/// An endpoint's own address and MAC as one line shows them: those of its first default route, else of its first
/// interface with an address; not valid when unknown.
IpAddress primary_ip(const Endpoint& endpoint);
MacAddress primary_mac(const Endpoint& endpoint);
/// A text fact's value; empty when unknown.
std::string fact_text(const Endpoint& endpoint, std::string_view key);
/// The reported host name, else the one said when enrolling.
std::string host_name(const Endpoint& endpoint);

}  // namespace postern::ems
