#pragma once
// What an administrator wants of the EMSs now: everything anew, new connections, or whose certificate this is. Each
// question waits for all of them, but not for ever.
#include <functional>
#include <list>
#include <map>
#include <vector>

#include "gateway/cli/operations.h"
#include "gateway/shell/context.h"
#include "net/loop.h"

namespace postern::gateway {

/// Several questions may be open at once; those open when this ends are not answered. Thread: loop.
class FabricInquiries {
 public:
  static constexpr Seconds kPatience{10};

  /// `connectors` tells how each connector is; `trouble` what an administrator can do about one that has no EMS, empty if
  /// it has one.
  using Connectors = std::function<std::vector<cli::ConnectorStatus>()>;
  using Trouble = std::function<std::string(const cli::ConnectorStatus&)>;
  FabricInquiries(Context& context, Connectors connectors, Trouble trouble, Seconds patience = kPatience)
      : context_(context), connectors_(std::move(connectors)), trouble_(std::move(trouble)), patience_(patience) {}

  /// These are GatewayOperations' of similar names.
  void refresh(cli::GatewayOperations::Answered done) { ask_everything(false, std::move(done)); }
  void restart(cli::GatewayOperations::Answered done) { ask_everything(true, std::move(done)); }
  void ask_about(const Sha256& leaf, cli::GatewayOperations::Replied done);
  /// Something has come from an EMS, or a connection has changed.
  void follow();

 private:
  struct Everything {
    Now asked;
    bool anew = false;                         // by new connections
    std::map<ConnectorId, cli::EmsAnswer> answers;
    std::map<ConnectorId, bool> open;          // not answered yet
    cli::GatewayOperations::Answered done;
    net::Handle patience;
  };
  struct Certificate {
    Now asked;
    std::map<ConnectorId, cli::CertificateReply> replies;
    std::map<ConnectorId, std::uint64_t> open;  // the core's questions
    cli::GatewayOperations::Replied done;
    net::Handle patience;
  };

  void ask_everything(bool anew, cli::GatewayOperations::Answered done);
  void look(Everything& question);
  void look(Certificate& question);
  void give_up();
  void finish();

  Context& context_;
  Connectors connectors_;
  Trouble trouble_;
  const Seconds patience_;
  std::list<Everything> everything_;
  std::list<Certificate> certificates_;
};

}  // namespace postern::gateway
