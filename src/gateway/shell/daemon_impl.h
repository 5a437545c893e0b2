#pragma once
// The running gateway: its parts, in the order in which they are made, and what goes to and fro between them. For daemon*.cc
// alone. Thread: loop.
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ecshm/writer.h"
#include "gateway/api/api.h"
#include "gateway/cli/server.h"
#include "gateway/neighbours/watch.h"
#include "gateway/shell/api_listener.h"
#include "gateway/shell/daemon.h"
#include "gateway/shell/fabric_channels.h"
#include "gateway/shell/firewall_control.h"
#include "gateway/shell/kept_pins.h"
#include "gateway/shell/kept_views.h"
#include "gateway/shell/leading_away.h"
#include "gateway/shell/nginx_control.h"
#include "gateway/shell/operations.h"
#include "gateway/shell/reserved_addresses.h"
#include "gateway/shell/server_health.h"
#include "gateway/ztna/module_channel.h"
#include "gateway/ztna/traffic_log.h"

namespace postern::gateway {

class Daemon {
 public:
  Daemon(net::Loop& loop, DaemonOptions options) : context_(loop, std::move(options)) {
    context_.pump = [this] { pump(); };
    channels_.on_new_ca = [this] { nginx_->reload(); };
  }

  Status start();
  void stop();

 private:
  Status load();
  void read_configuration();
  void follow_clock();
  Status open_data_plane();
  Status open_network();
  Status open_administration();
  void present_api_certificate();
  void check_initial_password();
  void make_core();
  void configure();
  void use_syslog();
  void pump();
  void go_on();
  void act_on(act::Action& action);
  bool act_on_neighbour(act::Action& action);
  void end_led_away();
  void send_led_away(std::vector<ecshm::ClearOrder> orders);
  void await_led_away();
  void keep_led_to();
  void note_changes();
  void tell_decisions();
  void unpin(const NeighbourKey& key);
  void pin_ems(ConnectorId id, const EmsSerial& serial, const TenantId& tenant);

  Context context_;
  std::unique_ptr<ecshm::Writer> shm_;
  ProcessUser nginx_user_;
  FabricChannels channels_{context_};
  ReservedAddresses reserved_{context_, channels_};
  KeptViews views_{context_};
  KeptPins pins_{context_};
  std::unique_ptr<NginxControl> nginx_;
  std::unique_ptr<ServerHealth> servers_;
  metrics::Counted counted_;  // to the end, like the log: the workers' channel tells what is left
  syslog::Log syslog_;
  std::unique_ptr<TrafficLog> traffic_;
  std::unique_ptr<ModuleChannel> modules_;
  std::unique_ptr<FirewallControl> firewall_;  // null: without IP/MAC control
  std::unique_ptr<NetworkWatch> watch_;        // likewise
  std::unique_ptr<LiveOperations> operations_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<ApiListener> listener_;
  std::unique_ptr<cli::CliServer> cli_;
  Status api_certificate_;                     // why the configured one isn't shown
  std::optional<std::string> admin_hash_;  // whose initial password was looked at
  LeadingAway led_;
  std::string led_kept_;
  std::vector<Sha256> answers_;
  std::vector<act::SlotsChanged> changes_;  // in ec-shm, of which nobody has been woken yet
  config::LocalMinute minute_;  // whose schedules are in force
  bool policies_dirty_ = false;
  bool pumping_ = false;
  net::Handle tick_, saver_, decisions_, rotated_, led_again_, going_on_;
};

}  // namespace postern::gateway
