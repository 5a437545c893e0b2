#include "agent/collectors/hardware/parse.h"

#include <gtest/gtest.h>

namespace postern::agent {
namespace {

TEST(CpuModel, IsTheFirstNamedOne) {
  EXPECT_EQ(parse_cpu_model("processor\t: 0\nmodel name\t: Intel(R) Xeon(R)\nmodel name\t: other\n"),
            "Intel(R) Xeon(R)");
  EXPECT_EQ(parse_cpu_model("processor : 0\nHardware : BCM2835\nModel : Raspberry Pi 4\n"), "Raspberry Pi 4");
  EXPECT_EQ(parse_cpu_model("processor : 0\nmodel name :\n"), "");
  EXPECT_EQ(parse_cpu_model("\xff\xfe no colon"), "");
}

TEST(Memory, IsTheTotalInMebibytes) {
  EXPECT_EQ(parse_memory_mb("MemFree: 1 kB\nMemTotal:       8387584 kB\n"), 8191);
  for (const auto* text :
       {"", "MemTotal: 12\n", "MemTotal: x kB\n", "MemTotal: -1 kB\n", "MemTotal: 99999999999999999999 kB\n"}) {
    EXPECT_FALSE(parse_memory_mb(text)) << text;
  }
}

TEST(Dmi, KeepsNamesAndDropsFiller) {
  EXPECT_EQ(parse_dmi("VMware Virtual Platform\n"), "VMware Virtual Platform");
  for (const auto* text : {"", "\n", "To Be Filled By O.E.M.\n", "Default string",
                           "a\x01"
                           "b"})
    EXPECT_EQ(parse_dmi(text), "") << text;
  EXPECT_EQ(parse_dmi(std::string(300, 'x')), "");
}

}  // namespace
}  // namespace postern::agent
