#include "gateway/ztna/forward_log.h"

#include <gtest/gtest.h>

#include "gateway/syslog/message.h"

namespace postern::gateway {
namespace {

ForwardCut cut() {
  ForwardCut c;
  c.time = from_unix_ms(0);
  c.reason = policy::Reason::kMissingTag;
  c.policy = 7;
  c.policy_name = "to \"app\"";
  c.source = *IpAddress::parse("10.0.1.2");
  c.destination = *IpAddress::parse("10.0.3.10");
  c.source_port = 40'000;
  c.destination_port = 8080;
  c.protocol = 6;
  c.endpoint_uid = "U";
  c.host_name = "ann's";
  c.tags = {"EMS1_ZTNA_A"};
  return c;
}

TEST(ForwardLog, TellsOfAConnection) {
  EXPECT_EQ(forward_line(cut()),
            R"({"time":"1970-01-01T00:00:00.000Z","type":"traffic","subtype":"forward","action":"cut","reason":"065",)"
            R"("reason_name":"missing_tag","msg":"the endpoint lacks a tag that the policy demands","policyid":7,)"
            R"("policyname":"to \"app\"","srcip":"10.0.1.2","srcport":40000,"dstip":"10.0.3.10","dstport":8080,"proto":6,)"
            R"("clientdeviceid":"U","clientdevicename":"ann's","tags":["EMS1_ZTNA_A"]})");
  std::string out;
  syslog::put_message(out, {16, "gw1", "42"}, cut());
  EXPECT_EQ(out,
            R"(<132>1 1970-01-01T00:00:00.000Z gw1 postern-gateway 42 forward-cut [forward@32473 action="cut" reason="065" )"
            R"(reason_name="missing_tag" policyid="7" policyname="to \"app\"" srcip="10.0.1.2" srcport="40000" )"
            R"(dstip="10.0.3.10" dstport="8080" proto="6" clientdeviceid="U" clientdevicename="ann's" tag="EMS1_ZTNA_A"] )"
            "the endpoint lacks a tag that the policy demands");
}

TEST(ForwardLog, CountsWhatIsBeyond) {
  ForwardCut c;
  c.time = from_unix_ms(0);
  c.reason = policy::Reason::kOffline;
  c.count = 12;
  EXPECT_NE(forward_line(c).find(R"("count":12})"), std::string::npos);
  EXPECT_EQ(forward_line(c).find("srcip"), std::string::npos);
  std::string out;
  syslog::put_message(out, {}, c);
  EXPECT_NE(out.find(R"( count="12"] )"), std::string::npos);
}

}  // namespace
}  // namespace postern::gateway
