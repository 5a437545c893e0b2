#include "ems/api/own_password.h"

#include "ems/api/handling.h"
#include "ems/api/password.h"
#include "ems/api/services.h"
#include "ems/api/sign_in.h"

namespace postern::ems::api {
namespace {

using Done = std::function<void(Status, int)>;

void refuse_change(const Done& done, const Error& error) { done(fail(error), http_status(error.code)); }

void store(const CallPtr& call, const std::string& old_hash, std::string new_hash, const Done& done) {
  Services& services = call->services;
  const Administrator* user = services.core.administrator(call->who.user);
  if (user == nullptr || user->password_hash != old_hash) {
    return refuse_change(done, {ErrorCode::kConflict, "the password was changed meanwhile; sign in again"});
  }
  Administrator changed = *user;
  changed.password_hash = std::move(new_hash);
  changed.must_change_password = false;
  services.core.save_administrator(now_of(call), actor_of(call), std::move(changed), [call, done](Status stored) {
    if (!stored) return refuse_change(done, stored.error());
    // Whoever signed in with the old password is out. The user's API tokens stay, unless the change was demanded: then
    // the core has ended them.
    call->services.sessions.close_all(call->who.user, call->who.session_key);
    done({}, 0);
  });
}

}  // namespace

void hash_later(const CallPtr& call, const std::string& password, std::function<void(Result<std::string>)> done) {
  if (call->services.hashing >= kMaxHashing) {
    call->add_header("Retry-After", "1");
    return done(fail(ErrorCode::kUnavailable, "many passwords are checked at this moment; try again in a second"));
  }
  auto made = std::make_shared<Result<std::string>>();
  ++call->services.hashing;
  call->services.hooks.offload([made, password] { *made = hash_password(password); },
                               [call, made, done = std::move(done)] {
                                 --call->services.hashing;
                                 if (!*made) return done(fail(ErrorCode::kUnavailable, made->error().message));
                                 done(std::move(**made));
                               });
}

void change_own_password(const CallPtr& call, const std::string& old_password, const std::string& new_password,
                         std::function<void(Status, int)> done) {
  if (Status ok = acceptable_password(new_password, call->who.user); !ok) return refuse_change(done, ok.error());
  if (old_password == new_password) {
    return refuse_change(done, {ErrorCode::kInvalidArgument, "new_password: must be another one than the old"});
  }
  if (Status ok = take_attempt(call); !ok) return done(ok, sign_in_status(ok.error()));
  check_password(call, call->who.user, old_password, [call, new_password, done = std::move(done)](Result<bool> right) {
    if (!right) {
      give_back_attempt(call);  // no password was tried
      return refuse_change(done, right.error());
    }
    Services& services = call->services;
    if (!*right) {
      services.core.note(now_of(call), actor_of(call), "password.refused", call->who.user,
                         "the old password was wrong");
      return refuse_change(done, {ErrorCode::kPermissionDenied, "old_password: is wrong; the password was not changed"});
    }
    give_back_attempt(call);
    const std::string old_hash = services.core.administrator(call->who.user)->password_hash;
    hash_later(call, new_password, [call, old_hash, done](Result<std::string> hash) {
      if (!hash) return refuse_change(done, hash.error());
      store(call, old_hash, std::move(*hash), done);
    });
  });
}

}  // namespace postern::ems::api
