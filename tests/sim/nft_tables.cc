#include "nft_tables.h"

#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::sim {
namespace {

/// "{ a, b }" as its elements.
std::vector<std::string> elements_of(std::string_view text) {
  std::vector<std::string> out;
  const auto open = text.find("{ "), close = text.rfind(" }");
  if (open == text.npos || close == text.npos || close < open + 2) return out;
  text = text.substr(open + 2, close - open - 2);
  for (;;) {
    const auto comma = text.find(", ");
    out.emplace_back(text.substr(0, comma));
    if (comma == text.npos) return out;
    text.remove_prefix(comma + 2);
  }
}

/// The word at the front, taken off.
std::string_view take_word(std::string_view& text) {
  const auto space = text.find(' ');
  const auto word = text.substr(0, space);
  text.remove_prefix(space == text.npos ? text.size() : space + 1);
  return word;
}

}  // namespace

Status NftTables::run(const std::string& commands, MonoTime now) {
  Table next = table_;
  std::string set, chain;  // the block that is open
  bool in_table = false;
  const auto unknown = [](std::string_view line) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("nft: {}", line));
  };
  for (const auto line : split(commands, '\n')) {
    if (line.empty()) continue;
    if (in_table) {
      if (line == "}") {
        in_table = false;
      } else if (line.starts_with("\tset list/") && line.ends_with("; }")) {
        // What policies share of addresses and services: never changed in place, and nothing of tags.
      } else if (line.starts_with("\tset ") && line.ends_with(" {")) {
        set = std::string(line.substr(5, line.size() - 7));
        next.sets[set];
      } else if (line.starts_with("\tchain ") && line.ends_with(" {")) {
        chain = std::string(line.substr(7, line.size() - 9));
        next.chains.insert(chain);
      } else if (line == "\t}") {
        set.clear();
        chain.clear();
      } else if (!set.empty() && line.starts_with("\t\telements = ")) {
        for (auto& e : elements_of(line)) next.sets[set].insert(std::move(e));
      } else if (set.empty() && chain.empty()) {
        return unknown(line);
      }
      continue;
    }
    std::string_view rest = line;
    const auto verb = take_word(rest);
    if (verb == "table") {
      in_table = true;
      continue;
    }
    const auto what = take_word(rest);
    if (take_word(rest) != "inet") return unknown(line);
    take_word(rest);  // the table: there is one
    if (what == "table") {
      if (verb == "delete") next = Table{};
      continue;
    }
    const std::string name(take_word(rest));
    if (what == "chain") {
      if (!next.chains.contains(name)) return unknown(line);
      if (verb == "delete") next.chains.erase(name);
      continue;
    }
    if (what == "set") {
      if (name.starts_with("list/")) continue;
      if (verb == "add") next.sets[name];
      if (verb == "delete" && next.sets.erase(name) == 0) return unknown(line);
      continue;
    }
    if (what != "element" || !next.sets.contains(name)) return unknown(line);
    for (const auto& element : elements_of(rest)) {
      if (name == "alive") {
        const auto timeout = element.find(" timeout ");
        if (verb == "delete") {
          next.alive_until = {};
        } else if (timeout != element.npos) {
          unsigned seconds = 0;
          std::from_chars(element.data() + timeout + 9, element.data() + element.size(), seconds);
          next.alive_until = now + Seconds(seconds);
        }
      } else if (verb == "add") {
        next.sets[name].insert(element);
      } else if (next.sets[name].erase(element) == 0) {
        return fail(ErrorCode::kNotFound, fmt::format("nft: {} is not in {}", element, name));
      }
    }
  }
  table_ = std::move(next);
  return {};
}

}  // namespace postern::sim
