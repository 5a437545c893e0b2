// postern: the administrator's command line.
#include <cstdlib>

#include "cli/program.h"

int main(int argc, char** argv) {
  using namespace postern;
  const SystemClock clock;
  const cli::GetEnvironment variables = [](const char* name) { return std::getenv(name); };
  return cli::run_program({argv + 1, argv + argc},
                          {cli::real_terminal(), clock, variables, cli::default_config_path(variables)});
}
