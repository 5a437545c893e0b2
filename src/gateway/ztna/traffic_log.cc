#include "gateway/ztna/traffic_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"

namespace postern::gateway {
namespace {

std::string_view action_of(ecshm::EventType type) {
  switch (type) {
    case ecshm::EventType::kDenied:
      return "deny";
    case ecshm::EventType::kCut:
      return "cut";
    default:
      return "accept";
  }
}

void add(std::string& line, std::string_view name, const std::string& text) {
  if (!text.empty()) line += fmt::format(",\"{}\":{}", name, json_quote(text));
}

void add(std::string& line, std::string_view name, std::uint64_t number) {
  line += fmt::format(",\"{}\":{}", name, number);
}

}  // namespace

std::string traffic_line(const ecshm::Event& e, const TrafficNames& names) {
  std::string line = fmt::format(R"({{"time":"{}","type":"traffic","subtype":"ztna","action":"{}")",
                                 to_iso8601(e.time), action_of(e.type));
  add(line, "id", e.id);
  if (e.type != ecshm::EventType::kAllowed) {
    line += fmt::format(R"(,"reason":"{}","reason_name":"{}")", policy::reason_code(e.reason),
                        policy::reason_name(e.reason));
    add(line, "msg", std::string(policy::reason_text(e.reason)));
  }
  add(line, "detail", e.detail);
  add(line, "policyid", e.policy);
  add(line, "policyname", names.policy);
  add(line, "accessproxy", names.proxy);
  add(line, "accessproxyid", e.proxy);
  add(line, "gatewayid", e.api_gateway);
  add(line, "realserverpool", e.pool);
  add(line, "srcip", e.source.str());
  add(line, "srcport", e.source_port);
  add(line, "method", e.method);
  add(line, "hostname", e.host);
  add(line, "path", e.path);
  if (e.status != 0) add(line, "status", e.status);
  add(line, "sentbyte", e.bytes);
  add(line, "duration_ms", e.duration_ms);
  if (e.leaf) add(line, "clientcert_sha256", to_hex_lower(*e.leaf));
  add(line, "clientdeviceid", names.endpoint_uid);
  add(line, "clientdevicename", names.host_name);
  add(line, "clientdeviceems", names.ems_serial);
  if (!names.tags.empty()) {
    line += ",\"tags\":[";
    for (std::size_t i = 0; i < names.tags.size(); ++i)
      line += (i > 0 ? "," : "") + json_quote(names.tags[i]);
    line += ']';
  }
  return line + '}';
}

TrafficLog::TrafficLog(std::filesystem::path path, DescribeTraffic describe,
                       std::uint64_t max_bytes)
    : path_(std::move(path)), describe_(std::move(describe)), max_bytes_(max_bytes) {}

TrafficLog::~TrafficLog() {
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
    const auto error = errno_error(errno, "opening", path_);
    if (fd >= 0) close(fd);
    return fail(error);
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

void TrafficLog::append(const ecshm::Event& event) {
  const auto line = traffic_line(event, describe_ ? describe_(event) : TrafficNames{}) + '\n';
  if (size_ > 0 && size_ + line.size() > max_bytes_) {
    const auto old = path_.string() + ".1";
    if (rename(path_.c_str(), old.c_str()) == 0) (void)reopen();
  }
  const auto n = ::write(fd_, line.data(), line.size());
  if (n == static_cast<ssize_t>(line.size())) {
    size_ += line.size();
    return;
  }
  ++lost_;
  if (n > 0 && ftruncate(fd_, static_cast<off_t>(size_)) != 0)
    size_ += static_cast<std::uint64_t>(n);
}

Result<std::string> TrafficLog::find(std::string_view id) const {
  std::string wanted;
  for (const char c : id) wanted += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  if (wanted.size() == 8) wanted.insert(4, "-");
  const bool form = wanted.size() == 9 && wanted[4] == '-' &&
                    std::all_of(wanted.begin(), wanted.end(), [](char c) {
                      return c == '-' || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                    });
  if (!form) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}' is not a denial id such as K7QM-2D9F", json_quote(id)));
  }
  const auto needle = "\"id\":\"" + wanted + "\"";
  for (const auto& path : {path_.string(), path_.string() + ".1"}) {
    std::ifstream in(path, std::ios::binary);
    for (std::string line; std::getline(in, line);) {
      if (line.find(needle) != std::string::npos) return line;
    }
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("no denial {} is in the log; it may be too old", wanted));
}

}  // namespace postern::gateway
