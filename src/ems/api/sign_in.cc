#include "ems/api/sign_in.h"

#include <fmt/format.h>

#include "ems/api/auth.h"
#include "ems/api/handling.h"
#include "ems/api/password.h"
#include "ems/api/services.h"

namespace postern::ems::api {

Status take_attempt(const CallPtr& call) {
  const Seconds wait = call->services.signins.take(attempt_key(call->request.peer.remote_ip), now_of(call).mono);
  if (wait == Seconds(0)) return {};
  call->add_header("Retry-After", std::to_string(wait.count()));
  return fail(ErrorCode::kResourceExhausted,
              fmt::format("too many passwords were tried from your address; try again in {} s", wait.count()));
}

void give_back_attempt(const CallPtr& call) {
  call->services.signins.give_back(attempt_key(call->request.peer.remote_ip));
}

int sign_in_status(const Error& error) {
  return error.code == ErrorCode::kResourceExhausted ? 429 : http_status(error.code);
}

void check_password(const CallPtr& call, const std::string& user, const std::string& password,
                    std::function<void(Result<bool>)> done) {
  Services& services = call->services;
  if (services.hashing >= kMaxHashing) {
    call->add_header("Retry-After", "1");
    return done(fail(ErrorCode::kUnavailable, "many others sign in at this moment; try again in a second"));
  }
  const Administrator* known = services.core.administrator(user);
  const std::string hash = known == nullptr ? services.decoy_hash : known->password_hash;
  auto right = std::make_shared<bool>(false);
  ++services.hashing;
  services.hooks.offload([right, hash, password] { *right = verify_password(hash, password); },
                         [call, right, user, hash, done = std::move(done)] {
                           --call->services.hashing;
                           // Gone, or with another password, while it was being computed: not the user's any more.
                           const Administrator* still = call->services.core.administrator(user);
                           done(*right && still != nullptr && still->password_hash == hash);
                         });
}

void sign_in(const CallPtr& call, const std::string& name, const std::string& password,
             std::function<void(Result<SignedIn>)> done) {
  if (Status ok = take_attempt(call); !ok) return done(fail(ok.error()));
  check_password(call, name, password, [call, name, done = std::move(done)](Result<bool> right) {
    if (!right) {
      give_back_attempt(call);  // no password was tried
      return done(fail(right.error()));
    }
    Services& services = call->services;
    const Now now = now_of(call);
    const Actor actor{name, call->request.peer.remote_ip.str()};
    if (!*right) {
      services.core.note_refusal(now, actor, "signin.refused", name, "name or password wrong");
      return done(fail(ErrorCode::kUnauthenticated, "name or password is wrong"));
    }
    give_back_attempt(call);
    if (services.core.administrator(name)->disabled) {
      services.core.note_refusal(now, actor, "signin.refused", name, "disabled");
      return done(
          fail(ErrorCode::kPermissionDenied, "this administrator is disabled; another one can enable it again"));
    }
    SignedIn signed_in;
    signed_in.secret = services.sessions.open(name, now.mono, services.random);
    if (signed_in.secret.empty()) {
      return done(fail(ErrorCode::kResourceExhausted, "too many sessions are open; sign out somewhere"));
    }
    if (const std::string before = session_cookie(call->request); !before.empty()) services.sessions.close(before);
    const Administrator& user = *services.core.administrator(name);
    signed_in.who.kind = Principal::Kind::kSession;
    signed_in.who.user = name;
    signed_in.who.role = user.role == AdministratorRole::kAdmin ? Role::kAdmin : Role::kReadonly;
    signed_in.who.session_key = signed_in.secret;
    signed_in.who.csrf_token = Sessions::csrf_token(signed_in.secret);
    signed_in.who.must_change_password = user.must_change_password;
    services.core.note(now, actor, "signin", name, "");
    done(std::move(signed_in));
  });
}

}  // namespace postern::ems::api
