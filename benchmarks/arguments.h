#pragma once
// The command line of a benchmark's program: "--name value" pairs, every one of them needed unless a default is given.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

namespace postern::bench {

/// Ends the program with a message on stderr where something is missing or not understood.
class Arguments {
 public:
  Arguments(int argc, char** argv) : program_(argv[0]) {
    for (int i = 1; i < argc; i += 2) {
      const std::string name = argv[i];
      if (!name.starts_with("--") || i + 1 == argc) fail("expected --name value, got " + name);
      values_[name.substr(2)] = argv[i + 1];
    }
  }
  std::string text(const std::string& name) const {
    const auto it = values_.find(name);
    if (it == values_.end()) fail("--" + name + " is missing");
    return it->second;
  }
  std::string text(const std::string& name, const std::string& otherwise) const {
    const auto it = values_.find(name);
    return it == values_.end() ? otherwise : it->second;
  }
  long number(const std::string& name) const {
    const auto value = text(name);
    char* end = nullptr;
    const long out = std::strtol(value.c_str(), &end, 10);
    if (value.empty() || *end != '\0') fail("--" + name + " " + value + " is not a number");
    return out;
  }
  long number(const std::string& name, long otherwise) const {
    return values_.contains(name) ? number(name) : otherwise;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    std::fprintf(stderr, "%s: %s\n", program_.c_str(), why.c_str());
    std::exit(2);
  }
  std::string program_;
  std::map<std::string, std::string> values_;
};

}  // namespace postern::bench
