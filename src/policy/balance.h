#pragma once
// Which of an API gateway's real servers takes a request. Pure: who is well is the caller's to know.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace postern::policy {

/// `ldb-method` of an API gateway.
enum class Balancing : std::uint8_t {
  kStatic,      ///< By the client's address: always the same one while it is well.
  kRoundRobin,  ///< In turn.
  kWeighted,    ///< In turn, by weight.
  kFirstAlive,  ///< The first of the list that is well.
  kHttpHost,    ///< The one whose host the request names; of several, in turn by weight.
};

/// "first-alive".
std::string_view balancing_name(Balancing method);
std::optional<Balancing> balancing_from(std::string_view name);

/// One server, as it stands for this choice.
struct Candidate {
  std::uint64_t seed = 0;    ///< Of its address and port: the same in every configuration that has the server.
  std::uint32_t weight = 1;  ///< 1..255.
  bool standby = false;      ///< Takes requests only while no other one can.
  std::string_view host;     ///< Lower case, no port; for kHttpHost. The caller keeps it alive.
  bool usable = true;        ///< Set before each choice.
  std::int64_t current = 0;  ///< Kept between choices in turn; begins with 0.
};

struct ChoiceOf {
  std::uint64_t client = 0;  ///< hash_of the client's address.
  std::string_view host;     ///< That the request names: lower case, no port.
};

/// The number of the chosen one; nullopt: none can take it. Allocates nothing; work: linear in the candidates. In turn, each
/// usable one gets exactly its share of as many requests as their weights have in sum. Static: a server that goes moves
/// only its own clients, and they come back with it. One thread at a time for the same candidates.
std::optional<std::size_t> choose(Balancing method, std::span<Candidate> candidates, const ChoiceOf& request);

/// A well mixed hash of a few bytes; the same on every machine.
std::uint64_t hash_of(std::string_view bytes);

}  // namespace postern::policy
