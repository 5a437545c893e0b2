#include "gateway/firewall/listing.h"

#include <nftables/libnftables.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/firewall/model.h"

namespace postern::gateway::firewall {
namespace {

/// nftables of the network namespace in which it was made.
class Nft {
 public:
  Nft() : context_(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free) {
    if (!context_) return;
    nft_ctx_buffer_error(context_.get());
    nft_ctx_buffer_output(context_.get());
    nft_ctx_output_set_flags(context_.get(), NFT_CTX_OUTPUT_STATELESS);
  }
  void only_check() {
    if (context_) nft_ctx_set_dry_run(context_.get(), true);
  }
  Result<std::string> run(const std::string& commands) {
    if (!context_) return fail(ErrorCode::kUnsupported, "nftables can't be used here");
    if (nft_run_cmd_from_buffer(context_.get(), commands.c_str()) == 0) {
      const char* said = nft_ctx_get_output_buffer(context_.get());
      return std::string(said ? said : "");
    }
    const char* raw = nft_ctx_get_error_buffer(context_.get());
    const std::string text(trim(raw ? raw : ""));
    const auto code = text.find("not permitted") != text.npos     ? ErrorCode::kPermissionDenied
                      : text.find("not supported") != text.npos   ? ErrorCode::kUnsupported
                      : text.find("No such file") != text.npos    ? ErrorCode::kNotFound
                                                                  : ErrorCode::kInternal;
    return fail(code, "nftables: " + text.substr(0, text.find('\n')));
  }

 private:
  std::unique_ptr<nft_ctx, void (*)(nft_ctx*)> context_;
};

struct Section {
  std::string head;                 // "set EMS1_ZTNA_a", "chain forward"
  std::vector<std::string> lines;
};

/// A set's elements, one by one: no order is theirs.
void take_elements(Section& section, std::string_view text) {
  const auto open = text.find('{'), close = text.rfind('}');
  if (open == text.npos || close == text.npos || close < open) return;
  std::vector<std::string> elements;
  for (const auto item : split(text.substr(open + 1, close - open - 1), ',')) {
    if (const auto element = trim(item); !element.empty()) elements.push_back("element " + std::string(element));
  }
  std::sort(elements.begin(), elements.end());
  section.lines.insert(section.lines.end(), elements.begin(), elements.end());
}

std::vector<Section> sections_of(std::string_view listing) {
  std::vector<Section> out;
  bool open = false;
  std::optional<std::string> elements;  // begun, not ended
  for (const auto raw : split(listing, '\n')) {
    const auto line = trim(raw);
    if (line.empty()) continue;
    if (elements) {
      *elements += line;
    } else if (open && line == "}") {
      open = false;
      continue;
    } else if (!open && (line.starts_with("set ") || line.starts_with("chain ") || line.starts_with("map "))) {
      out.push_back({std::string(trim(line.substr(0, line.find('{')))), {}});
      open = true;
      continue;
    } else if (open && line.starts_with("elements = ")) {
      elements = line;
    } else if (open) {
      out.back().lines.emplace_back(line);
      continue;
    } else {
      continue;
    }
    if (elements->ends_with("}")) {
      take_elements(out.back(), *elements);
      elements.reset();
    }
  }
  std::erase_if(out, [](const Section& s) { return s.head == "set alive"; });
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.head < b.head; });
  return out;
}

constexpr std::size_t kMaxCompared = 4'000'000;

void compare_lines(std::string& out, std::vector<std::string> a, std::vector<std::string> b) {
  std::size_t same = 0;
  while (same < a.size() && same < b.size() && a[same] == b[same]) ++same;
  a.erase(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(same));
  b.erase(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(same));
  while (!a.empty() && !b.empty() && a.back() == b.back()) {
    a.pop_back();
    b.pop_back();
  }
  const auto gone = [&](const std::string& line) { out += "-   " + line + "\n"; };
  const auto come = [&](const std::string& line) { out += "+   " + line + "\n"; };
  if (!a.empty() && !b.empty() && a.size() <= kMaxCompared / b.size()) {
    // How much of the rest is the same, from each pair of places on.
    const std::size_t width = b.size() + 1;
    std::vector<std::uint32_t> common((a.size() + 1) * width);
    for (std::size_t i = a.size(); i-- > 0;) {
      for (std::size_t j = b.size(); j-- > 0;) {
        common[i * width + j] = a[i] == b[j] ? common[(i + 1) * width + j + 1] + 1
                                             : std::max(common[(i + 1) * width + j], common[i * width + j + 1]);
      }
    }
    std::size_t i = 0, j = 0;
    while (i < a.size() && j < b.size()) {
      if (a[i] == b[j]) {
        ++i, ++j;
      } else if (common[(i + 1) * width + j] >= common[i * width + j + 1]) {
        gone(a[i++]);
      } else {
        come(b[j++]);
      }
    }
    a.erase(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(i));
    b.erase(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(j));
  }
  std::for_each(a.begin(), a.end(), gone);
  std::for_each(b.begin(), b.end(), come);
}

}  // namespace

Result<std::string> list_table(const std::string& table) {
  Nft nft;
  auto listed = nft.run("list table inet " + table);
  if (!listed && listed.error().code == ErrorCode::kNotFound) return std::string();
  return listed;
}

Result<std::string> list_of_commands(const std::string& commands, const std::string& table) {
  Result<std::string> out = fail(ErrorCode::kInternal, "not listed");
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      out = fail(ErrorCode::kPermissionDenied, fmt::format("a network namespace to try the ruleset in: {}", errno_text(errno)));
      return;
    }
    Nft nft;
    auto made = nft.run(commands);
    out = made ? nft.run("list table inet " + table) : std::move(made);
  }).join();
  return out;
}

Status check_commands(const std::string& commands) {
  Nft nft;
  nft.only_check();
  const auto done = nft.run(commands);
  if (!done) return fail(done.error());
  return {};
}

Result<bool> lease_held(const std::string& table) {
  Nft nft;
  const auto listed = nft.run("list set inet " + table + " alive");
  if (listed) return listed->find("elements = {") != listed->npos;
  if (listed.error().code == ErrorCode::kNotFound) return false;
  return fail(listed.error());
}

Result<bool> remove_table(const std::string& table) {
  Nft nft;
  const auto done = nft.run("delete table inet " + table);
  // Left by a gateway that died while it built the table anew.
  const auto guard = nft.run("delete table inet " + guard_of(table));
  if (!guard && guard.error().code != ErrorCode::kNotFound) return fail(guard.error());
  if (done) return true;
  if (done.error().code == ErrorCode::kNotFound) return false;
  return fail(done.error());
}

std::string listing_difference(std::string_view before, std::string_view after) {
  const auto a = sections_of(before), b = sections_of(after);
  std::string out;
  auto i = a.begin();
  auto j = b.begin();
  while (i != a.end() || j != b.end()) {
    const bool gone = j == b.end() || (i != a.end() && i->head < j->head);
    const bool come = !gone && (i == a.end() || j->head < i->head);
    const Section& section = come ? *j : *i;
    std::string lines;
    if (gone || come) {
      for (const auto& line : section.lines) lines += fmt::format("{}   {}\n", gone ? '-' : '+', line);
      out += fmt::format("{} {}\n{}", gone ? '-' : '+', section.head, lines);
    } else {
      compare_lines(lines, i->lines, j->lines);
      if (!lines.empty()) out += "  " + section.head + "\n" + lines;
    }
    if (!come) ++i;
    if (!gone) ++j;
  }
  return out;
}

}  // namespace postern::gateway::firewall
