// listening-port {"ports","scope","others"}: something on the endpoint listens at these ports, or at others.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace listening_port_rule {
namespace {

constexpr Reason kListens{"port_listening", "something listens at such a port"};
constexpr Reason kListensNot{"port_not_listening", "at a port that is asked for nothing listens"};
constexpr Reason kMalformed{"socket_malformed", "what was reported can't be read as a socket that listens"};
constexpr Match kOtherwise = Match::kAny;

struct Ports {
  bool tcp = false;
  std::uint16_t first = 0;
  std::uint16_t last = 0;
};

struct Socket {
  bool tcp = false;
  bool loopback = false;
  std::uint16_t port = 0;
};

std::optional<std::uint16_t> port_number(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

/// "tcp/22", "udp/8000-8100".
std::optional<Ports> parse_ports(std::string_view text) {
  Ports out;
  out.tcp = text.starts_with("tcp/");
  if (!out.tcp && !text.starts_with("udp/")) return std::nullopt;
  text.remove_prefix(4);
  const auto dash = text.find('-');
  const auto first = port_number(text.substr(0, dash));
  const auto last = dash == text.npos ? first : port_number(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  out.first = *first;
  out.last = *last;
  return out;
}

/// "tcp 0.0.0.0:22", "udp [::1]:53"; a zone may stand behind an address ("[fe80::1%eth0]").
std::optional<Socket> parse_socket(std::string_view text) {
  Socket out;
  out.tcp = text.starts_with("tcp ");
  if (!out.tcp && !text.starts_with("udp ")) return std::nullopt;
  text.remove_prefix(4);
  const auto colon = text.rfind(':');
  if (colon == text.npos || colon == 0) return std::nullopt;
  const auto port = port_number(text.substr(colon + 1));
  if (!port) return std::nullopt;
  out.port = *port;
  const std::string_view address = text.substr(0, colon);
  out.loopback = address.starts_with("127.") || address == "[::1]" || address.starts_with("[::ffff:127.");
  return out;
}

class Listening final : public Condition {
 public:
  struct Asked {
    bool others = false;
    bool loopback_too = false;
    Match match = Match::kAny;
  };
  Listening(std::vector<Ports> ports, Asked asked, std::string text)
      : ports_(std::move(ports)), asked_(asked), text_(std::move(text)) {
    keys_ = {std::string(keys::kListening)};
  }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* sockets = read<std::vector<std::string>>(facts, keys::kListening, why);
    if (sockets == nullptr) return {Verdict::kUnknown, why};
    SetVerdict set(asked_.match);
    if (asked_.others) {
      const auto listed = [&](const Socket& s) {
        return std::any_of(ports_.begin(), ports_.end(), [&](const Ports& p) { return holds(p, s); });
      };
      set.add(any_socket(*sockets, [&](const Socket& s) { return !listed(s); }), &kMalformed);
    } else {
      for (const Ports& p : ports_) set.add(any_socket(*sockets, [&](const Socket& s) { return holds(p, s); }), &kMalformed);
    }
    return set.judgement(kListens, kListensNot);
  }
  std::string describe() const override { return text_; }

 private:
  static bool holds(const Ports& ports, const Socket& socket) {
    return ports.tcp == socket.tcp && ports.first <= socket.port && socket.port <= ports.last;
  }
  /// One that can't be read could be the one.
  template <class Is>
  Verdict any_socket(const std::vector<std::string>& sockets, Is&& is) const {
    Verdict any = Verdict::kNoMatch;
    for (const std::string& text : sockets) {
      const auto socket = parse_socket(text);
      if (!socket) {
        any = verdict_or(any, Verdict::kUnknown);
      } else if ((asked_.loopback_too || !socket->loopback) && is(*socket)) {
        return Verdict::kMatch;
      }
    }
    return any;
  }

  std::vector<Ports> ports_;
  Asked asked_;
  std::string text_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& texts = list_of(parameters, "ports");
  std::vector<Ports> ports;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto one = parse_ports(texts[i]);
    if (!one) {
      return invalid(fmt::format("ports[{}]: {} is no port; write it as tcp/22, udp/53 or tcp/8000-8100", i,
                                 posture::quoted(texts[i])));
    }
    ports.push_back(*one);
  }
  Listening::Asked asked;
  asked.others = flag_of(parameters, "others", false);
  asked.loopback_too = text_of(parameters, "scope") == "any";
  asked.match = match_of(parameters, kOtherwise);
  if (asked.others && parameters.contains("match")) {
    return invalid("match: belongs to the ports that are listed; with others any port that isn't listed counts");
  }
  return std::make_unique<Listening>(
      std::move(ports), asked,
      fmt::format("something listens at {}{}{}", asked.others ? "another port than " : "", in_words(texts, asked.match),
                  asked.loopback_too ? "" : ", loopback aside"));
}

}  // namespace
}  // namespace listening_port_rule

const RuleType& listening_port() {
  static const RuleType kType{
      .name = "listening-port",
      .title = "Listening Port",
      .help = "Something on the endpoint listens at the ports. With others: at a port that is not listed, so that negate "
              "means that nothing else listens.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {{.name = "ports",
                      .type = ParameterSpec::Type::kTexts,
                      .required = true,
                      .max_bytes = 32,
                      .max_count = 256,
                      .help = "Ports, such as tcp/22, udp/53 or tcp/8000-8100."},
                     {.name = "scope",
                      .choices = {"non-loopback", "any"},
                      .help = "Whether what listens on the loopback address alone counts too; non-loopback if not given."},
                     {.name = "others",
                      .type = ParameterSpec::Type::kBoolean,
                      .help = "Ask for ports that are not listed; false if not given."},
                     match_parameter(listening_port_rule::kOtherwise)},
      .facts = {keys::kListening},
      .unknown = "Also where a socket that was reported can't be read and could decide.",
      .compile = listening_port_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
