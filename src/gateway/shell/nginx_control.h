#pragma once
// nginx and what it decides by: listeners and certificates in its configuration, policies in ec-shm.
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ecshm/writer.h"
#include "gateway/forward/forwarder_process.h"
#include "gateway/shell/context.h"
#include "gateway/shell/proxy_plan.h"
#include "gateway/ztna/nginx_process.h"
#include "gateway/ztna/traffic_log.h"

namespace postern::gateway {

/// Thread: loop.
class NginxControl {
 public:
  /// `shm` outlives this.
  /// `retry`: the pause before what may pass by itself is tried again.
  NginxControl(Context& context, ecshm::Writer& shm, std::chrono::milliseconds retry = std::chrono::seconds(2))
      : context_(context), shm_(shm), retry_pause_(retry) {}

  /// Makes nginx's directories. Until `start`, reload does nothing. Errors: NginxProcess::create's.
  Status create(const NginxOptions& options);
  void use(std::unique_ptr<NginxProcess> process);
  void start();
  void stop();

  /// Compiles the configured policies with the tags as they are now, for the workers. To be followed by `reload`: new
  /// servers behind policies that stay the same wait for nginx to know them, so that no request fails meanwhile.
  void publish_policies();
  /// Whether they wait: until nginx knows the new servers, requests go on to those of before.
  bool waiting() const { return !held_.empty(); }
  /// Puts the configuration into force if it is another than the one in force. What can't be is logged and stands in
  /// `health`, the old one stays, and what may pass by itself (a port that is taken) is tried again.
  void reload();
  /// Whether the access proxies are what the configuration wants; what is wrong and what to do.
  Status health() const;
  /// Of the forwarder of TCP; nullptr: nothing is forwarded.
  const ForwarderProcess* forwarder() const { return forwarder_ && forwarder_->wanted() ? forwarder_.get() : nullptr; }
  bool has_listeners() const { return !plan_.listeners.empty(); }
  /// What keeps single access proxies from being as configured, as of now: a port that another program has, an address
  /// that this machine hasn't, a certificate that can't be used. One sentence each.
  std::vector<std::string> obstacles() const;
  /// Which live sessions a considered change of a tag would cut, by the policies in force.
  std::vector<proto::fabric::SessionsCut> sessions_cut(ConnectorId connector, const proto::fabric::WhatIf& question) const;
  /// What the workers decide by.
  const policy::PolicyTable& policies() const { return published_plan_.table; }
  /// What is configured, as publish_policies found it.
  const ProxyPlan& plan() const { return plan_; }
  /// Of an access proxy by its number; empty: there is none now.
  std::string_view proxy_name(std::uint32_t proxy) const {
    const auto it = proxy_names_.find(proxy);
    return it == proxy_names_.end() ? std::string_view() : std::string_view(it->second);
  }
  /// Names for an event of the workers.
  TrafficNames names_of(const ecshm::EventView& event) const;

 private:
  // What they install for nginx they append to `installed`: with other content under the same name nginx reloads, too.
  /// nullopt: it can't be used, which has been logged.
  std::optional<NginxListener> with_certificate(std::size_t number, std::string& installed);
  struct Pair {
    std::string chain, key;
  };
  Result<Pair> certificate_of(std::size_t number) const;
  std::optional<std::string> out_of_date(std::size_t number) const;
  bool server_cas_changed() const;
  std::optional<std::string> out_of_reach(const NginxListener& listener) const;
  std::vector<std::size_t> within_reach();  // ascending
  const NginxListener* place_before(std::size_t number) const;
  void install_client_cas(NginxConfig& config, std::string& installed);
  void install_server_cas(NginxConfig& config, std::string& installed);
  /// What nginx was asked for.
  struct Wanted {
    std::string all;  // text and installed files
    std::vector<NginxListener> listeners;
  };
  /// Written once as long as it stays the same: each write waits for the disk, on the loop's thread.
  Result<std::string> install(const std::string& name, const std::string& content);
  void publish(Bytes blob);
  bool only_servers_differ(const ProxyPlan& before) const;
  void publish_held();
  void release_held();
  std::optional<std::string> render(NginxConfig config, std::string& installed);
  void applied(Status status, Wanted wanted);
  void retry_later(ErrorCode why);
  void await_late(Wanted wanted);

  Context& context_;
  ecshm::Writer& shm_;
  const std::chrono::milliseconds retry_pause_;
  std::unique_ptr<NginxProcess> process_;
  bool started_ = false;
  ProxyPlan plan_;
  Bytes published_;       // policies; empty: none, or not known
  ProxyPlan published_plan_;
  Bytes held_;            // policies that wait until nginx knows their servers; empty: none
  std::vector<NginxPool> retired_;  // pools of the policies before, kept for requests that come meanwhile
  std::unique_ptr<ForwarderProcess> forwarder_;  // nullptr: nginx is one of a test's
  std::set<std::uint32_t> forwarding_;           // pools of service tcp-forwarding that there have been: likewise
  std::map<std::uint32_t, std::string> proxy_names_;  // of all there have been: sessions may be open
  std::map<std::string, std::pair<std::string, std::string>> installed_;  // name -> content, path
  std::string in_force_;  // Wanted::all
  bool busy_ = false;
  bool again_ = false;        // something has changed meanwhile
  bool second_step_ = false;  // nginx has to let go of a place first
  std::optional<std::vector<NginxListener>> bound_;  // where our nginx listens; nullopt: not known yet
  std::vector<NginxListener> let_go_;                // where it listened before that, until a moment ago
  MonoTime let_go_until_{};
  std::map<std::string, Error> problems_;            // by the part that has it
  net::Handle retry_, publish_retry_, reach_;
  net::Handle died_, release_;
  std::vector<std::size_t> reachable_;  // what within_reach returned last
  std::map<std::string, std::filesystem::file_time_type> server_ca_files_;  // as they were when they were read
  Wanted late_;  // what nginx was asked for last, while it has not answered
  int late_looks_ = 0, unanswered_ = 0;  // until it is asked again; so often in a row it has not answered
};

}  // namespace postern::gateway
