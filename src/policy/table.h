#pragma once
// What an administrator configured, as the gateway hands it to the compiler. Plain values;
// `compile` checks them.
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"

namespace postern::policy {

enum class EmptyCertAction : std::uint8_t {
  kBlock,               ///< No certificate, no access. The default.
  kAccept,              ///< Without a certificate only policies without tags can match.
  kAcceptUnmanageable,  ///< Like kAccept, but only for devices that can't be managed (by their
                        ///< User-Agent).
};

enum class Pattern : std::uint8_t {
  kSubString,  ///< Occurs anywhere in the text.
  kWildcard,   ///< The whole text; '*' is any run of characters, '?' any one.
  kRegex,      ///< A regular expression (policy/regex.h) matches somewhere in the text. Not of hosts.
};

/// What is published under a host and path. Of several that match, the one with a host pattern goes
/// before one without, then the longer URL pattern, then the lower id.
struct ApiGateway {
  std::uint32_t id = 0;
  Pattern host_pattern = Pattern::kSubString;
  std::string host;  ///< Lower case; empty: every host.
  Pattern url_pattern = Pattern::kSubString;
  std::string url = "/";
  std::uint32_t pool = 0;  ///< The real servers; 0: there are none that can be used.
};

struct Proxy {
  std::uint32_t id = 0;  ///< `postern_proxy <id>` in nginx's configuration.
  std::string name;
  EmptyCertAction empty_cert_action = EmptyCertAction::kBlock;
  std::vector<ApiGateway> api_gateways;
  /// By which clients may come at all; empty: whichever. Who comes by another one, or nobody knows by which, is refused
  /// as by no policy.
  std::vector<std::string> interfaces = {};
};

struct Tag {
  std::uint16_t bit = 0;  ///< Below kTagBits.
  std::string name;       ///< As people know it, for logs.
  std::string message;    ///< For the user, on the denial page; may be empty.
  bool on_unknown_ignore =
      false;  ///< Where the tag is forbidden, "can't be told" does not count as having it.
};

/// An API gateway of an access proxy.
struct Destination {
  std::uint32_t proxy = 0;
  std::uint32_t api_gateway = 0;
  friend auto operator<=>(const Destination&, const Destination&) = default;
};

enum class Match : std::uint8_t { kAny, kAll };
enum class Action : std::uint8_t { kAccept, kDeny };

/// A policy matches a request by proxy, interface, source and tags; the first that matches decides.
///
/// An accept policy with tags matches an endpoint that certainly has any (all) of them; negated,
/// one that certainly has not. A deny policy with tags matches an endpoint that has, or may have,
/// any (all) of them; negated, one that has not, or may not have. One that doesn't match falls
/// through to the next. If none decides, the reason reported is that of the first accept policy
/// whose tags did not match; without such a policy it is "no policy".
///
/// Policies without tags need no lease. On a proxy with EmptyCertAction::kAccept an accept policy
/// without tags is open to everybody: whoever may enter without a certificate is not refused for
/// the one they show. That is where pages for enrolling, renewing and mending belong. On other
/// proxies it asks for a registered endpoint in good standing.
struct Policy {
  std::uint32_t id = 0;  ///< Stable: a live session is judged again by the policies of the moment.
  std::string name;
  std::vector<std::uint32_t> proxies;
  std::vector<IpRange> sources;     ///< Empty: from everywhere.
  std::vector<std::uint16_t> tags;  ///< Bits.
  Match match = Match::kAny;
  bool negate = false;
  Action action = Action::kAccept;
  bool log = true;  ///< Record allowed requests; denials are always recorded.
  /// Bits of a second group: the condition holds where both groups do. Never without `tags`.
  std::vector<std::uint16_t> secondary = {};
  /// By which the client's packets come in; empty: whichever. Of a client for whom that is not known, such a policy refuses,
  /// and accepts nothing.
  std::vector<std::string> interfaces = {};
  /// The API gateways that it holds for; nullopt: every one of its access proxies. None at all: it holds for nothing.
  std::optional<std::vector<Destination>> destinations = {};
  /// Bits of which an endpoint has one for each user and group that it may be counted as; empty: whoever is signed in.
  /// Who is unknown is never let in for it, and never spared. Is never negated; the tags must hold, too.
  std::vector<std::uint16_t> users = {};
};

struct PolicyTable {
  std::vector<Proxy> proxies;
  std::vector<Policy> policies;  ///< In order.
  std::vector<Tag> tags;         ///< Of those that policies name; others are shown without name.
};

}  // namespace postern::policy
