// The watcher: what changed in ec-shm, which sessions that concerns, and whether they may go on.
#include <algorithm>
#include <vector>

#include "nginx/worker.h"

namespace postern::nginx {
namespace {

/// What is open goes on to the real servers of `before`: whoever may have what the path leads to now need not be let to
/// them. Where both lead to the same servers, it makes no difference.
bool leads_elsewhere(const policy::Decision& before, const policy::Decision& now) {
  return now.allow && now.api_gateway != before.api_gateway && now.pool != before.pool;
}

}  // namespace

void Worker::look() {
  const bool different =
      reader_->refresh(link_connection_ == nullptr || reader_->generation() == 0);
  if (reader_->problem() != last_problem_) {
    last_problem_ = reader_->problem();
    if (!last_problem_.empty()) {
      ngx_log_error(NGX_LOG_ERR, log_, 0, "postern: %s", last_problem_.c_str());
    } else {
      ngx_log_error(NGX_LOG_NOTICE, log_, 0, "postern: reading endpoints and policies from %s",
                    dir_.c_str());
    }
  }
  std::vector<std::uint32_t> changed;
  bool all = reader_->take_changes([&](std::uint32_t slot) { changed.push_back(slot); });
  const auto at = now();
  const auto fresh = reader_->freshness(at.mono);
  // Also when it is back: what was told meanwhile of an endpoint without requests was not to be acted on.
  if (freshness_ != fresh) all = true;
  freshness_ = fresh;
  if (next_expiry_ <= at.wall) all = true;
  if (different || all) {
    judge_all();
    return;
  }
  for (const auto slot : changed) judge_slot(slot);
  clear_lost();
}

policy::Decision Worker::judge(Connection& connection, std::uint32_t proxy, std::string_view host,
                               std::string_view path, bool manageable, Now at) {
  // The caller is in the middle of a request: others are judged as soon as it is done.
  if (reader_->refresh(false)) {
    ngx_post_event(&posted_, &ngx_posted_events);
  }
  policy::EndpointState state;
  if (connection.certificate == policy::Certificate::kVerified) {
    const auto found = reader_->find(connection.leaf, at.mono);
    place(connection, found);
    state = found.state;
  } else {
    state.fresh = reader_->lease_valid(at.mono);
  }
  policy::RequestContext context;
  context.proxy = proxy;
  context.certificate = connection.certificate;
  context.certificate_not_after = connection.not_after;
  context.manageable = manageable;
  context.host = host;
  context.path = path;
  context.source = connection.source;
  if (reader_->policies().asks_for_interfaces() && !connection.interface_asked) find_interface(connection);
  context.interface = connection.interface.text();
  context.now = at.wall;
  return policy::decide(reader_->policies(), state, context);
}

void Worker::place(Connection& connection, const ecshm::Reader::Found& found) {
  if (found.slot != ecshm::Reader::kNoSlot) {
    connection.asked = false;
    next_expiry_ = std::min({next_expiry_, found.state.not_after, connection.not_after});
  }
  const auto generation = reader_->generation();
  if (connection.slot == found.slot && connection.generation == generation &&
      connection.in_slot.linked())
    return;
  connection.slot = found.slot;
  connection.generation = generation;
  if (found.slot != ecshm::Reader::kNoSlot) {
    bucket(found.slot).push_back(connection.in_slot);
  } else {
    connection.in_slot.remove();
  }
}

// Of a thousand sessions that end together each client sees its end first; only then one after the other is cleared away,
// which takes many times as long and is done some at a time.

void Worker::judge_slot(std::uint32_t slot) {
  List<Connection> todo;
  auto& list = bucket(slot);
  todo.take_all(list);
  while (auto* connection = todo.front()) {
    list.push_back(connection->in_slot);
    if (connection->slot == slot) look_again(*connection);
  }
}

void Worker::judge_all() {
  next_expiry_ = WallTime::max();
  List<Connection> todo;
  todo.take_all(all_);
  while (auto* connection = todo.front()) {
    all_.push_back(connection->in_all);
    look_again(*connection);
  }
  clear_lost();
}

void Worker::look_again(Connection& connection) {
  if (connection.in_lost.linked()) return;  // its client has seen the end of it
  const auto at = now();
  connection.had_slot = connection.slot != ecshm::Reader::kNoSlot;
  if (connection.certificate == policy::Certificate::kVerified) {
    const auto found = reader_->find(connection.leaf, at.mono);
    // In a new generation its slot may just not be filled in yet: the gateway is asked before
    // anything is cut.
    const bool moved = connection.generation != reader_->generation();
    if (!found.state.known && found.readable && connection.had_slot && moved && found.state.fresh &&
        connection.opened) {
      auto* q = question(connection.leaf);
      if (q != nullptr) {
        q->for_sessions = true;
        connection.asked = true;
        return;
      }
    }
  }

  bool identity_lost = false;
  bool something_stays = false;
  LiveRequest* lost = nullptr;
  connection.requests.for_each([&](LiveRequest& live) {
    if (live.cut) return;  // It only waits for the last of what is on its way.
    auto decision = judge(connection, live.proxy, live.host, live.path, live.manageable, at);
    if (leads_elsewhere(live.decision, decision)) {
      // As one whose real server is taken out.
      decision = live.decision;
      decision.allow = false;
      decision.reason = policy::Reason::kNoRealServer;
      decision.log = true;
    }
    if (decision.allow) {
      live.decision = decision;
      something_stays = true;
    } else {
      identity_lost = identity_lost || policy::concerns_identity(decision.reason);
      live.lost = decision;
      live.lost_at = at.wall;
      lost = &live;
    }
  });
  // An idle connection of an endpoint that is revoked, quarantined or offline has no business being
  // open.
  if (connection.requests.empty() && connection.opened)
    identity_lost = endpoint_gone(connection, at);
  connection.lost = identity_lost && !something_stays;
  if (!connection.lost && lost == nullptr) return;
  silence(connection, lost);
}

void Worker::silence(Connection& connection, const LiveRequest* lost) {
  if (connection.lost || lost->request->stream == nullptr) {
    silence_connection(connection);
  } else {
    silence_streams(connection);
  }
  (connection.silenced && !connection.reached ? silenced_ : lost_).push_back(connection.in_lost);
}

void Worker::clear_lost() {
  while (auto* connection = lost_.front()) clear_away(*connection);
  for (int n = 0; n < kClearedAtOnce && !silenced_.empty(); ++n) clear_away(*silenced_.front());
  if (silenced_.empty() || clearing_.posted) return;
  // Else the kernel would tell of each that it has ended, and nginx clear them all away in the next turn.
  silenced_.for_each([](Connection& connection) { stop_watching(connection); });
  ngx_post_event(&clearing_, &ngx_posted_next_events);
}

void Worker::on_clearing(ngx_event_t* event) { static_cast<Worker*>(event->data)->clear_lost(); }

void Worker::report_lost(LiveRequest& live) {
  const auto& connection = *live.connection;
  report_cut(live, *live.lost, connection.had_slot, connection.detail ? *connection.detail : std::string());
}

void Worker::clear_away(Connection& connection) {
  connection.in_lost.remove();
  judging_ = &connection;
  connection.requests.for_each([&](LiveRequest& live) {
    if (live.lost && !live.cut) report_lost(live);
  });
  if (connection.cleared != policy::Reason::kNone) report_cleared(connection, connection.cleared, *connection.detail);
  connection.cleared = policy::Reason::kNone;
  connection.detail.reset();
  if (connection.lost) cut_connection(connection);
  // What was cut before may have taken others with it, or the whole connection.
  while (judging_ != nullptr && !connection.lost) {
    LiveRequest* next = nullptr;
    connection.requests.for_each([&](LiveRequest& live) {
      if (next == nullptr && live.lost) next = &live;
    });
    if (next == nullptr) break;
    next->lost.reset();
    cut_request(*next);
  }
  judging_ = nullptr;
}

bool Worker::endpoint_gone(Connection& connection, Now at) {
  const auto found = reader_->find(connection.leaf, at.mono);
  place(connection, found);
  const auto& s = found.state;
  return s.fresh && (!s.known || !s.registered || s.blocked || s.quarantined || !s.online ||
                     s.not_after <= at.wall || connection.not_after <= at.wall);
}

}  // namespace postern::nginx
