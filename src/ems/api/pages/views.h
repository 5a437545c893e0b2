#pragma once
// The pages as functions from what they show to HTML. Everything given is plain text and escaped here.
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace postern::ems::api {

struct SignInView {
  std::string ems;         ///< Serial number of the EMS.
  std::string next = "/";  ///< Where to go afterwards: a path of ours.
  std::string problem;     ///< Of the attempt before; empty: none.
  int status = 200;
};
net::HttpResponse sign_in_page(const SignInView& view);

/// One's own password: asked for at the first sign-in with one that somebody else chose, or wished for.
struct PasswordView {
  std::string ems;
  std::string user;
  std::string csrf_token;
  std::string next = "/";  ///< Where to go afterwards: a path of ours.
  bool must = false;       ///< Nothing else is allowed before.
  std::string problem;     ///< Of the attempt before; empty: none.
  int status = 200;
};
net::HttpResponse password_page(const PasswordView& view);

struct StartView {
  struct Device {
    std::string serial;
    std::string host_name;
    std::string path;        ///< Of the page that authorises it.
  };
  std::string ems;
  std::string version;
  std::string user;
  std::string role;
  std::string csrf_token;
  std::size_t endpoints = 0, online = 0;
  std::string store_error;       ///< Why nothing can be stored; empty: it works.
  std::vector<Device> waiting;   ///< Fabric devices that wait for an administrator.
};
net::HttpResponse start_page(const StartView& view);

struct DeviceView {
  std::string ems;              ///< Serial number of the EMS.
  std::string serial;
  std::string host_name;
  std::string address;
  std::string version;
  std::string state;            ///< "pending", "authorised", "refused", "conflict".
  bool connected = false;
  std::string key_sha256;       ///< 64 hex digits of the key that asks now.
  std::string pinned_sha256;    ///< Of the key authorised before; empty: none.
  std::string user;
  std::string csrf_token;
  bool may_decide = false;      ///< Administrators only.
  std::string problem;          ///< Why what was asked for was not done; empty: nothing was.
  int status = 200;
};
net::HttpResponse authorise_page(const DeviceView& view);

/// "9F:3C:71:A8:", "04:…": four bytes each, which joined are the line that the gateway prints. Not hex: unchanged.
std::vector<std::string> fingerprint_groups(std::string_view hex);

}  // namespace postern::ems::api
