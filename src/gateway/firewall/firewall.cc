#include "gateway/firewall/firewall.h"

#include <nftables/libnftables.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/firewall/conntrack.h"
#include "gateway/firewall/judge.h"
#include "gateway/firewall/kernel_table.h"

namespace postern::gateway::firewall {

struct Firewall::Impl {
  explicit Impl(std::string table) : model(std::move(table)) {}
  ~Impl() {
    if (nft) nft_ctx_free(nft);
  }

  /// Runs them as one transaction, and notes whether another one came between.
  Status run(const std::string& commands) {
    note_generation();
    const auto status = transact(commands);
    if (!kernel) return status;
    const auto after = kernel->generation();
    if (!after) return status;
    elsewhere = elsewhere || (*after != generation && *after != next(generation));
    generation = *after;
    return status;
  }

  void begin(Change& change, const std::string& behind = {}) {
    pending = {};
    const auto put = [this](std::string commands) {
      if (!commands.empty()) pending.transactions.push_back(std::move(commands));
    };
    put(std::move(change.ahead));
    put(change.commands + behind);
    const auto in_front = pending.transactions.size();
    for (auto& commands : change.more) put(std::move(commands));
    if (change.structure) pending.note_behind = in_front + change.structure_behind;
  }

  /// Transaction by transaction, until one is refused or the slice is over.
  Status go_on() {
    const auto until = clock.now().mono + slice;
    Status status;
    while (pending.unfinished()) {
      if (status = run(pending.transactions[pending.next]); !status) break;
      pending.transactions[pending.next++].clear();
      // What follows fills sets: whoever changes another table meanwhile casts no doubt on the structure.
      if (pending.next == pending.note_behind) note_structure();
      if (clock.now().mono >= until) break;
    }
    if (!status) pending = {};
    return status;
  }

  static std::uint32_t next(std::uint32_t generation) { return generation + 1 == 0 ? 1 : generation + 1; }

  void note_generation() {
    if (!kernel) return;
    const auto now = kernel->generation();
    if (!now) return;
    elsewhere = elsewhere || *now != generation;
    generation = *now;
  }

  /// What our own change made of the table, unless somebody else's came between.
  void note_structure() {
    ours.reset();
    structure_taken = model.taken();
    if (!kernel) return;
    auto found = kernel->structure(model.table());
    note_generation();
    if (found && !elsewhere) ours = *found;
    if (!found) elsewhere = true;
  }

  bool still_ours() {
    if (!kernel || !ours) return false;
    const auto found = kernel->structure(model.table());
    return found && *found == *ours;
  }

  Status transact(const std::string& commands) {
    if (nft_run_cmd_from_buffer(nft, commands.c_str()) == 0) return {};
    const char* raw = nft_ctx_get_error_buffer(nft);
    const std::string text(trim(raw ? raw : ""));
    const auto code = text.find("Operation not permitted") != text.npos  ? ErrorCode::kPermissionDenied
                      : text.find("Operation not supported") != text.npos ? ErrorCode::kUnsupported
                      : text.find("No space left") != text.npos || text.find("Cannot allocate") != text.npos
                          ? ErrorCode::kResourceExhausted
                          : ErrorCode::kInternal;
    return fail(code, "nftables refuses the change: " + text.substr(0, text.find('\n')));
  }

  /// What is left of the lease, for a table that is built anew.
  std::string lease() const {
    if (!lease_until) return {};
    const auto left = std::chrono::duration_cast<Seconds>(*lease_until - clock.now().mono).count();
    return left > 0 ? model.renew_command(static_cast<unsigned>(left)) : std::string();
  }

  /// What there is to clean up. The oldest moment counts, since then nothing was cleaned up; and the one that this change leads
  /// to, whatever the model goes on to while it is brought into force.
  void note(Change& change) {
    if (!tracked) return;  // nobody will
    for (const auto& ip : change.flush) to_clean.try_emplace(ip);
    for (auto& [ip, entry] : change.before) {
      if (auto& before = to_clean[ip].before; !before) before = std::move(entry);
    }
    for (const auto& ip : change.flush) {
      const auto it = model.addresses().find(ip);
      to_clean[ip].now = it == model.addresses().end() ? std::nullopt : std::optional(it->second);
    }
    for (auto& [ip, why] : change.gone) gone.insert_or_assign(ip, std::move(why));
    if (*policies != model.policies()) policies = std::make_shared<std::vector<Policy>>(model.policies());
  }

  void begin_rebuild() {
    note_generation();
    elsewhere = again = false;  // whatever it was, it goes
    // What there is may let anybody through. To find all that a large table holds takes a second, its rules no time.
    const auto head = model.rebuild_head();
    const bool stands = head && run(head->ahead) && run(head->commands);
    Change change = model.take_rebuild();
    note(change);
    if (stands) {
      change.ahead.clear();
      change.commands.clear();
    }
    begin(change, lease());
    if (stands) note_structure();
    pending.rebuilds = true;
  }

  void begin_change() {
    Change change = model.take_change();
    note(change);
    if (change.structure) note_generation();
    // What is being looked at, or could not be told, may be our table: what our change makes of it then must not count as ours.
    if (change.structure && (inspection || again) && !still_ours()) elsewhere = true;
    // On what may not be ours nothing is built.
    if (change.structure && elsewhere) return begin_rebuild();
    begin(change);
  }

  nft_ctx* nft = nullptr;
  struct Tracked {
    std::mutex mutex;  // cleanups may run on several threads
    std::unique_ptr<Conntrack> conntrack;
  };
  std::shared_ptr<Tracked> tracked;
  struct Changed {
    std::optional<AddressEntry> before;  // nullopt: as now
    std::optional<AddressEntry> now;     // nullopt: nobody's
  };
  std::map<IpAddress, Changed> to_clean;
  std::map<IpAddress, Gone> gone;
  // Those in force (while a change is unfinished: that it leads to), and those at the last cleanup.
  std::shared_ptr<const std::vector<Policy>> policies = std::make_shared<std::vector<Policy>>(), cleaned = policies;
  struct Pending {
    std::vector<std::string> transactions;
    std::size_t next = 0;
    std::size_t note_behind = static_cast<std::size_t>(-1);  // the table's structure is complete then
    bool rebuilds = false;

    bool unfinished() const { return next < transactions.size(); }
  };
  Pending pending;
  std::chrono::nanoseconds slice = kSlice;
  FirewallModel model;
  SystemClock clock;
  std::optional<MonoTime> lease_until;
  bool broken = false;

  // What somebody else does to the table.
  std::unique_ptr<KernelTable> kernel;  // null: can't be told
  std::uint32_t generation = 0;         // of the namespace, when it was looked at last
  bool elsewhere = false;               // somebody else has changed something since the table was known to be ours
  bool again = false;                   // an inspection could not tell whether it was our table
  std::optional<std::uint64_t> ours;    // structure, after our last change of it
  std::uint64_t structure_taken = 0;    // the change that made it
  struct Inspection {
    std::unique_ptr<KernelTable> kernel;
    std::string table;
    std::map<std::string, ElementKind> sets;
    std::uint64_t taken = 0;
    std::optional<std::uint64_t> ours;  // as it was when this began
    bool whole = true;
    Status status;
    std::uint64_t structure = 0;
    std::map<std::string, Fingerprint> elements;

    void run() {
      auto found = kernel->structure(table);
      if (!found) return void(status = fail(found.error()));
      structure = *found;
      if (structure != ours) return;  // nothing more has to be known
      for (const auto& [name, kind] : sets) {
        auto in = kernel->elements(table, name, kind);
        if (in) {
          elements[name] = *in;
        } else if (in.error().code != ErrorCode::kNotFound) {
          return void(status = fail(in.error()));
        }
      }
    }
  };
  std::shared_ptr<Inspection> inspection;
};

Firewall::Firewall(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Firewall::~Firewall() = default;

Result<std::unique_ptr<Firewall>> Firewall::open(std::string table) {
  auto impl = std::make_unique<Impl>(std::move(table));
  impl->nft = nft_ctx_new(NFT_CTX_DEFAULT);
  if (!impl->nft) return fail(ErrorCode::kUnsupported, "nftables can't be used here");
  nft_ctx_buffer_error(impl->nft);
  nft_ctx_buffer_output(impl->nft);
  auto conntrack = Conntrack::open();
  if (conntrack) {
    impl->tracked = std::make_shared<Impl::Tracked>();
    impl->tracked->conntrack = std::move(*conntrack);
  } else {
    log_warning("firewall.conntrack", conntrack.error().message);
  }
  if (auto kernel = KernelTable::open()) {
    impl->kernel = std::move(*kernel);
  } else {
    log_warning("firewall.watch", kernel.error().message);
  }
  // A table that a gateway before left goes on as it is: its lease runs out, and the first `apply` replaces it whole.
  // Without one nothing may pass from this moment on.
  const std::string& name = impl->model.table();
  const auto status = impl->run(fmt::format(
      "create table inet {0}\ntable inet {0} {{\n\tchain forward {{\n\t\ttype filter hook forward priority filter; "
      "policy drop;\n\t}}\n}}\n", name));
  if (!status && status.error().message.find("File exists") == std::string::npos) return fail(status.error());
  impl->elsewhere = false;
  return std::unique_ptr<Firewall>(new Firewall(std::move(impl)));
}

FirewallModel& Firewall::model() { return impl_->model; }

Status Firewall::apply() {
  if (std::exchange(impl_->broken, false)) {
    impl_->begin_rebuild();
  } else if (!impl_->pending.unfinished()) {
    impl_->begin_change();
  }
  const bool rebuilds = impl_->pending.rebuilds;
  auto status = impl_->go_on();
  if (status || rebuilds) {
    impl_->broken = !status;
    return status;
  }
  log_warning("firewall.rebuild", status.error().message);
  impl_->begin_rebuild();
  status = impl_->go_on();
  impl_->broken = !status;
  return status;
}

bool Firewall::unfinished() const { return impl_->pending.unfinished(); }

void Firewall::set_slice(std::chrono::nanoseconds slice) { impl_->slice = slice; }

std::function<Forgotten()> Firewall::take_cleanup(std::set<IpAddress> own) {
  if (!impl_->tracked || unfinished()) return nullptr;
  if (impl_->to_clean.empty()) {  // nobody was there whose connections these policies could end
    impl_->cleaned = impl_->policies;
    return nullptr;
  }
  struct Job {
    std::shared_ptr<Impl::Tracked> tracked;
    std::shared_ptr<const std::vector<Policy>> before, now;
    std::map<IpAddress, Impl::Changed> changed;
    std::map<IpAddress, Gone> gone;
    std::set<IpAddress> own;
  };
  auto job = std::make_shared<Job>();
  job->own = std::move(own);
  job->tracked = impl_->tracked;
  job->before = std::exchange(impl_->cleaned, impl_->policies);
  job->now = impl_->policies;
  job->changed = std::exchange(impl_->to_clean, {});
  job->gone = std::exchange(impl_->gone, {});
  return [job] {
    const auto entry = [](const std::optional<AddressEntry>& of) { return of ? &*of : nullptr; };
    // Packets are judged one by one, so whatever stays tracked gets nothing through. A connection that is still
    // accepted has to stay: without its entry the far end's next packet would look like one that it opens itself.
    const auto keep = [&](const Flow& flow) {
      return job->own.contains(flow.destination) || accepts(*job->now, entry(job->changed[flow.source].now), flow);
    };
    std::vector<IpAddress> addresses;
    for (const auto& [ip, changed] : job->changed) addresses.push_back(ip);
    Forgotten out;
    const std::lock_guard lock(job->tracked->mutex);
    const auto forgotten = job->tracked->conntrack->forget(addresses, keep);
    if (!forgotten) {
      log_warning("firewall.conntrack", forgotten.error().message);
      return out;
    }
    for (const auto& flow : *forgotten) {
      if (flow.over) continue;  // nothing was cut
      const auto& changed = job->changed[flow.source];
      const Moment is{*job->now, entry(changed.now)};
      if (auto cut = why_cut(flow, {*job->before, changed.before ? &*changed.before : is.source}, is, job->gone[flow.source])) {
        out.add(std::move(*cut));
      }
    }
    return out;
  };
}

bool Firewall::changed_elsewhere() {
  if (impl_->broken || unfinished()) return false;  // is built anew in any case, or half done
  impl_->note_generation();
  return impl_->elsewhere || impl_->again;
}

std::function<void()> Firewall::take_inspection(bool whole) {
  if (unfinished()) return nullptr;
  auto kernel = KernelTable::open();
  if (!kernel) return nullptr;
  auto inspection = std::make_shared<Impl::Inspection>();
  inspection->kernel = std::move(*kernel);
  inspection->table = impl_->model.table();
  inspection->whole = whole;
  if (whole) {
    for (const auto& [name, set] : impl_->model.expected()) inspection->sets.emplace(name, element_kind(set.type));
  }
  inspection->taken = impl_->model.taken();
  inspection->ours = impl_->ours;
  impl_->inspection = inspection;
  impl_->elsewhere = impl_->again = false;  // what comes from now on is seen by the next one
  return [inspection] { inspection->run(); };
}

Firewall::Inspected Firewall::conclude() {
  const auto inspection = std::exchange(impl_->inspection, nullptr);
  const auto unsure = [&] {
    impl_->again = true;
    return Inspected::kUnsure;
  };
  if (!inspection || !inspection->status) return unsure();
  // Our own changes of meanwhile are not held against the table, nor that one is half done.
  if (unfinished() || impl_->structure_taken > inspection->taken) return unsure();
  bool changed = !impl_->ours || *impl_->ours != inspection->structure, sure = inspection->whole;
  for (const auto& [name, set] : impl_->model.expected()) {
    if (changed || !inspection->whole) break;
    const auto found = inspection->elements.find(name);
    if (found != inspection->elements.end() && found->second == set.elements) continue;
    if (set.touched > inspection->taken) {
      sure = false;
    } else {
      changed = true;
    }
  }
  if (changed) {
    impl_->broken = true;
    return Inspected::kChanged;
  }
  return sure ? Inspected::kOurs : unsure();
}

Status Firewall::renew(unsigned seconds) {
  if (auto s = impl_->run(impl_->model.renew_command(seconds)); !s) {
    impl_->broken = true;
    return s;
  }
  impl_->lease_until = impl_->clock.now().mono + Seconds(seconds);
  return {};
}

Status Firewall::end_lease() {
  impl_->lease_until.reset();
  return impl_->run(impl_->model.end_lease_command());
}

}  // namespace postern::gateway::firewall
