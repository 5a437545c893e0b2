#include "policy/regex.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "policy/regex_syntax.h"

namespace postern::policy {
namespace {

// A program: this, then `states` times `classes` steps. Bytes that no expression tells apart are one class; the last one is
// the end of the text. The first state is the one to begin in.
struct ProgramHead {
  std::uint16_t states;
  std::uint16_t classes;
  std::uint8_t class_of[256];
};
static_assert(sizeof(ProgramHead) % alignof(std::uint16_t) == 0);

// Steps that lead to no state.
constexpr std::uint16_t kMatches = 0xfffe, kFails = 0xffff;

constexpr std::size_t kMaxStates = 1000, kMaxNodes = 1200, kMaxParts = 20'000;

using NodeId = std::uint16_t;

struct Node {
  enum class Kind : std::uint8_t { kSet, kSplit, kBegin, kEnd, kMatch } kind = Kind::kMatch;
  NodeId out = 0, other = 0;  // other: of kSplit
  std::uint16_t set = 0;
};

tl::unexpected<Error> too_large() {
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("it would make more than {} states; counted repetitions such as .{{20}} do that, and ^ at its "
                          "beginning helps",
                          kMaxStates));
}

/// What a part leads to, as nodes of an automaton that may be in several places at once. Made from behind.
class Nodes {
 public:
  /// False: it would be too many.
  bool make(const RegexPart& whole) {
    nodes.push_back({});
    first = part(whole, 0);
    return !full_;
  }

  std::vector<Node> nodes;  // the first is the match
  std::vector<std::bitset<256>> sets;
  NodeId first = 0;

 private:
  NodeId add(Node node) {
    if (nodes.size() >= kMaxNodes) full_ = true;
    if (full_) return 0;
    nodes.push_back(node);
    return static_cast<NodeId>(nodes.size() - 1);
  }
  std::uint16_t number_of(const std::bitset<256>& set) {
    const auto it = std::find(sets.begin(), sets.end(), set);
    if (it != sets.end()) return static_cast<std::uint16_t>(it - sets.begin());
    sets.push_back(set);
    return static_cast<std::uint16_t>(sets.size() - 1);
  }

  NodeId part(const RegexPart& p, NodeId next) {
    if (++parts_ > kMaxParts) full_ = true;  // nothing, repeated again and again, makes no node
    if (full_) return 0;
    switch (p.kind) {
      case RegexPart::Kind::kSet: return add({Node::Kind::kSet, next, 0, number_of(p.set)});
      case RegexPart::Kind::kBegin: return add({Node::Kind::kBegin, next, 0, 0});
      case RegexPart::Kind::kEnd: return add({Node::Kind::kEnd, next, 0, 0});
      case RegexPart::Kind::kRepeat: return repeated(p, next);
      case RegexPart::Kind::kAll:
        for (auto it = p.parts.rbegin(); it != p.parts.rend(); ++it) next = part(*it, next);
        return next;
      case RegexPart::Kind::kAny: break;
    }
    NodeId out = part(p.parts.back(), next);
    for (auto it = p.parts.rbegin() + 1; it != p.parts.rend(); ++it) {
      const auto one = part(*it, next);
      out = add({Node::Kind::kSplit, one, out, 0});
    }
    return out;
  }

  NodeId repeated(const RegexPart& p, NodeId next) {
    const auto& inner = p.parts[0];
    int copies = p.min;
    NodeId out = next;
    if (p.max == RegexPart::kNoEnd) {
      const auto loop = add({Node::Kind::kSplit, next, next, 0});
      const auto body = part(inner, loop);
      if (full_) return 0;
      nodes[loop].out = body;
      out = copies > 0 ? body : loop;
      if (copies > 0) --copies;
    } else {
      for (int i = p.min; i < p.max; ++i) {
        const auto body = part(inner, out);
        out = add({Node::Kind::kSplit, body, next, 0});
      }
    }
    for (; copies > 0; --copies) out = part(inner, out);
    return out;
  }

  std::size_t parts_ = 0;
  bool full_ = false;
};

/// All places at once made into one state each.
class States {
 public:
  States(const Nodes& nodes, std::size_t& work) : n_(nodes), work_(work), seen_(nodes.nodes.size(), 0) {}

  Result<Bytes> run() {
    find_classes();
    begin();
    reach(n_.first, true, false);
    auto first = taken();
    begin();
    reach(n_.first, false, false);
    again_ = taken();
    if (!first) {
      rows_.emplace_back(columns_, kMatches);  // it matches whatever comes
    } else {
      // By itself, whatever stands in it: nowhere else ^ holds.
      first_ = std::move(*first);
      states_.push_back(&first_);
    }
    // One row per state, of states that are found on the way.
    for (std::size_t i = rows_.size(); i < states_.size(); ++i) {
      if (auto row = fill(i); !row) return fail(row.error());
    }
    return program();
  }

 private:
  using Places = std::vector<NodeId>;  // ascending: of kSet and kEnd

  void find_classes() {
    // Each set parts what it takes from what it doesn't.
    for (const auto& set : n_.sets) {
      std::map<std::pair<unsigned, bool>, unsigned> parted;
      for (unsigned b = 0; b < 256; ++b) {
        class_of_[b] = parted.emplace(std::pair(class_of_[b], set[b]), static_cast<unsigned>(parted.size())).first->second;
      }
      spend(256);
    }
    for (unsigned b = 256; b-- > 0;) example_[class_of_[b]] = b;
    columns_ = *std::max_element(class_of_.begin(), class_of_.end()) + 2;
  }

  void spend(std::size_t steps) {
    spent_ = spent_ || steps > work_;
    work_ -= std::min(work_, steps);
  }

  void begin() {
    ++round_;
    places_.clear();
    matched_ = false;
  }
  /// Whither one comes from a node without taking a byte.
  void reach(NodeId from, bool at_begin, bool at_end) {
    open_.assign(1, from);
    while (!open_.empty()) {
      const auto id = open_.back();
      open_.pop_back();
      if (seen_[id] == round_) continue;
      seen_[id] = round_;
      spend(1);
      const auto& node = n_.nodes[id];
      switch (node.kind) {
        case Node::Kind::kMatch: matched_ = true; break;
        case Node::Kind::kSet: places_.push_back(id); break;
        case Node::Kind::kSplit:
          open_.push_back(node.out);
          open_.push_back(node.other);
          break;
        case Node::Kind::kBegin:
          if (at_begin) open_.push_back(node.out);
          break;
        case Node::Kind::kEnd:
          places_.push_back(id);
          if (at_end) open_.push_back(node.out);
          break;
      }
    }
  }
  /// nullopt: it has matched.
  std::optional<Places> taken() {
    if (matched_) return std::nullopt;
    std::sort(places_.begin(), places_.end());
    return places_;
  }

  std::uint16_t add(Places places) {
    if (places.empty()) return kFails;
    const auto [it, fresh] = numbers_.emplace(std::move(places), static_cast<std::uint16_t>(states_.size()));
    if (fresh) states_.push_back(&it->first);
    return it->second;
  }

  Status fill(std::size_t state) {
    std::vector<std::uint16_t> row(columns_, kFails);
    for (unsigned c = 0; c + 1 < columns_; ++c) {
      begin();
      for (const auto id : *states_[state]) {
        const auto& node = n_.nodes[id];
        spend(1);
        if (node.kind == Node::Kind::kSet && n_.sets[node.set][example_[c]]) reach(node.out, false, false);
      }
      // It may also begin here.
      if (!again_) matched_ = true;
      if (again_) {
        for (const auto id : *again_) {
          if (std::exchange(seen_[id], round_) != round_) places_.push_back(id);
        }
        spend(again_->size());
      }
      auto next = taken();
      row[c] = next ? add(std::move(*next)) : kMatches;
      if (spent_) {
        return fail(ErrorCode::kInvalidArgument, "the regular expressions of all access proxies together take too much work; "
                                                 "use fewer or plainer ones");
      }
      if (states_.size() > kMaxStates) return too_large();
    }
    begin();
    // At the end of nothing both ^ and $ hold; only the first state can be there.
    for (const auto id : *states_[state]) {
      if (n_.nodes[id].kind == Node::Kind::kEnd) reach(n_.nodes[id].out, state == 0, true);
    }
    row[columns_ - 1] = matched_ ? kMatches : kFails;
    rows_.push_back(std::move(row));
    return {};
  }

  Bytes program() const {
    ProgramHead head{};
    head.states = static_cast<std::uint16_t>(rows_.size());
    head.classes = static_cast<std::uint16_t>(columns_);
    for (unsigned b = 0; b < 256; ++b) head.class_of[b] = static_cast<std::uint8_t>(class_of_[b]);
    const auto row_bytes = columns_ * sizeof(std::uint16_t);
    Bytes out(sizeof head + rows_.size() * row_bytes);
    std::memcpy(out.data(), &head, sizeof head);
    for (std::size_t i = 0; i < rows_.size(); ++i)
      std::memcpy(out.data() + sizeof head + i * row_bytes, rows_[i].data(), row_bytes);
    return out;
  }

  const Nodes& n_;
  std::size_t& work_;
  bool spent_ = false;
  std::array<unsigned, 256> class_of_{}, example_{};
  std::size_t columns_ = 0;  // with that of the end
  // Of one round.
  std::uint32_t round_ = 0;
  std::vector<std::uint32_t> seen_;
  std::vector<NodeId> open_;
  Places places_;
  bool matched_ = false;

  Places first_;
  std::optional<Places> again_;  // where one is that begins behind the first byte; nullopt: it has matched
  std::map<Places, std::uint16_t> numbers_;
  std::vector<const Places*> states_;
  std::vector<std::vector<std::uint16_t>> rows_;
};

}  // namespace

Result<Bytes> compile_regex(std::string_view pattern, std::size_t& work) {
  const auto whole = parse_regex(pattern);
  if (!whole) return fail(whole.error());
  Nodes nodes;
  if (!nodes.make(*whole)) return too_large();
  return States(nodes, work).run();
}

bool sound_regex(ByteView program) {
  ProgramHead head;
  if (program.size() < sizeof head) return false;
  std::memcpy(&head, program.data(), sizeof head);
  if (head.states == 0 || head.states >= kMatches || head.classes < 2 || head.classes > 257 ||
      program.size() != sizeof head + std::size_t{head.states} * head.classes * sizeof(std::uint16_t)) {
    return false;
  }
  if (std::any_of(std::begin(head.class_of), std::end(head.class_of),
                  [&](std::uint8_t c) { return c + 1 >= head.classes; })) {
    return false;
  }
  for (std::size_t at = sizeof head, column = 0; at < program.size(); at += sizeof(std::uint16_t)) {
    std::uint16_t next;
    std::memcpy(&next, program.data() + at, sizeof next);
    const bool last = ++column == head.classes;
    if (next < kMatches && (last || next >= head.states)) return false;
    if (last) column = 0;
  }
  return true;
}

bool regex_match(ByteView program, std::string_view text) {
  const auto* head = reinterpret_cast<const ProgramHead*>(program.data());
  const auto* steps = reinterpret_cast<const std::uint16_t*>(head + 1);
  const std::size_t classes = head->classes;
  std::size_t state = 0;
  for (const char c : text) {
    state = steps[state * classes + head->class_of[static_cast<unsigned char>(c)]];
    if (state >= kMatches) return state == kMatches;
  }
  return steps[state * classes + classes - 1] == kMatches;
}

}  // namespace postern::policy
