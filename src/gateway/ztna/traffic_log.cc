#include "gateway/ztna/traffic_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <fstream>

#include "base/file.h"
#include "base/log.h"
#include "policy/forward_target.h"

namespace postern::gateway {
namespace {

std::string_view action_text(ecshm::EventType type) {
  switch (type) {
    case ecshm::EventType::kDenied:
      return "deny";
    case ecshm::EventType::kCut:
      return "cut";
    default:
      return "accept";
  }
}

// A line per request: these write it without a string or a format of their own.

char* put_at(char* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

constexpr std::size_t kMaxNumber = 20;

char* put_at(char* to, std::uint64_t number) { return std::to_chars(to, to + kMaxNumber, number).ptr; }

/// As `to_iso8601` has it.
void put_time(LineBuffer& line, WallTime time) {
  constexpr std::int64_t kYear10000 = 253'402'300'800'000;
  if (to_unix_ms(time) < 0 || to_unix_ms(time) >= kYear10000) {
    line.append(to_iso8601(time));
    return;
  }
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(std::chrono::sys_days(day.time_since_epoch()));
  const auto ms = static_cast<unsigned>((time - day) / Millis(1));
  char text[] = "0000-00-00T00:00:00.000Z";
  const auto write = [&](std::size_t at, std::size_t width, unsigned number) {
    for (std::size_t i = at + width; i > at; --i, number /= 10)
      text[i - 1] = static_cast<char>('0' + number % 10);
  };
  write(0, 4, static_cast<unsigned>(static_cast<int>(date.year())));
  write(5, 2, static_cast<unsigned>(date.month()));
  write(8, 2, static_cast<unsigned>(date.day()));
  write(11, 2, ms / 3'600'000);
  write(14, 2, ms / 60'000 % 60);
  write(17, 2, ms / 1000 % 60);
  write(20, 3, ms % 1000);
  line.append({text, sizeof text - 1});
}

void put_quoted(LineBuffer& line, std::string_view text) {
  char* const begin = line.room(text.size() + 2);
  char* to = begin;
  *to++ = '"';
  // Without a branch for each letter: nearly all texts are plain.
  bool plain = true;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    plain &= (u >= 0x20) & (u < 0x7f) & (u != '"') & (u != '\\');
    *to++ = c;
  }
  *to++ = '"';
  if (plain) {
    line.took(to);
  } else {
    line.append(json_quote(text));
  }
}

// `name` with all around it: one piece.
template <std::size_t N>
void add(LineBuffer& line, const char (&name)[N], std::string_view text) {
  if (text.empty()) return;
  line.took(put_at(line.room(N), {name, N - 1}));
  put_quoted(line, text);
}

template <std::size_t N>
void add(LineBuffer& line, const char (&name)[N], std::uint64_t number) {
  line.took(put_at(put_at(line.room(N + kMaxNumber), {name, N - 1}), number));
}

template <std::size_t N>
void add(LineBuffer& line, const char (&name)[N], const Sha256& digest) {
  char* to = put_at(line.room(N + 2 * sizeof(Sha256) + 2), {name, N - 1});
  *to++ = '"';
  for (const auto byte : digest) {
    *to++ = "0123456789abcdef"[byte >> 4];
    *to++ = "0123456789abcdef"[byte & 15];
  }
  *to++ = '"';
  line.took(to);
}

template <std::size_t N>
void add(LineBuffer& line, const char (&name)[N], const IpAddress& address) {
  if (!address.valid()) return;
  if (!address.is_v4()) {
    add(line, name, std::string_view(address.str()));
    return;
  }
  char* to = put_at(line.room(N + 20), {name, N - 1});
  *to++ = '"';
  for (std::size_t i = 0; i < 4; ++i) {
    to = put_at(to, std::uint64_t{address.bytes()[i]});
    *to++ = i < 3 ? '.' : '"';
  }
  line.took(to);
}

void put_line(LineBuffer& line, const ecshm::EventView& e, const TrafficNames& names) {
  line.append(R"({"time":")");
  put_time(line, e.time);
  line.append(R"(","type":"traffic","subtype":"ztna","action":")");
  line.append(action_text(e.type));
  line.append("\"");
  add(line, R"(,"id":)", e.id);
  if (e.type != ecshm::EventType::kAllowed || e.reason != policy::Reason::kNone) {
    add(line, R"(,"reason":)", policy::reason_code(e.reason));
    add(line, R"(,"reason_name":)", policy::reason_name(e.reason));
    add(line, R"(,"msg":)", policy::reason_text(e.reason));
  }
  if (names.forwards) line.append(R"(,"service":"tcp-forwarding")");
  const auto told = told_of(e, names);
  add(line, R"(,"destination":)", told.destination);
  add(line, R"(,"detail":)", told.detail);
  add(line, R"(,"policyid":)", e.policy);
  add(line, R"(,"policyname":)", names.policy);
  add(line, R"(,"accessproxy":)", names.proxy);
  add(line, R"(,"accessproxyid":)", e.proxy);
  add(line, R"(,"gatewayid":)", e.api_gateway);
  add(line, R"(,"realserverpool":)", e.pool);
  add(line, R"(,"srcip":)", e.source);
  add(line, R"(,"srcport":)", e.source_port);
  add(line, R"(,"srcintf":)", e.interface);
  add(line, R"(,"kind":)", ecshm::session_kind_name(e.kind));
  add(line, R"(,"method":)", e.method);
  add(line, R"(,"hostname":)", e.host);
  add(line, R"(,"path":)", e.path);
  if (e.status != 0) add(line, R"(,"status":)", e.status);
  add(line, R"(,"sentbyte":)", e.bytes);
  add(line, R"(,"duration_ms":)", e.duration_ms);
  if (e.leaf) add(line, R"(,"clientcert_sha256":)", *e.leaf);
  add(line, R"(,"clientdeviceid":)", names.endpoint_uid);
  add(line, R"(,"clientdevicename":)", names.host_name);
  add(line, R"(,"clientdeviceems":)", names.ems_serial);
  if (!names.tags.empty()) {
    line.append(",\"tags\":[");
    for (std::size_t i = 0; i < names.tags.size(); ++i) {
      if (i > 0) line.append(",");
      put_quoted(line, names.tags[i]);
    }
    line.append("]");
  }
  line.append("}");
}

/// More than this is not gathered.
constexpr std::size_t kMaxPending = 256u << 10;

}  // namespace

ToldOf told_of(const ecshm::EventView& event, const TrafficNames& names) {
  if (!names.forwards || event.type == ecshm::EventType::kDenied) return {{}, event.detail};
  const std::string_view all = event.detail;
  const auto end = all.find('\n');
  // What did not get so far that it was looked at where it leads to has but a reason.
  if (end == all.npos && !policy::forward_target_of_text(all)) return {{}, all};
  return {all.substr(0, end), end == all.npos ? std::string_view() : all.substr(end + 1)};
}

std::string traffic_line(const ecshm::EventView& event, const TrafficNames& names) {
  LineBuffer line;
  put_line(line, event, names);
  return std::string(line.view());
}

TrafficLog::TrafficLog(std::filesystem::path path, DescribeTraffic describe,
                       std::uint64_t max_bytes)
    : path_(std::move(path)), describe_(std::move(describe)), max_bytes_(max_bytes) {}

TrafficLog::~TrafficLog() {
  flush();
  if (fd_ >= 0) close(fd_);
}

Result<std::unique_ptr<TrafficLog>> TrafficLog::open(std::filesystem::path path,
                                                     DescribeTraffic describe,
                                                     std::uint64_t max_bytes) {
  std::unique_ptr<TrafficLog> log(new TrafficLog(std::move(path), std::move(describe), max_bytes));
  if (auto opened = log->reopen(); !opened) return fail(opened.error());
  return log;
}

Status TrafficLog::reopen() {
  const int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
  struct stat st {};
  if (fd < 0 || fstat(fd, &st) != 0) {
    const int why = errno;
    auto error = errno_error(why, "opening", path_);
    if (fd < 0 && why == ELOOP) {
      error.message = path_.string() + ": a symbolic link, which is not followed: remove it, and link or mount its whole folder elsewhere";
    }
    if (fd >= 0) close(fd);
    return fail(error);
  }
  if (!S_ISREG(st.st_mode)) {  // one that nobody reads would hold everything up
    close(fd);
    return fail(ErrorCode::kUnavailable, path_.string() + ": not a regular file: remove it; config log syslogd setting sends the lines elsewhere");
  }
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
  size_ = static_cast<std::uint64_t>(st.st_size);
  // A crash may have left half a line: the next one starts on its own.
  char last = '\n';
  if (size_ > 0 && pread(fd_, &last, 1, static_cast<off_t>(size_ - 1)) == 1 && last != '\n') {
    if (::write(fd_, "\n", 1) == 1) ++size_;
  }
  return {};
}

void TrafficLog::add(const ecshm::EventView& event) {
  const auto before = pending_.size();
  const auto names = describe_ ? describe_(event) : TrafficNames{};
  put_line(pending_, event, names);
  if (on_add) on_add(event, names);
  ended_line(before);
}

void TrafficLog::add(const ForwardCut& cut) {
  const auto before = pending_.size();
  pending_.append(forward_line(cut));
  ended_line(before);
}

/// One was put behind what was pending `before`.
void TrafficLog::ended_line(std::size_t before) {
  pending_.append("\n");
  if (size_ + before > 0 && size_ + pending_.size() > max_bytes_) {
    // The lines before this one belong to the file that is full.
    const std::string line(pending_.view().substr(before));
    pending_.cut(before);
    flush();
    if (health_) begin_anew();  // else when that is mended
    pending_.append(line);
  }
  if (pending_.size() > kMaxPending) flush();
}

void TrafficLog::begin_anew() {
  const auto old = path_.string() + ".1";
  if (rename(path_.c_str(), old.c_str()) == 0) {
    full_ = false;
    found(reopen());
  } else if (errno != ENOENT) {  // moved or removed just now, it is found missing by the next look
    full_ = true;
    found(fail(errno_error(errno, "it is full, and goes on growing: moving away", path_)));
  }
}

void TrafficLog::found(Status health) {
  health_ = std::move(health);
  const auto now = health_ ? std::string() : health_.error().message;
  if (!now.empty() && now != told_) log_error("traffic.log", now);
  told_ = now;
}

void TrafficLog::look() {
  struct stat there {}, ours {};
  const bool is_there = lstat(path_.c_str(), &there) == 0;
  if (is_there && fd_ >= 0 && fstat(fd_, &ours) == 0 && there.st_dev == ours.st_dev && there.st_ino == ours.st_ino) {
    size_ = static_cast<std::uint64_t>(ours.st_size);  // who copies it away empties it
    return full_ ? begin_anew() : found({});
  }
  flush();  // what belongs to the one before
  full_ = false;
  const auto opened = reopen();
  if (!opened) {
    return found(fail(opened.error().context("lines go where nobody finds them: the file was moved or removed, and there is no other")));
  }
  log_info("traffic.log", "the traffic log was moved or removed: a new one begins", {{"path", path_.string()}});
  found({});
}

void TrafficLog::flush() {
  if (on_flush) on_flush();
  if (pending_.empty() || fd_ < 0) return;
  const auto all = pending_.view();
  const auto n = ::write(fd_, all.data(), all.size());
  const auto written = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  // Of a line that went in by half nothing stays.
  const auto end = all.substr(0, written).rfind('\n');
  const auto whole = end == std::string_view::npos ? 0 : end + 1;
  size_ += written;
  if (whole < written) {
    struct stat st {};  // it may have been emptied
    const auto half = static_cast<off_t>(written - whole);
    if (fstat(fd_, &st) == 0 && st.st_size >= half && ftruncate(fd_, st.st_size - half) == 0) {
      size_ = static_cast<std::uint64_t>(st.st_size - half);
    }
  }
  lost_ += static_cast<std::uint64_t>(std::count(all.begin() + static_cast<std::ptrdiff_t>(whole), all.end(), '\n'));
  pending_.clear();
}

Result<std::string> TrafficLog::find(std::string_view id) {
  flush();
  return find_in(path_, id);
}

Result<std::string> TrafficLog::find_in(const std::filesystem::path& file, std::string_view id) {
  std::string wanted;
  for (const char c : id) wanted += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  if (wanted.size() == 8) wanted.insert(wanted.begin() + 4, '-');
  const bool form = wanted.size() == 9 && wanted[4] == '-' &&
                    std::all_of(wanted.begin(), wanted.end(), [](char c) {
                      return c == '-' || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                    });
  if (!form) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is not a denial id such as K7QM-2D9F", json_quote(id)));
  }
  const auto needle = "\"id\":\"" + wanted + "\"";
  for (const auto& path : {file.string(), file.string() + ".1"}) {
    std::ifstream in(path, std::ios::binary);
    for (std::string line; std::getline(in, line);) {
      if (line.find(needle) != std::string::npos) return line;
    }
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("no denial {} is in the log; it may be too old", wanted));
}

}  // namespace postern::gateway
