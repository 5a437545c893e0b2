#pragma once
// Where facts come from on a running machine: every family of collectors with what tells of its changes (inotify,
// rtnetlink, nftables' notifications, POLLPRI), processes by pidfd and fanotify, wanted files by inotify. What the
// kernel tells nothing of is looked at each second, and `list` says so.
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/collectors/collector.h"
#include "agent/collectors/network/gateway_memory.h"
#include "agent/collectors/network/reader.h"
#include "agent/core/agent_core.h"
#include "agent/shell/asking.h"
#include "agent/watch/path_watch.h"
#include "agent/watch/poll_watch.h"
#include "agent/watch/process_watch.h"
#include "base/clock.h"
#include "net/loop.h"

namespace postern::agent {

struct Source {
  std::string name;      ///< "processes", "files" or a family's name.
  bool events = false;   ///< The kernel tells of changes; else they are looked for.
  std::string by;        ///< What tells: "inotify", "rtnetlink", ...
  std::string note;      ///< Why there are no events; empty otherwise.
  Seconds every{1};      ///< How often they are looked for where there are no events.
};

/// Thread: loop.
class Sources {
 public:
  struct Sink {
    std::function<void(const std::string& family, const posture::FactMap& facts)> family;
    std::function<void(const std::string& name, bool running)> process;
    /// With why it is unknown, in words; empty where it is known.
    std::function<void(const std::string& path, posture::FactValue value, std::string_view why)> file;
    std::function<void(const std::string& text)> inventory;  ///< Empty: there is none.
    std::function<void()> turn_over;                         ///< After each bunch of the above.
    std::function<void(const posture::FactMap& facts)> answers;  ///< To wishes for other facts.
  };
  /// `clock` outlives it. Of another `root` than "/" its files are read and watched; what runs is unknown then.
  Sources(net::Loop& loop, const Clock& clock, Sink sink, std::filesystem::path root = "/");
  ~Sources();
  Sources(const Sources&) = delete;
  Sources& operator=(const Sources&) = delete;

  /// Reads everything once, and watches from then on.
  void start();
  /// Watches exactly what is wished from now on; the sink hears of each new process and file before this returns, of
  /// other facts soon.
  void watch(const Wishes& wishes);
  /// Tells the inventory that was read last.
  void tell_inventory();
  /// Reads everything again, whether anything changed or not; `done` when all of it was told.
  void recheck(std::function<void()> done);
  /// Something is wished that has had no answer yet.
  bool unanswered() const { return asking_.unanswered(); }
  std::vector<Source> list() const;

 private:
  Facts new_facts() const { return Facts(root_, clock_.now().wall); }
  void open_watches();
  void watch_family_files();
  std::vector<std::string> files_read_by(const Collector& family) const;
  void collect(const std::string& family);
  void soon(const std::string& family);
  void read_packages(std::function<void()> done);
  void packages_changed();
  void open_network();
  void network_readable();
  void tell_network();
  void ask_in_grace();
  void watch_daemons();
  void watch_processes();
  void ask();
  void tell(const std::string& family, const posture::FactMap& facts);
  void tell_file(const std::string& path, const PathTrace& trace);
  void scan();
  void look_at_files();
  void plan_scan();
  bool files_by_event() const;

  net::Loop& loop_;
  const Clock& clock_;
  Sink sink_;
  std::filesystem::path root_;
  Wishes wishes_;
  std::set<std::string> wanted_processes_, wanted_paths_;  // of the wishes
  std::set<std::string> daemons_;
  std::set<std::string, std::less<>> in_record_;  // keys that the families told
  std::unique_ptr<ProcessWatch> processes_;
  std::unique_ptr<PathWatch> family_files_, wanted_files_;
  std::map<std::string, std::set<std::string>> family_paths_;  // and the families that read each
  std::string why_no_inotify_;
  std::map<std::string, PathTrace> traces_;  // of wanted files, where there is no inotify
  std::map<std::string, std::string> stamps_;  // of families' files, likewise
  bool wanted_without_events_ = false;       // a wanted file lies where the kernel sends none
  std::unique_ptr<NetworkReader> network_;
  std::string why_no_network_;
  net::Handle network_handle_;
  bool tunnel_up_ = false;
  GatewayMemory gateways_;                   // outlives a reader
  net::Handle grace_timer_;                  // while an address is kept
  int ruleset_ = -1;
  std::string why_no_ruleset_;
  net::Handle ruleset_handle_;
  std::unique_ptr<PollWatch> host_name_, mounts_;
  std::string why_no_host_name_;

  std::set<std::string> pending_;            // families to collect in the next turn
  bool turn_planned_ = false;
  bool packages_reading_ = false, packages_again_ = false;
  std::vector<std::function<void()>> packages_done_;
  net::Handle packages_pause_, inventory_timer_, scan_timer_, gateway_timer_;
  Seconds inventory_interval_{0};
  std::string inventory_;
  Asking asking_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// What a wanted path being there means: a regular file exists, anything else does not; what may not be seen is
/// unknown.
posture::FactValue file_value(const PathTrace& trace);

}  // namespace postern::agent
