#include "policy/balance.h"

#include <iterator>

namespace postern::policy {
namespace {

constexpr std::string_view kNames[] = {"static", "round-robin", "weighted", "first-alive", "http-host"};

std::uint64_t mixed(std::uint64_t x) {  // the finaliser of splitmix64
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ull;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebull;
  return x ^ x >> 31;
}

/// nginx's smooth weighted round-robin: the shares are exact, and nobody gets all of its share in a row.
template <class Fits>
std::optional<std::size_t> in_turn(std::span<Candidate> all, bool by_weight, Fits fits) {
  std::optional<std::size_t> best;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!fits(all[i])) continue;
    const std::int64_t weight = by_weight ? all[i].weight : 1;
    total += weight;
    all[i].current += weight;
    if (!best || all[i].current > all[*best].current) best = i;
  }
  if (best) all[*best].current -= total;
  return best;
}

/// Rendezvous hashing: each client ranks all servers by itself, so that nobody else's going changes its choice.
template <class Fits>
std::optional<std::size_t> by_client(std::span<Candidate> all, std::uint64_t client, Fits fits) {
  std::optional<std::size_t> best;
  std::uint64_t highest = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!fits(all[i])) continue;
    const auto rank = mixed(client ^ mixed(all[i].seed));
    if (best && rank <= highest) continue;
    best = i;
    highest = rank;
  }
  return best;
}

template <class Fits>
std::optional<std::size_t> first(std::span<Candidate> all, Fits fits) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (fits(all[i])) return i;
  }
  return std::nullopt;
}

}  // namespace

std::string_view balancing_name(Balancing method) { return kNames[static_cast<std::size_t>(method)]; }

std::optional<Balancing> balancing_from(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<Balancing>(i);
  }
  return std::nullopt;
}

std::optional<std::size_t> choose(Balancing method, std::span<Candidate> all, const ChoiceOf& request) {
  for (const bool standby : {false, true}) {
    const auto fits = [&](const Candidate& c) {
      return c.usable && c.standby == standby && (method != Balancing::kHttpHost || c.host == request.host);
    };
    std::optional<std::size_t> chosen;
    switch (method) {
      case Balancing::kStatic: chosen = by_client(all, request.client, fits); break;
      case Balancing::kFirstAlive: chosen = first(all, fits); break;
      case Balancing::kRoundRobin: chosen = in_turn(all, false, fits); break;
      case Balancing::kWeighted:
      case Balancing::kHttpHost: chosen = in_turn(all, true, fits); break;
    }
    if (chosen) return chosen;
  }
  return std::nullopt;
}

std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t h = 0xcbf29ce484222325ull;
  for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return mixed(h);
}

}  // namespace postern::policy
