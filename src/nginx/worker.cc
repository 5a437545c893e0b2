#include "nginx/worker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "nginx/denial_id.h"
#include "nginx/request.h"

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
  // Never destroyed: at the end of a worker process nginx frees the connections' memory before
  // static objects go.
  static auto* the_worker = new Worker;
  return *the_worker;
}

// ---- life

void Worker::start(ngx_cycle_t* cycle, std::string dir) {
  log_ = cycle->log;
  if (dir.empty()) return;
  dir_ = std::move(dir);
  reader_.emplace(dir_);
  servers_.emplace(dir_);
  servers_->look();
  auto events = ecshm::EventProducer::create();
  if (events) {
    events_.emplace(std::move(*events));
  } else {
    ngx_log_error(NGX_LOG_ERR, log_, 0, "postern: %s; nothing is reported",
                  events.error().message.c_str());
  }
  tick_.handler = on_tick;
  tick_.data = this;
  tick_.log = log_;
  tick_.cancelable = 1;  // It must not keep a worker alive that has nothing else to do.
  posted_.handler = on_posted;
  posted_.data = this;
  posted_.log = log_;
  clearing_.handler = on_clearing;
  clearing_.data = this;
  clearing_.log = log_;
  reported_.handler = on_reported;
  reported_.data = this;
  reported_.log = log_;
  reader_->refresh(true);
  freshness_ = reader_->freshness(now().mono);
  connect();
  schedule();
}

void Worker::stop() {
  if (!running()) return;
  if (tick_.timer_set) ngx_del_timer(&tick_);
  if (clearing_.posted) {
    ngx_delete_posted_event(&clearing_);
  }
  if (reported_.posted) {
    ngx_delete_posted_event(&reported_);
    nudge(false);
  }
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
  tallies_.forget_told();
  tell_all_sessions();
}

void Worker::disconnected() {
  if (link_connection_ == nullptr) return;
  auto* c = link_connection_;
  link_connection_ = nullptr;
  // The descriptor is Link's; nginx only lets go of it.
  if (c->read->active)
    ngx_del_event(c->read, NGX_READ_EVENT, link_.connected() ? 0 : NGX_CLOSE_EVENT);
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
    if (const auto order = ecshm::clear_order(*message)) link_.cleared(order->ticket, clear(*order));
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
  if (servers_) servers_->look();
  if (!told_all_) tell_all_sessions();
  tallies_.tell(link_);
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

// ---- sessions

void Worker::live(LiveRequest& live) {
  auto& connection = *live.connection;
  connection.requests.push_back(live.in_connection);
  const bool elsewhere = !live.destination.empty() && live.destination != connection.destination;
  const auto take = [&] {
    connection.kind = std::max(connection.kind, live.kind);
    if (elsewhere) connection.destination = live.destination;
    report_session(connection, ecshm::EventType::kSessionOpen);
  };
  if (!connection.opened && connection.certificate == policy::Certificate::kVerified) {
    if (std::exchange(connection.stranger, false)) report_session(connection, ecshm::EventType::kSessionClose);
    connection.opened = true;
    connection.proxy = live.proxy;
    take();
  } else if (connection.opened && (elsewhere || connection.kind < live.kind)) {
    // It turned out to be more than that: a WebSocket, a connection with calls by gRPC, or one that is forwarded. A session
    // ends as what it was begun.
    report_session(connection, ecshm::EventType::kSessionClose);
    take();
  } else if (!connection.opened && elsewhere) {
    // Where it leads to may be taken out.
    if (connection.stranger) report_session(connection, ecshm::EventType::kSessionClose);
    connection.stranger = true;
    connection.proxy = live.proxy;
    take();
  }
}

void Worker::connection_made(Connection& connection) { all_.push_back(connection.in_all); }

void Worker::connection_gone(Connection& connection) {
  if (judging_ == &connection) judging_ = nullptr;
  if (connection.opened || connection.stranger) report_session(connection, ecshm::EventType::kSessionClose);
}

// ---- questions

bool Worker::worth_asking(const Connection& connection, Now at) {
  if (connection.certificate != policy::Certificate::kVerified ||
      connection.slot != ecshm::Reader::kNoSlot)
    return false;
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
    look_again(*connection);
  }
  clear_lost();
}

// ---- reports

void Worker::report(const ecshm::EventView& event) {
  if (!events_) return;
  const bool session =
      event.type == ecshm::EventType::kSessionOpen || event.type == ecshm::EventType::kSessionClose;
  if (!events_->push(event) && session) told_all_ = false;
  // Denials and cuts are looked up by their id at once; everything else may wait for its batch, and is asked about once in
  // a turn of the loop: that costs a fence between processors.
  if (event.type == ecshm::EventType::kDenied || event.type == ecshm::EventType::kCut) {
    nudge(true);
  } else if (!reported_.posted) {
    ngx_post_event(&reported_, &ngx_posted_events);
  }
}

void Worker::nudge(bool urgent) {
  if (events_ && events_->take_nudge(urgent)) link_.nudge();
}

void Worker::on_reported(ngx_event_t* event) { static_cast<Worker*>(event->data)->nudge(false); }

void Worker::report_session(Connection& connection, ecshm::EventType type) {
  // It ends as what it was begun.
  if (type == ecshm::EventType::kSessionOpen) connection.told = connection.interface;
  ecshm::EventView event;
  event.type = type;
  event.time = now().wall;
  if (connection.opened) event.leaf = connection.leaf;
  event.proxy = connection.proxy;
  event.source = connection.source;
  event.source_port = connection.source_port;
  event.interface = connection.told.text();
  event.kind = connection.kind;
  event.detail = connection.destination;
  report(event);
}

void Worker::find_interface(Connection& connection) {
  connection.interface_asked = true;
  connection.interface = InterfaceName::of(connection.socket->fd, connection.source.is_v6());
  if (!connection.opened) return;
  report_session(connection, ecshm::EventType::kSessionClose);
  report_session(connection, ecshm::EventType::kSessionOpen);
}

void Worker::tell_all_sessions() {
  told_all_ = true;
  ecshm::EventView reset;
  reset.type = ecshm::EventType::kSessionsReset;
  reset.time = now().wall;
  if (!events_ || !events_->push(reset)) {
    told_all_ = false;
    return;
  }
  all_.for_each([&](Connection& connection) {
    if (connection.opened || connection.stranger) report_session(connection, ecshm::EventType::kSessionOpen);
  });
  link_.nudge();
}

void Worker::report_cut(LiveRequest& live, const policy::Decision& decision, bool had_record,
                        const std::string& detail) {
  live.cut = true;
  ecshm::EventView event;
  event.type = ecshm::EventType::kCut;
  event.reason = decision.reason;
  event.time = live.lost ? live.lost_at : now().wall;
  if (live.connection->certificate == policy::Certificate::kVerified)
    event.leaf = live.connection->leaf;
  event.proxy = live.proxy;
  event.policy = decision.policy;
  event.api_gateway = live.decision.api_gateway;
  event.pool = live.decision.pool;
  event.source = live.connection->source;
  event.source_port = live.connection->source_port;
  event.interface = live.connection->interface.text();
  event.bytes = static_cast<std::uint64_t>(live.request->connection->sent);
  event.duration_ms = milliseconds_between(live.started, event.time);
  if (live.cut_id.empty()) live.cut_id = new_denial_id();
  event.id = live.cut_id;
  live.cut_reason = decision.reason;
  event.kind = live.kind;
  std::string why = detail;
  // Not a certificate that was never known.
  if (decision.reason == policy::Reason::kUnknownEndpoint && had_record)
    why = "an EMS told of this certificate until now; it was replaced, or is shared no more";
  // Not one whose servers were taken out: that is told by who ended it.
  if (decision.reason == policy::Reason::kNoRealServer && decision.pool != 0 && why.empty())
    why = "its path leads to other real servers now";
  // In two lines, where there is something to say besides.
  if (!live.destination.empty()) why = std::string(live.destination) + (why.empty() ? "" : "\n" + why);
  event.detail = why;
  event.method = method_of(live.request);
  event.host = live.host;
  event.path = live.path;
  event.tags = decision.tags;
  ngx_log_error(NGX_LOG_NOTICE, live.connection->socket->log, 0,
                "postern: cut %s, reason %s, policy %uD", live.cut_id.c_str(),
                policy::reason_code(decision.reason).data(),
                static_cast<uint32_t>(decision.policy));
  report(event);
}

}  // namespace postern::nginx
