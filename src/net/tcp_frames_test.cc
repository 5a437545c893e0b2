#include "net/detail/tcp_frames.h"

#include <gtest/gtest.h>

#include <vector>

namespace postern::net::tcp_frames {
namespace {

constexpr std::uint8_t kKey[4] = {0x37, 0xfa, 0x21, 0x3d};

/// What a reader makes of bytes that come in pieces of this size: data as text, the rest in brackets.
std::string read(std::string bytes, bool masked, std::size_t step = 1) {
  Reader reader(masked);
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    auto piece_bytes = bytes.substr(at, step);
    std::span<std::uint8_t> input(reinterpret_cast<std::uint8_t*>(piece_bytes.data()), piece_bytes.size());
    for (;;) {
      const auto p = reader.next(input);
      if (p.kind == Kind::kMore) break;
      const std::string text(p.bytes.begin(), p.bytes.end());
      if (p.kind == Kind::kData) out += text;
      if (p.kind == Kind::kEnd) out += "[end]";
      if (p.kind == Kind::kPing) out += "[ping " + text + "]";
      if (p.kind == Kind::kPong) out += "[pong " + text + "]";
      if (p.kind == Kind::kClose) out += "[close " + std::to_string(p.code) + " " + std::string(p.text) + "]";
      if (p.kind == Kind::kRefuse) out += "[refuse " + std::to_string(p.code) + "]";
    }
  }
  return out;
}

std::string message(std::string payload, const std::uint8_t* key) {
  std::vector<std::uint8_t> room(kMaxHead);
  const auto head = put_head(room.data() + kMaxHead, payload.size(), key);
  if (key != nullptr) mask({reinterpret_cast<std::uint8_t*>(payload.data()), payload.size()}, key);
  return std::string(room.end() - static_cast<std::ptrdiff_t>(head), room.end()) + payload;
}

TEST(TcpFrames, WhatIsWrittenIsReadInPiecesOfAnySize) {
  for (const auto* key : {static_cast<const std::uint8_t*>(nullptr), kKey}) {
    for (const std::size_t size : {1u, 2u, 125u, 126u, 65535u, 65536u, 70001u}) {
      const std::string payload(size, 'x');
      const auto bytes = message(payload, key) + ping_frame(key) + pong_frame({}, key) + end_frame(key) + close_frame(4001, "why", key);
      for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, bytes.size()}) {
        EXPECT_EQ(read(bytes, key != nullptr, step), payload + "[ping ][pong ][end][close 4001 why]") << size << " in " << step;
      }
    }
  }
}

TEST(TcpFrames, TheExamplesOfTheRfc) {
  EXPECT_EQ(read(std::string("\x82\x05Hello", 7), false), "Hello");
  EXPECT_EQ(read("\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", true), "Hello");
  EXPECT_EQ(read(std::string("\x02\x03Hel\x80\x02lo", 9), false), "Hello");
  EXPECT_EQ(read(std::string("\x02\x03Hel\x89\x01!\x80\x02lo", 12), false), "Hel[ping !]lo");
}

TEST(TcpFrames, AnEmptyMessageEndsADirectionAndAnEmptyPartOfOneDoesNot) {
  EXPECT_EQ(read(std::string("\x82\x00", 2), false), "[end]");
  EXPECT_EQ(read(std::string("\x02\x00\x80\x01x", 5), false), "x");
  EXPECT_EQ(read(std::string("\x02\x01x\x80\x00", 5), false), "x");
}

TEST(TcpFrames, WhatBreaksTheRulesIsRefused) {
  const std::pair<std::string, std::string> cases[] = {
      {std::string("\x82\x81\0\0\0\0x", 7), "[refuse 1002]"},            // masked by a server
      {std::string("\xc2\x01x", 3), "[refuse 1002]"},                    // a reserved bit
      {std::string("\x81\x01x", 3), "[refuse 1003]"},                    // text
      {std::string("\x83\x00", 2), "[refuse 1002]"},                     // unknown kinds
      {std::string("\x8b\x00", 2), "[refuse 1002]"},
      {std::string("\x80\x01x", 3), "[refuse 1002]"},                    // goes on with nothing
      {std::string("\x02\x01x\x82\x01y", 6), "x[refuse 1002]"},          // begins inside another
      {std::string("\x09\x00", 2), "[refuse 1002]"},                     // a control frame in parts
      {std::string("\x89\x7e\x00\x7e", 4), "[refuse 1002]"},             // and one that is too long
      {std::string("\x82\x7e\x00\x05", 4), "[refuse 1002]"},             // a length that is not the shortest
      {std::string("\x82\x7f\0\0\0\0\0\0\xff\xff", 10), "[refuse 1002]"},
      {std::string("\x82\x7f\0\0\0\0\0\x10\0\x01", 10), "[refuse 1009]"},  // 1 MiB and a byte
      {std::string("\x88\x01x", 3), "[refuse 1002]"},                    // half a code
      {std::string("\x88\x02\x03\xed", 4), "[refuse 1002]"},             // 1005 is nobody's to send
      {std::string("\x88\x02\x03\xe7", 4), "[refuse 1002]"},             // 999
  };
  for (const auto& [bytes, result] : cases) EXPECT_EQ(read(bytes + "\x82\x01z", false), result);
  EXPECT_EQ(read(std::string("\x82\x01x", 3), true), "[refuse 1002]");  // not masked by a client
}

TEST(TcpFrames, NothingIsReadBehindAClose) {
  EXPECT_EQ(read(std::string("\x88\x00\x82\x01x", 5), false), "[close 1005 ]");
  EXPECT_EQ(read(std::string("\x88\x02\x03\xe8\x82\x01x", 7), false), "[close 1000 ]");
}

TEST(TcpFrames, ReasonsFitAControlFrame) {
  const auto frame = close_frame(4001, std::string(500, 'y'), nullptr);
  EXPECT_EQ(frame.size(), 127u);
  EXPECT_EQ(read(frame, false), "[close 4001 " + std::string(123, 'y') + "]");
}

}  // namespace
}  // namespace postern::net::tcp_frames
