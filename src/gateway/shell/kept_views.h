#pragma once
// The connectors' views on disk: what lets the gateway go on deciding after its own restart, while an EMS is away.
#include <map>
#include <set>

#include "gateway/shell/background_write.h"
#include "gateway/shell/context.h"

namespace postern::gateway {

/// Thread: loop.
class KeptViews {
 public:
  explicit KeptViews(Context& context);

  /// Gives the core what was kept of every enabled connector whose EMS is trusted, as far as it is that EMS's: by the same
  /// server, serial number, tenant and accepted certificate. What is another's, or nobody's any more, goes; what is
  /// damaged is left out and logged.
  void restore();
  /// A connector's view changed. Until it is written, whom that is about is noted beside what was kept before, and does not
  /// come back from it: nobody is let in by what an EMS has taken away, if the gateway is killed in between. (Of the machine's
  /// end the kernel may not have written it yet.)
  void mark(const act::SaveView& change);
  /// Writes what changed, and what was last written when the last contact was ten seconds older. Called often: a tag
  /// that was lost must not come back with a gateway that dies right after. Writing goes on off the loop, one view after the other, for at most
  /// a thirtieth of the time each; a large view is written less often. Where a change can't be written (disk full), what was kept before it goes
  /// as far as the disk lets it. Of connectors that are no more nothing stays. `all`: whatever was written
  /// when, and before this returns; for the end.
  void save(bool all = false);
  /// Whether the last write of every view succeeded.
  Status health() const { return failed_.empty() ? Status() : fail(failed_.begin()->second); }

 private:
  std::filesystem::path path(ConnectorId id) const;
  std::filesystem::path since_path(ConnectorId id) const;
  std::filesystem::path aside_path(ConnectorId id) const;
  /// Takes out of the view whom changes since were about. False: nothing of it counts.
  bool leave_out_changed(ConnectorId id, proto::View& view) const;
  void remove(ConnectorId id);
  void save(ConnectorId id, const GatewayCore::Connector& connector, bool all);
  /// What was noted so far is in the view that is written now, or doesn't matter any more.
  void set_notes_aside(ConnectorId id) const;
  void remove_begun() const;

  struct Saved {
    std::string source;
    MonoTime contact{};
    MonoTime rest_until{};
  };
  struct Writing {
    explicit Writing(net::Loop& loop) : file(loop) {}
    BackgroundWrite file;
    bool in_vain = false;  // it was dropped meanwhile
  };
  Writing& writing(ConnectorId id);
  bool busy(ConnectorId id) const;
  void written(ConnectorId id, const Saved& now, MonoTime begun, bool changed, const Status& status);

  Context& context_;
  std::string boot_id_;
  std::set<ConnectorId> unsaved_;
  std::map<ConnectorId, Error> failed_;
  std::map<ConnectorId, Saved> saved_;
  std::map<ConnectorId, Writing> writing_;
};

}  // namespace postern::gateway
