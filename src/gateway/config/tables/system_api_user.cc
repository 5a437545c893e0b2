#include "gateway/config/secret.h"
#include "gateway/config/tables/account_parts.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {
namespace {

Table api_user_trusthost() {
  Table t;
  t.name = "trusthost";
  t.help = "Networks that the token may come from; without an entry it may come from everywhere.";
  t.key = number("id", "Number of the entry.", 1, 65535);
  t.attributes = {
      option("type", "Family of the network.",
             {{"ipv4-trusthost", "IPv4: ipv4-trusthost counts."}, {"ipv6-trusthost", "IPv6: ipv6-trusthost counts."}})
          .by_default("ipv4-trusthost"),
      of_type("ipv4-trusthost", Type::kSubnet, "An IPv4 network.").by_default("0.0.0.0 0.0.0.0"),
      of_type("ipv6-trusthost", Type::kSubnet, "An IPv6 network.").by_default("::/0"),
  };
  t.check = [](const ObjectView& o) -> Status {
    if (auto v4 = check_family("ipv4-trusthost", o.text("ipv4-trusthost"), true); !v4) return v4;
    if (auto v6 = check_family("ipv6-trusthost", o.text("ipv6-trusthost"), false); !v6) return v6;
    // An entry that says nothing would open what the others close.
    const std::string other = o.text("type") == "ipv4-trusthost" ? "ipv6-trusthost" : "ipv4-trusthost";
    if (o.is_set(other)) {
      return fail(ErrorCode::kInvalidArgument, other + ": needs type " + other + ", without which it would not count");
    }
    return {};
  };
  return t;
}

}  // namespace

Table system_api_user() {
  Table t;
  t.name = "system api-user";
  t.help = "Programs that may use the REST API, each with its own token.";
  t.key = text("name", "Name of the program.", 35, 1);
  t.attributes = {
      of_type("api-key", Type::kSecret, "Token; kept as a hash. `execute api-user generate-key <name>` draws one.")
          .allowing("what `execute api-user generate-key` drew; it can't be chosen"),
      account_profile(),
      text("comments", "Note.", 255),
  };
  t.tables = {api_user_trusthost()};
  t.check = [](const ObjectView& o) -> Status {
    // Each request is checked against it: that must cost next to nothing, which only a key of our own drawing allows.
    if (o.is_set("api-key") && !is_hashed_key(o.text("api-key"))) {
      return fail(ErrorCode::kInvalidArgument,
                  "api-key: can't be chosen; draw one: execute api-user generate-key " + o.key());
    }
    return {};
  };
  return t;
}

}  // namespace postern::gateway::config::tables
