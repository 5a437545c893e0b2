#pragma once
// One nginx worker's part of Postern: the table it reads, the gateway it talks to, the sessions it
// watches.
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "ecshm/channel.h"
#include "ecshm/event_ring.h"
#include "ecshm/reader.h"
#include "ecshm/server_health.h"
#include "nginx/intrusive_list.h"
#include "nginx/ngx.h"
#include "nginx/server_tallies.h"
#include "nginx/session.h"

namespace postern::nginx {

/// A request that waits for the gateway to say whose certificate this is. Lives in the request's
/// pool.
struct Waiting {
  Link<Waiting> in_question{this};
  ngx_http_request_t* request = nullptr;
  bool answered = false;
};

class Worker {
 public:
  /// How long a request waits for an answer about its certificate.
  static constexpr ngx_msec_t kAskMilliseconds = 300;
  /// How long "nobody knows it" is believed without asking again.
  static constexpr Seconds kNegativeFor{5};
  static constexpr std::size_t kMaxQuestions = 1024;
  static constexpr std::size_t kMaxNegatives = 4096;

  /// `dir` as configured; an empty one means that no server uses the module.
  void start(ngx_cycle_t* cycle, std::string dir);
  void stop();

  Now now() const { return clock_.now(); }
  /// As nginx read it when this turn of its loop began: good enough for records, not for decisions.
  static WallTime turn_began() {
    const auto* t = ngx_timeofday();
    return from_unix_ms(std::int64_t{t->sec} * 1000 + static_cast<std::int64_t>(t->msec));
  }
  ecshm::Reader& reader() { return *reader_; }
  /// How the gateway says that a real server is; it takes no lock and makes no system call.
  ecshm::ServerState server_state(std::uint32_t number, ecshm::HealthReader::Place& place) const {
    return servers_ ? servers_->state(number, place) : ecshm::ServerState::kUnknown;
  }
  ServerTallies& tallies() { return tallies_; }
  bool running() const { return reader_.has_value(); }

  /// Reads the table for this connection and decides. Follows new generations and policies first.
  policy::Decision judge(Connection& connection, std::uint32_t proxy, std::string_view host,
                         std::string_view path, bool manageable, Now now);
  /// Should the gateway be asked about this connection's certificate before it is refused?
  bool worth_asking(const Connection& connection, Now now);
  /// Suspends the request. False: it can't be asked; refuse.
  bool ask(Waiting& waiting, const Sha256& leaf);

  void live(LiveRequest& live);
  /// Of one that has `lost` and was not reported yet.
  void report_lost(LiveRequest& live);
  void report(const ecshm::EventView& event);

  void connection_made(Connection& connection);
  void connection_gone(Connection& connection);

 private:
  struct Question {
    List<Waiting> waiting;
    ngx_event_t timer{};
    Sha256 leaf{};
    bool for_sessions = false;  ///< Live sessions wait for it too.
  };

  static void on_message(ngx_event_t* event);
  static void on_tick(ngx_event_t* event);
  static void on_question_timeout(ngx_event_t* event);
  static void on_posted(ngx_event_t* event);
  static void on_reported(ngx_event_t* event);

  void connect();
  void disconnected();
  void receive();
  void tick();
  void schedule();
  void nudge(bool urgent);
  void look();  // At everything that may have changed.
  void settle(const Sha256& leaf, bool answered);
  Question* question(const Sha256& leaf);
  void judge_all();
  void judge_slot(std::uint32_t slot);  // clear_lost follows
  /// Judges what is live on it. What may not go on is silenced at once, and put into `lost_`.
  void look_again(Connection& connection);
  /// What its client has been told. Into the list of those that wait to be cleared away.
  void silence(Connection& connection, const LiveRequest* lost);
  /// Reports what was lost, and clears it away: connections to applications, memory. Whoever could still be reached at once;
  /// the others some at a time, between which other sessions have their turn.
  void clear_lost();
  void clear_away(Connection& connection);
  static void on_clearing(ngx_event_t* event);
  bool endpoint_gone(Connection& connection, Now now);
  void place(Connection& connection, const ecshm::Reader::Found& found);
  /// `had_record`: its endpoint was found here until now.
  void report_cut(LiveRequest& live, const policy::Decision& decision, bool had_record,
                  const std::string& detail = {});
  void report_session(Connection& connection, ecshm::EventType type);
  /// Ends what fits; how many sessions (with a policy: requests) those were.
  std::uint32_t clear(const ecshm::ClearOrder& order);
  /// Of a connection on which nothing went on at the moment.
  void report_cleared(const Connection& connection, policy::Reason reason, const std::string& detail);
  /// By which interface it came; the gateway is told, too.
  void find_interface(Connection& connection);
  void tell_all_sessions();
  List<Connection>& bucket(std::uint32_t slot) { return slots_[slot % kBuckets]; }

  static constexpr std::size_t kBuckets = 4096;
  /// Sessions that are cleared away in one turn of the loop: about a millisecond.
  static constexpr int kClearedAtOnce = 64;

  SystemClock clock_;
  std::string dir_;
  std::optional<ecshm::Reader> reader_;
  std::optional<ecshm::HealthReader> servers_;
  std::optional<ecshm::EventProducer> events_;
  ecshm::Link link_;
  ServerTallies tallies_;
  ngx_connection_t* link_connection_ = nullptr;
  ngx_event_t tick_{};
  ngx_event_t posted_{};
  ngx_event_t reported_{};  // Something was, in this turn of the loop.
  ngx_log_t* log_ = nullptr;
  List<Connection> all_;
  List<Connection> slots_[kBuckets];
  List<Connection> lost_;      // whose clients may not have seen the end
  List<Connection> silenced_;  // whose clients have, and can't be reached any more
  ngx_event_t clearing_{};     // there are more of them
  Connection* judging_ = nullptr;  // Cleared when it goes while it is judged.
  std::uint32_t freshness_ = 0;
  bool told_all_ = true;  // False: session events were dropped, the gateway's count is off.
  WallTime next_expiry_ = WallTime::max();
  std::string last_problem_;
  std::unordered_map<Sha256, Question> questions_;
  std::unordered_map<Sha256, MonoTime> negatives_;
};

/// The worker of this process.
Worker& worker();

}  // namespace postern::nginx
