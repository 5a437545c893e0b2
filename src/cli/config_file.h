#pragma once
// ~/.config/postern/config.toml: EMSs that one signed in to, by name.
#include <map>
#include <string>

#include "base/result.h"

namespace postern::cli {

struct Context {
  std::string url;
  std::string user;
  std::string token;
  std::string token_id;     ///< What the EMS calls it.
  std::string fingerprint;  ///< Of the web certificate that was trusted; or
  std::string ca;           ///< a PEM file.
};

struct ConfigFile {
  std::string current;
  std::map<std::string, Context> contexts;
};

/// Empty when there is no file. Errors: kPermissionDenied (it has a token and others than its owner may read it),
/// kInvalidArgument with the line.
Result<ConfigFile> read_config(const std::string& path);
/// Mode 0600, its directory 0700 where it has to be made.
Status write_config(const std::string& path, const ConfigFile& config);

}  // namespace postern::cli
