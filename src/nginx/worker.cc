#include "nginx/worker.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "nginx/denial_id.h"

namespace postern::nginx {
namespace {

/// How often to look without being told: rarely while the gateway tells us, often while it is away.
constexpr ngx_msec_t kTickLinked = 1000;
constexpr ngx_msec_t kTickAlone = 100;

void add_timer(ngx_event_t& event, ngx_msec_t after) {
  if (event.timer_set) ngx_del_timer(&event);
  ngx_add_timer(&event, after);
}

}  // namespace

Worker& worker() {
  // Never destroyed: at the end of a worker process nginx frees the connections' memory before static objects go.
  static auto* the_worker = new Worker;
  return *the_worker;
}

// ---- life

void Worker::start(ngx_cycle_t* cycle, std::string dir) {
  log_ = cycle->log;
  if (dir.empty()) return;
  dir_ = std::move(dir);
  reader_.emplace(dir_);
  auto events = ecshm::EventProducer::create();
  if (events) {
    events_.emplace(std::move(*events));
  } else {
    ngx_log_error(NGX_LOG_ERR, log_, 0, "postern: %s; nothing is reported", events.error().message.c_str());
  }
  tick_.handler = on_tick;
  tick_.data = this;
  tick_.log = log_;
  tick_.cancelable = 1;  // It must not keep a worker alive that has nothing else to do.
  posted_.handler = on_posted;
  posted_.data = this;
  posted_.log = log_;
  reader_->refresh(true);
  freshness_ = reader_->freshness(now().mono);
  connect();
  schedule();
}

void Worker::stop() {
  if (!running()) return;
  if (tick_.timer_set) ngx_del_timer(&tick_);
  disconnected();
  link_.close();
}

// ---- the socket to the gateway

void Worker::connect() {
  if (link_connection_ != nullptr || !events_) return;
  if (!link_.connect(dir_, *events_)) return;
  auto* c = ngx_get_connection(link_.fd(), log_);
  if (c == nullptr) {
    link_.close();
    return;
  }
  c->data = this;
  c->read->handler = on_message;
  c->read->log = log_;
  c->write->log = log_;
  if (ngx_add_event(c->read, NGX_READ_EVENT, 0) != NGX_OK) {
    ngx_free_connection(c);
    c->fd = static_cast<ngx_socket_t>(-1);
    link_.close();
    return;
  }
  link_connection_ = c;
  tell_all_sessions();
}

void Worker::disconnected() {
  if (link_connection_ == nullptr) return;
  auto* c = link_connection_;
  link_connection_ = nullptr;
  // The descriptor is Link's; nginx only lets go of it.
  if (c->read->active) ngx_del_event(c->read, NGX_READ_EVENT, link_.connected() ? 0 : NGX_CLOSE_EVENT);
  if (c->read->posted) {
    ngx_delete_posted_event(c->read);
  }
  ngx_free_connection(c);
  c->fd = static_cast<ngx_socket_t>(-1);
}

void Worker::on_message(ngx_event_t* event) {
  auto* c = static_cast<ngx_connection_t*>(event->data);
  static_cast<Worker*>(c->data)->receive();
}

void Worker::receive() {
  // Answers first settle requests that wait; sessions are judged once for all that came.
  bool woken = false;
  while (auto message = link_.receive()) {
    if (message->type == static_cast<std::uint32_t>(ecshm::MessageType::kAnswer)) {
      look();
      settle(message->leaf, true);
    }
    woken = true;
  }
  if (!link_.connected()) disconnected();
  if (woken) look();
  if (link_connection_ == nullptr) schedule();
}

// ---- time

void Worker::on_tick(ngx_event_t* event) {
  auto* self = static_cast<Worker*>(event->data);
  self->tick();
}

void Worker::tick() {
  connect();
  look();
  if (!told_all_) tell_all_sessions();
  schedule();
}

void Worker::schedule() {
  ngx_msec_t after = link_connection_ != nullptr ? kTickLinked : kTickAlone;
  const auto at = now();
  if (const auto expiry = reader_->next_expiry(at.mono)) {
    // One millisecond later than the moment itself, so that it is past when we look.
    const auto left = std::chrono::duration_cast<Millis>(*expiry - at.mono).count() + 1;
    after = std::min<ngx_msec_t>(after, static_cast<ngx_msec_t>(std::max<std::int64_t>(left, 1)));
  }
  if (next_expiry_ > at.wall) {
    const auto left = (next_expiry_ - at.wall).count() + 1;
    if (left < static_cast<std::int64_t>(after)) after = static_cast<ngx_msec_t>(left);
  }
  add_timer(tick_, after);
}

void Worker::on_posted(ngx_event_t* event) { static_cast<Worker*>(event->data)->judge_all(); }

// ---- what changed

void Worker::look() {
  const bool different = reader_->refresh(link_connection_ == nullptr || reader_->generation() == 0);
  if (reader_->problem() != last_problem_) {
    last_problem_ = reader_->problem();
    if (!last_problem_.empty()) {
      ngx_log_error(NGX_LOG_ERR, log_, 0, "postern: %s", last_problem_.c_str());
    } else {
      ngx_log_error(NGX_LOG_NOTICE, log_, 0, "postern: reading endpoints and policies from %s", dir_.c_str());
    }
  }
  std::vector<std::uint32_t> changed;
  bool all = reader_->take_changes([&](std::uint32_t slot) { changed.push_back(slot); });
  const auto at = now();
  const auto fresh = reader_->freshness(at.mono);
  if ((freshness_ & ~fresh) != 0) all = true;
  freshness_ = fresh;
  if (next_expiry_ <= at.wall) all = true;
  if (different || all) {
    judge_all();
    return;
  }
  for (const auto slot : changed) judge_slot(slot);
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
  context.now = at.wall;
  return policy::decide(reader_->policies(), state, context);
}

void Worker::place(Connection& connection, const ecshm::Reader::Found& found) {
  if (found.slot != ecshm::Reader::kNoSlot) {
    connection.asked = false;
    next_expiry_ = std::min({next_expiry_, found.state.not_after, connection.not_after});
  }
  const auto generation = reader_->generation();
  if (connection.slot == found.slot && connection.generation == generation && connection.in_slot.linked()) return;
  connection.slot = found.slot;
  connection.generation = generation;
  if (found.slot != ecshm::Reader::kNoSlot) {
    bucket(found.slot).push_back(connection.in_slot);
  } else {
    connection.in_slot.remove();
  }
}

void Worker::judge_slot(std::uint32_t slot) {
  List<Connection> todo;
  auto& list = bucket(slot);
  todo.take_all(list);
  while (auto* connection = todo.front()) {
    list.push_back(connection->in_slot);
    if (connection->slot == slot) judge_again(*connection);
  }
}

void Worker::judge_all() {
  next_expiry_ = WallTime::max();
  List<Connection> todo;
  todo.take_all(all_);
  while (auto* connection = todo.front()) {
    all_.push_back(connection->in_all);
    judge_again(*connection);
  }
}

void Worker::judge_again(Connection& connection) {
  const auto at = now();
  judging_ = &connection;
  bool identity_lost = false;
  bool something_stays = false;

  const auto had_slot = connection.slot != ecshm::Reader::kNoSlot;
  if (connection.certificate == policy::Certificate::kVerified) {
    const auto found = reader_->find(connection.leaf, at.mono);
    // In a new generation its slot may just not be filled in yet: the gateway is asked before anything is cut.
    const bool moved = connection.generation != reader_->generation();
    if (!found.state.known && found.readable && had_slot && moved && found.state.fresh && connection.opened) {
      auto* q = question(connection.leaf);
      if (q != nullptr) {
        q->for_sessions = true;
        connection.asked = true;
        judging_ = nullptr;
        return;
      }
    }
  }

  struct Judged {
    LiveRequest* live;
    policy::Decision decision;
  };
  std::vector<Judged> lost;
  connection.requests.for_each([&](LiveRequest& live) {
    const auto decision = judge(connection, live.proxy, live.host, live.path, live.manageable, at);
    if (decision.allow) {
      live.decision = decision;
      something_stays = true;
    } else {
      identity_lost = identity_lost || policy::concerns_identity(decision.reason);
      lost.push_back({&live, decision});
    }
  });
  // An idle connection of an endpoint that is revoked, quarantined or offline has no business being open.
  if (connection.requests.empty() && connection.opened) identity_lost = endpoint_gone(connection, at);
  for (const auto& [live, decision] : lost) report_cut(*live, decision);
  if (identity_lost && !something_stays) {
    cut_connection(connection);
    return;
  }
  for (const auto& [live, decision] : lost) {
    // What was cut before may have taken others with it.
    bool still_there = false;
    connection.requests.for_each([&](LiveRequest& other) { still_there = still_there || &other == live; });
    if (still_there) cut_request(*live);
    if (judging_ == nullptr) return;  // The whole connection went.
  }
  judging_ = nullptr;
}

bool Worker::endpoint_gone(Connection& connection, Now at) {
  const auto found = reader_->find(connection.leaf, at.mono);
  place(connection, found);
  const auto& s = found.state;
  return s.fresh && (!s.known || !s.registered || s.blocked || s.quarantined || !s.online || s.not_after <= at.wall ||
                     connection.not_after <= at.wall);
}

// ---- sessions

void Worker::live(LiveRequest& live) {
  auto& connection = *live.connection;
  connection.requests.push_back(live.in_connection);
  if (!connection.opened && connection.certificate == policy::Certificate::kVerified) {
    connection.opened = true;
    report_session(connection, ecshm::EventType::kSessionOpen);
  }
}

void Worker::connection_made(Connection& connection) { all_.push_back(connection.in_all); }

void Worker::connection_gone(Connection& connection) {
  if (judging_ == &connection) judging_ = nullptr;
  if (connection.opened) report_session(connection, ecshm::EventType::kSessionClose);
}

// ---- questions

bool Worker::worth_asking(const Connection& connection, Now at) {
  if (connection.certificate != policy::Certificate::kVerified || connection.slot != ecshm::Reader::kNoSlot) return false;
  const auto it = negatives_.find(connection.leaf);
  return it == negatives_.end() || it->second <= at.mono;
}

Worker::Question* Worker::question(const Sha256& leaf) {
  const auto it = questions_.find(leaf);
  if (it != questions_.end()) return &it->second;
  if (questions_.size() >= kMaxQuestions) return nullptr;
  connect();
  if (!link_.ask(leaf)) return nullptr;
  auto& q = questions_[leaf];
  q.leaf = leaf;
  q.timer.handler = on_question_timeout;
  q.timer.data = &q;
  q.timer.log = log_;
  add_timer(q.timer, kAskMilliseconds);
  return &q;
}

bool Worker::ask(Waiting& waiting, const Sha256& leaf) {
  auto* q = question(leaf);
  if (q == nullptr) return false;
  q->waiting.push_back(waiting.in_question);
  return true;
}

void Worker::on_question_timeout(ngx_event_t* event) {
  const auto leaf = static_cast<Question*>(event->data)->leaf;
  worker().settle(leaf, false);
}

void Worker::settle(const Sha256& leaf, bool answered) {
  const auto it = questions_.find(leaf);
  if (it == questions_.end()) return;
  if (it->second.timer.timer_set) ngx_del_timer(&it->second.timer);
  const auto at = now();
  const bool known = reader_->find(leaf, at.mono).state.known;
  // Only an answer is remembered: after a timeout the next request asks again.
  if (!known && answered) {
    if (negatives_.size() >= kMaxNegatives) negatives_.clear();
    negatives_[leaf] = at.mono + kNegativeFor;
  } else {
    negatives_.erase(leaf);
  }
  List<Waiting> waiting;
  waiting.take_all(it->second.waiting);
  const bool for_sessions = it->second.for_sessions;
  questions_.erase(it);
  while (auto* next = waiting.front()) {
    next->in_question.remove();
    next->answered = true;
    auto* c = next->request->connection;
    ngx_http_core_run_phases(next->request);
    ngx_http_run_posted_requests(c);
  }
  if (!for_sessions) return;
  // Whoever is not known now has lost its slot for good; the generation is no excuse any more.
  List<Connection> todo;
  todo.take_all(all_);
  while (auto* connection = todo.front()) {
    all_.push_back(connection->in_all);
    if (!connection->asked || connection->leaf != leaf) continue;
    connection->asked = false;
    connection->generation = reader_->generation();
    judge_again(*connection);
  }
}

// ---- reports

void Worker::report(ecshm::Event event) {
  if (!events_) return;
  const bool session = event.type == ecshm::EventType::kSessionOpen || event.type == ecshm::EventType::kSessionClose;
  if (!events_->push(event) && session) told_all_ = false;
  if (events_->take_nudge()) link_.nudge();
}

void Worker::report_session(const Connection& connection, ecshm::EventType type) {
  ecshm::Event event;
  event.type = type;
  event.time = now().wall;
  event.leaf = connection.leaf;
  event.source = connection.source;
  event.source_port = connection.source_port;
  report(std::move(event));
}

void Worker::tell_all_sessions() {
  told_all_ = true;
  ecshm::Event reset;
  reset.type = ecshm::EventType::kSessionsReset;
  reset.time = now().wall;
  if (!events_ || !events_->push(reset)) {
    told_all_ = false;
    return;
  }
  all_.for_each([&](Connection& connection) {
    if (connection.opened) report_session(connection, ecshm::EventType::kSessionOpen);
  });
  link_.nudge();
}

void Worker::report_cut(LiveRequest& live, const policy::Decision& decision) {
  live.cut = true;
  ecshm::Event event;
  event.type = ecshm::EventType::kCut;
  event.reason = decision.reason;
  event.time = now().wall;
  if (live.connection->certificate == policy::Certificate::kVerified) event.leaf = live.connection->leaf;
  event.proxy = live.proxy;
  event.policy = decision.policy;
  event.api_gateway = live.decision.api_gateway;
  event.pool = live.decision.pool;
  event.source = live.connection->source;
  event.source_port = live.connection->source_port;
  event.bytes = static_cast<std::uint64_t>(live.request->connection->sent);
  event.id = new_denial_id();
  event.method = std::string(to_view(live.request->method_name));
  event.host = std::string(live.host);
  event.path = std::string(live.path);
  event.tags = decision.tags;
  ngx_log_error(NGX_LOG_NOTICE, live.connection->socket->log, 0, "postern: cut %s, reason %s, policy %uD",
                event.id.c_str(), policy::reason_code(decision.reason).data(), static_cast<uint32_t>(decision.policy));
  report(std::move(event));
}

}  // namespace postern::nginx
