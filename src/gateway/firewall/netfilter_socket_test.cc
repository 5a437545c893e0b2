#include "gateway/firewall/netfilter_socket.h"

#include <gtest/gtest.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <sched.h>

#include <functional>
#include <memory>
#include <thread>

#include "gateway/neighbours/netlink.h"

namespace postern::gateway::firewall {
namespace {

constexpr std::uint8_t kInet = 1;

/// In a network namespace of its own, which ends with the thread.
void in_namespace(const std::function<void(NetfilterSocket&)>& work) {
  bool made = false;
  std::thread([&] {
    made = unshare(CLONE_NEWNET) == 0;
    if (!made) return;
    auto socket = NetfilterSocket::open(NFNL_SUBSYS_NFTABLES, "nftables");
    ASSERT_TRUE(socket) << socket.error().message;
    work(*socket);
  }).join();
  if (!made) GTEST_SKIP() << "network namespaces can't be made here";
}

bool nft(const char* commands) {
  const std::unique_ptr<nft_ctx, void (*)(nft_ctx*)> context(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free);
  return nft_run_cmd_from_buffer(context.get(), commands) == 0;
}

class Asking {
 public:
  explicit Asking(NetfilterSocket& socket) : socket_(socket) {}
  Status generation() {
    answers = 0;
    return socket_.exchange(socket_.begin(buffer_, NFT_MSG_GETGEN, NLM_F_ACK, 0), [this](const nlmsghdr*) { ++answers; });
  }
  Status elements(const char* table, const char* set) {
    answers = 0;
    auto* message = socket_.begin(buffer_, NFT_MSG_GETSETELEM, NLM_F_DUMP, kInet);
    mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, table);
    mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set);
    return socket_.exchange(message, [this](const nlmsghdr* answer) {
      each_attribute(answer, sizeof(nfgenmsg), [this](const nlattr* list) {
        if (mnl_attr_get_type(list) != NFTA_SET_ELEM_LIST_ELEMENTS) return;
        each_nested(list, [this](const nlattr*) { ++answers; });
      });
    });
  }
  int answers = 0;

 private:
  NetfilterSocket& socket_;
  alignas(nlmsghdr) char buffer_[1024];
};

TEST(NetfilterSocket, HasTheWholeAnswerAndNoControlMessages) {
  in_namespace([](NetfilterSocket& socket) {
    Asking ask(socket);
    EXPECT_TRUE(ask.generation());
    EXPECT_EQ(ask.answers, 1);
    ASSERT_TRUE(nft("table inet t { set s { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }; }"));
    const auto elements = ask.elements("t", "s");
    EXPECT_TRUE(elements) << elements.error().message;
    EXPECT_EQ(ask.answers, 2);
  });
}

TEST(NetfilterSocket, SaysWhatIsWrongAndGoesOn) {
  in_namespace([](NetfilterSocket& socket) {
    Asking ask(socket);
    const auto missing = ask.elements("none", "none");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
    EXPECT_EQ(missing.error().message.substr(0, 10), "nftables: ");
    EXPECT_TRUE(ask.generation());
    EXPECT_EQ(ask.answers, 1);
  });
}

}  // namespace
}  // namespace postern::gateway::firewall
