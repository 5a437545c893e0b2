#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {
namespace {

Status check_syslogd(const ObjectView& o) {
  if (o.enabled("status") && o.text("server").empty()) {
    return fail(ErrorCode::kInvalidArgument, "status: enable needs a server (set server <name or address>)");
  }
  return {};
}

}  // namespace

Table log_syslogd_setting() {
  Table t;
  t.name = "log syslogd setting";
  t.help = "A syslog server that gets the traffic log, too: each request that an access proxy refused, cut, or let through and logs.";
  std::vector<Option> facilities;
  for (const auto* name : {"kernel", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
                           "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
                           "local5", "local6", "local7"}) {
    facilities.push_back({name, "Number " + std::to_string(facilities.size()) + "."});
  }
  t.attributes = {
      toggle("status", "Whether anything is sent.", false),
      of_type("server", Type::kHost, "Host name or address of the server."),
      option("mode", "How it is sent.",
             {{"udp", "A datagram for each (RFC 5426): what is lost on the way is lost."},
              {"reliable", "Over TCP, each with its length in front (RFC 6587, octet counting)."}})
          .by_default("udp"),
      number("port", "Port of the server.", 1, 65535).by_default("514"),
      option("facility", "Under which facility.", std::move(facilities)).by_default("local7"),
      of_type("source-ip", Type::kAddress, "Address to send from; 0.0.0.0: the kernel's choice.").by_default("0.0.0.0"),
      option("format", "What a message looks like.",
             {{"default", "RFC 5424, with structured data."}, {"rfc5424", "The same."}})
          .by_default("default"),
      option("enc-algorithm", "Messages are not encrypted.", {{"disable", "They are not."}, {"low", "Not here."}, {"high-medium", "Not here."}, {"high", "Not here."}})
          .by_default("disable")
          .inert(),
      option("priority", "Of the connection.", {{"default", "As any."}, {"low", "Not here."}}).by_default("default").inert(),
      number("max-log-rate", "MB/s at most; 0: no limit.", 0, 100'000).by_default("0").inert(),
      option("interface-select-method", "The kernel's routes decide.", {{"auto", "They do."}, {"sdwan", "Not here."}, {"specify", "Not here."}})
          .by_default("auto")
          .inert(),
  };
  t.check = check_syslogd;
  return t;
}

}  // namespace postern::gateway::config::tables
