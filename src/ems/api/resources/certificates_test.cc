#include "ems/api/api_lab.h"
#include "net/client.h"
#include "net/server.h"

namespace postern::ems::testing {
namespace {

constexpr const char* kUploads = "/api/v1/certificates/server";

// Self-signed, 2020 to 2120: EKU serverAuth and clientAuth, and one without any EKU.
constexpr const char* kBothPurposes = R"(-----BEGIN CERTIFICATE-----
MIIBLzCB1qADAgECAgEHMAoGCCqGSM49BAMCMA8xDTALBgNVBAMMBHRlc3QwIBcN
MjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMA8xDTALBgNVBAMMBHRlc3Qw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATbuEXAihZoKLkEu5kcR3/lp0N8ZIpu
PmBcOXzWeU7rpoKJsTFpfz33h2fXz1SsAlsUcIPICqXnOoQjFPvX+kAgoyEwHzAd
BgNVHSUEFjAUBggrBgEFBQcDAQYIKwYBBQUHAwIwCgYIKoZIzj0EAwIDSAAwRQIh
AOj9emC0VrO0Kp1qHIV+CvHxivNe8fEx9S5a8eX4zZ9DAiA7VxP7voEx+iYyHsyp
ErPRYGOLjcKeuTecIaE+2CtzTQ==
-----END CERTIFICATE-----
)";
constexpr const char* kNoPurpose = R"(-----BEGIN CERTIFICATE-----
MIIBDTCBs6ADAgECAgEHMAoGCCqGSM49BAMCMA8xDTALBgNVBAMMBHRlc3QwIBcN
MjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMA8xDTALBgNVBAMMBHRlc3Qw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATbuEXAihZoKLkEu5kcR3/lp0N8ZIpu
PmBcOXzWeU7rpoKJsTFpfz33h2fXz1SsAlsUcIPICqXnOoQjFPvX+kAgMAoGCCqG
SM49BAMCA0kAMEYCIQDOX7vbJVSEeCRBTlh5aq6vIWYWt3vAbSJJKQtstr8siQIh
AO7f4o8oO5rhm4uEb1R56BdZRox+vZ2suu34Ceh731qU
-----END CERTIFICATE-----
)";

// EKU serverAuth: self-signed with an RSA key of 1024 bits, and one on P-256 that an authority signed with SHA-1.
constexpr const char* kRsa1024 = R"(-----BEGIN CERTIFICATE-----
MIIB3zCCAUigAwIBAgIUKNC7Qr9xFV7rccPBDWbqDlt9TlQwDQYJKoZIhvcNAQEL
BQAwDzENMAsGA1UEAwwEd2VhazAgFw0yNjExMjUxOTUwMDBaGA8yMTI2MTEwMTE5
NTAwMFowDzENMAsGA1UEAwwEd2VhazCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkC
gYEA5QVCesOzsINKRjjKB2E2uwUPll8phjqjdcazfiwP3E+uMc17jMMFESJRaAn4
z/b39ieuD9VzpIcOSS12dti6gcm/3rXlgBCiaWOUGGiVQ2v36Ukxb8B0A+Fn3Rbe
Sy3NSNwFWckshq5kByXfS23nyTNlfq0nqUTd1wra8z34XSECAwEAAaM2MDQwEwYD
VR0lBAwwCgYIKwYBBQUHAwEwHQYDVR0OBBYEFFXEKlb9RA8lS9tC+koPyVkZBjty
MA0GCSqGSIb3DQEBCwUAA4GBAF5EWrperzV8m/aNQgN90RrLqca1vIxazATl6PvS
MKVtemBJ6yruG5xMzFUg1J0oo4ncY2SlKMierU5c6ln70X9Zj+e+PitKwsreYYzG
m/i6QljPxh6MaoCfKrFQsPjKCN/0/c7w4M3DOPvrT0FFm2dOS9lyNXGsqryNn/nE
cmO8
-----END CERTIFICATE-----
)";
constexpr const char* kRsa1024Key = R"(-----BEGIN PRIVATE KEY-----
MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAOUFQnrDs7CDSkY4
ygdhNrsFD5ZfKYY6o3XGs34sD9xPrjHNe4zDBREiUWgJ+M/29/Ynrg/Vc6SHDkkt
dnbYuoHJv9615YAQomljlBholUNr9+lJMW/AdAPhZ90W3kstzUjcBVnJLIauZAcl
30tt58kzZX6tJ6lE3dcK2vM9+F0hAgMBAAECgYEAhNkINy5OjZWbACDxEFbT6KiG
4jNRYwugxjD87bOhf6q44SrRAFYgGlBN6IvgSMJ6E8/wqD6pVkcBgnFcxpPxmz7f
U4fVyJauCCAcaWUjZCH8J2GrdNf3n0w0IlONyls3VZkHP6mfSCt5shXEfaoK3Ivf
r1hrQ0kYJQ2TKB2kEgECQQD51FTsb1oDX6Y8OXJNnM347e7OgOXA2UJzOIEtcZEy
W126Gu3uHWch4jzV3CazZmsJP9A6MvIt7b/7vzYz5RBHAkEA6q1ai/wSW8L8YNvg
tSyLZJluNgmZfZTH3on7UkJKFUrNSPC4PYtXEocxpIwQKMckQrz8gkq5UqirD5d/
gxkDVwJBAIa2qzBu/t+w1QfGhk85jYt8aXgq4zjxLjbJMkbZ5Ux9HfY7jS8H5dPM
lbdQJgI46OCs61BmplaDzDEos0aabwMCQEt+pyFfXxyL9prGQVynTtR3E2Bo6Crh
IQczRllpH+IHpVCwt+R8ne9E9LBlqpEjt0OM/oJ/vWyc/CLQ7uFiu5MCQQCo04Gv
8ovWPiBfrquPEhENWmk0lAU8ztT5bqTGUbfzenjB1Mblouy/zg7BF3meUU4DieHa
dgT37+7bZLR4C0B0
-----END PRIVATE KEY-----
)";
constexpr const char* kSha1 = R"(-----BEGIN CERTIFICATE-----
MIIBdTCCARygAwIBAgIUHE+IVEc15szxiECAR8XN1kXNvGowCQYHKoZIzj0EATAN
MQswCQYDVQQDDAJjYTAgFw0yNjExMjUxOTUwMDBaGA8yMTI2MTEwMTE5NTAwMFow
DzENMAsGA1UEAwwEc2hhMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABInfBEye
d4si+RIH9tYOEWmSztUxAey1fQ7wym4lIAThwj8aHUy8r6tulgy0lQWdCuUBKNnl
uLHbtpYJH9tAJsKjVzBVMBMGA1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBSt
Jljj5lMKIYrO/S84BnEwCL7X3zAfBgNVHSMEGDAWgBRpZrFhqSPNHlu/i9D9pm/9
A74fPDAJBgcqhkjOPQQBA0gAMEUCIGj5dODazLwcjGjjl24asu88rqq8HqrEQqJR
rGzXJGVyAiEAz0t9Zsq6qEC7qaJ8JKTHfbHezrPqR2bIpa7q/T8z5dg=
-----END CERTIFICATE-----
)";
constexpr const char* kSha1Key = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQvSZ2RwWN7LhZBiU
bqEbPKa94O5mWG3SJBf4nN8XiuehRANCAASJ3wRMnneLIvkSB/bWDhFpks7VMQHs
tX0O8MpuJSAE4cI/Gh1MvK+rbpYMtJUFnQrlASjZ5bix27aWCR/bQCbC
-----END PRIVATE KEY-----
)";

class Certificates : public ApiLab {
 protected:
  pki::Identity server(pki::Validity validity) {
    return pki::make_server(root, "ems.example", {"ems.example", "192.0.2.1"}, validity, random);
  }
  static std::string upload_body(const std::string& name, const std::string& chain, const std::string& key) {
    return json::serialize(json::object{{"name", name}, {"certificate", chain}, {"private_key", key}});
  }
  Reply upload(const std::string& name, const std::string& chain, const std::string& key) {
    return post(kUploads, upload_body(name, chain, key));
  }
  Reply upload(const std::string& name) { return upload(name, pem(good), good.key.to_pem()); }
  std::string refused(const std::string& chain, const std::string& key) {
    const Reply reply = upload("Bad", chain, key);
    EXPECT_EQ(reply.status, 400) << reply.text;
    EXPECT_EQ(reply.code(), "invalid_argument");
    return reply.message();
  }
  static std::string pem(const pki::Identity& identity) { return pki::to_pem(identity.certificate); }
  std::string selected() {
    for (const auto& item : get(kUploads).items()) {
      if (Reply::member(item, "selected") == true) return std::string(Reply::member(item, "name").get_string());
    }
    return {};
  }

  WallTime now = clock.now().wall;
  pki::Validity year{now - Seconds(3600), now + Seconds(365 * 24 * 3600)};
  pki::Identity root = pki::make_root("Example root", "Example", year, random);
  pki::Identity good = server(year);
};

TEST_F(Certificates, OneIsUploadedShownSelectedAndDeleted) {
  const std::string chain = pem(good) + pem(root);
  const Reply made = upload("Example", "# exported\n" + chain, good.key.to_pem());
  EXPECT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(made.str("certificate"), chain);
  EXPECT_EQ(made.at("selected"), false);
  EXPECT_EQ(made.at("built_in"), false);
  EXPECT_EQ(made.at("names"), (json::array{"ems.example", "192.0.2.1"}));
  EXPECT_EQ(made.str("sha256"), to_hex_lower(sha256(ByteView(good.certificate))));
  EXPECT_NE(made.str("issuer").find("Example root"), std::string::npos);
  EXPECT_EQ(made.text.find("PRIVATE KEY"), std::string::npos);
  EXPECT_TRUE(web_certificates.empty());  // not in use yet

  const Reply chosen = post(std::string(kUploads) + "/Example/select");
  EXPECT_EQ(chosen.status, 200) << chosen.text;
  EXPECT_EQ(chosen.at("selected"), true);
  ASSERT_EQ(web_certificates.size(), 1u);
  EXPECT_EQ(web_certificates[0].chain_pem, chain);
  EXPECT_EQ(web_certificates[0].key_pem, good.key.to_pem());
  EXPECT_EQ(selected(), "Example");
  EXPECT_EQ(call("DELETE", std::string(kUploads) + "/Example").code(), "conflict");
  restart_all();
  EXPECT_EQ(selected(), "Example");

  EXPECT_EQ(post(std::string(kUploads) + "/Built-in/select").status, 200);
  EXPECT_EQ(call("DELETE", std::string(kUploads) + "/Built-in").code(), "conflict");
  EXPECT_EQ(call("DELETE", std::string(kUploads) + "/Example").status, 204);
  EXPECT_EQ(get(std::string(kUploads) + "/Example").code(), "not_found");
  EXPECT_EQ(call("DELETE", std::string(kUploads) + "/Example").code(), "not_found");
  EXPECT_EQ(post(std::string(kUploads) + "/Example/select").code(), "not_found");
}

TEST_F(Certificates, WhatDoesNotFitIsRefusedWithTheReason) {
  const std::string key = good.key.to_pem();
  EXPECT_EQ(refused(pem(good), pki::PrivateKey::generate().to_pem()),
            "private_key: it is not the key of the (first) certificate");
  EXPECT_NE(refused(pem(good), "secret").find("private_key: not a private key"), std::string::npos);
  EXPECT_EQ(refused(pem(good), "secret").find("secret"), std::string::npos);
  EXPECT_NE(refused("nothing", key).find("must be PEM"), std::string::npos);
  EXPECT_NE(refused(pem(good).substr(0, 200), key).find("must be PEM"), std::string::npos);
  // The root first.
  EXPECT_NE(refused(pem(root) + pem(good), key).find("serverAuth"), std::string::npos);
  // A chain with a gap.
  const auto stranger = pki::make_root("Stranger", "Example", year, random);
  EXPECT_NE(refused(pem(good) + pem(stranger), key).find("number 2 of the chain did not sign"), std::string::npos);
  const auto client = pki::issue_client(root, pki::make_request(good.key), EndpointUid(std::string(32, 'A')),
                                        EmsSerial("PSTEMS0000000001"), year, random);
  EXPECT_NE(refused(pki::to_pem(*client), key).find("serverAuth"), std::string::npos);
  EXPECT_NE(refused(kNoPurpose, key).find("serverAuth"), std::string::npos);
  EXPECT_NE(refused(kBothPurposes, key).find("clientAuth"), std::string::npos);
  std::string endless;
  for (int i = 0; i < 11; ++i) endless += pem(root);
  EXPECT_NE(refused(pem(good) + endless, key).find("too many"), std::string::npos);
  EXPECT_EQ(get(kUploads).at("total"), 1);
}

TEST_F(Certificates, AWeakOneIsRefusedWhenItIsUploadedNotWhenItIsSelected) {
  const std::string rsa = refused(kRsa1024, kRsa1024Key);
  EXPECT_NE(rsa.find("CN=weak: its key (rsaEncryption, 1024 bits) is too weak"), std::string::npos) << rsa;
  EXPECT_NE(rsa.find("RSA of at least 2048 bits"), std::string::npos) << rsa;
  const std::string digest = refused(kSha1, kSha1Key);
  EXPECT_NE(digest.find("CN=sha1: it is signed with a weak digest (SHA1)"), std::string::npos) << digest;
  // Higher in the chain.
  const std::string above = refused(pem(good) + kRsa1024, good.key.to_pem());
  EXPECT_NE(above.find("number 2 of the chain: its key"), std::string::npos) << above;
  EXPECT_EQ(get(kUploads).at("total"), 1);
}

TEST_F(Certificates, OneThatIsOutOfDateIsRefusedAlsoHigherInTheChain) {
  const auto expired = server({now - Seconds(7200), now - Seconds(3600)});
  EXPECT_NE(refused(pem(expired), expired.key.to_pem()).find("expired at"), std::string::npos);
  const auto early = server({now + Seconds(3600), now + Seconds(7200)});
  EXPECT_NE(refused(pem(early), early.key.to_pem()).find("not valid before"), std::string::npos);
  const auto old_root = pki::make_root("Old root", "Example", {now - Seconds(7200), now - Seconds(3600)}, random);
  const auto leaf = pki::make_server(old_root, "ems.example", {"ems.example"}, year, random);
  EXPECT_NE(refused(pem(leaf) + pem(old_root), leaf.key.to_pem()).find("Old root"), std::string::npos);
  // One that expired since it was uploaded.
  ASSERT_EQ(upload("Example").status, 201);
  clock.advance(Seconds(366 * 24 * 3600));
  EXPECT_EQ(post(std::string(kUploads) + "/Example/select").code(), "conflict");
  EXPECT_TRUE(web_certificates.empty());
  EXPECT_EQ(selected(), "Built-in");
}

TEST_F(Certificates, NamesAndFieldsAreChecked) {
  EXPECT_EQ(upload("a/b").code(), "invalid_argument");
  EXPECT_EQ(upload("..").code(), "invalid_argument");
  EXPECT_EQ(upload("").code(), "invalid_argument");
  EXPECT_EQ(upload("Built-in").code(), "already_exists");
  EXPECT_EQ(post(kUploads, R"({"name":"x"})").message(), "certificate: is missing");
  EXPECT_EQ(upload("Huge", std::string(70'000, 'A'), "x").code(), "invalid_argument");
  EXPECT_EQ(upload("Huge", std::string(300'000, 'A'), "x").status, 413);
}

TEST_F(Certificates, WhatTheWebServerCanNotUseIsNotRecorded) {
  ASSERT_EQ(upload("Example").status, 201);
  web_certificate_error = Error{ErrorCode::kInvalidArgument, "the key is too small"};
  const Reply reply = post(std::string(kUploads) + "/Example/select");
  EXPECT_EQ(reply.status, 409) << reply.text;
  EXPECT_NE(reply.message().find("the key is too small"), std::string::npos);
  EXPECT_EQ(selected(), "Built-in");
}

TEST_F(Certificates, ASelectionThatCanNotBeStoredIsTakenBack) {
  ASSERT_EQ(upload("Example").status, 201);
  const std::string built_in = get(std::string(kUploads) + "/Built-in").str("certificate");
  disk_full(true);
  EXPECT_EQ(post(std::string(kUploads) + "/Example/select").status, 507);
  ASSERT_EQ(web_certificates.size(), 2u);
  EXPECT_EQ(web_certificates.back().chain_pem, built_in);
  EXPECT_EQ(selected(), "Built-in");
  EXPECT_EQ(upload("Other").status, 507);
  EXPECT_EQ(call("DELETE", std::string(kUploads) + "/Example").status, 507);
  disk_full(false);
  EXPECT_EQ(get(kUploads).at("total"), 2);
}

TEST_F(Certificates, ArePagedAndChangedByAdministratorsOnly) {
  ASSERT_EQ(upload("Example").status, 201);
  const Reply page = read_only("GET", std::string(kUploads) + "?limit=1");
  ASSERT_EQ(page.items().size(), 1u);
  EXPECT_EQ(Reply::member(page.items()[0], "name"), "Built-in");
  EXPECT_EQ(read_only("GET", std::string(kUploads) + "?limit=1&cursor=" + page.str("next_cursor")).items().size(), 1u);
  EXPECT_EQ(read_only("POST", kUploads, upload_body("x", pem(good), good.key.to_pem())).code(), "permission_denied");
  EXPECT_EQ(read_only("POST", std::string(kUploads) + "/Example/select").code(), "permission_denied");
  EXPECT_EQ(read_only("DELETE", std::string(kUploads) + "/Example").code(), "permission_denied");
  EXPECT_EQ(nobody("GET", kUploads).code(), "unauthenticated");
  EXPECT_EQ(selected(), "Built-in");
}

/// The API behind a real HTTPS listener.
class ServingCertificates : public Certificates {
 protected:
  ServingCertificates() {
    const auto* built_in = core->selected_server_certificate();
    auto server = net::Server::listen(
        loop, *IpAddress::parse("127.0.0.1"), 0, config({built_in->chain_pem, built_in->key_pem}),
        [this](net::HttpRequest request, net::HttpResponder respond) {
          const bool poll = request.path == "/api/v1/changes";
          api->handle(std::move(request), std::move(respond));
          loop.defer([this, poll] {
            settle();
            if (poll) polling();
          });
        },
        [](const net::HttpRequest&) { return net::UpgradeDecision{}; });
    EXPECT_TRUE(server) << server.error().message;
    listener = std::move(*server);
    ApiHooks hooks;
    hooks.offload = [this](std::function<void()> blocking, std::function<void()> done) {
      loop.offload(std::move(blocking), std::move(done));
    };
    hooks.after = [this](std::chrono::nanoseconds delay, std::function<void()> done) {
      return loop.after(delay, std::move(done));
    };
    hooks.use_web_certificate = [this](const net::TlsIdentity& identity) {
      return listener->set_tls(config(identity));
    };
    hooks.commit = [this] { run(); };
    api = std::make_unique<Api>(*core, clock, random, std::move(hooks));
  }
  static net::TlsServerConfig config(const net::TlsIdentity& identity) {
    net::TlsServerConfig out;
    out.identity = identity;
    out.alpn = {{"http/1.1"}, {""}};
    return out;
  }
  net::Target target() const {
    net::Target out;
    out.host = "127.0.0.1";
    out.port = listener->port();
    out.tls.check_name = false;
    out.tls.accept_peer = [](const net::PeerIdentity&) { return true; };
    return out;
  }
  void ask(const std::string& method, const std::string& path, const std::string& body, std::function<void(int)> then,
           std::map<std::string, std::string> query = {}) {
    net::HttpRequest r;
    r.method = method;
    r.path = path;
    r.query = std::move(query);
    r.body = body;
    r.headers.add("Authorization", "Bearer " + admin_token);
    net::Target to = target();
    to.timeout = std::chrono::minutes(2);
    handles.push_back(net::http_request(loop, std::move(to), std::move(r), [then](Result<net::HttpResponse> reply) {
      ASSERT_TRUE(reply) << reply.error().message;
      then(reply->status);
    }));
  }
  /// What a new connection is shown.
  void probe(std::function<void(const Bytes&)> then) {
    handles.push_back(net::probe_certificate(loop, target(), [then](Result<net::PeerIdentity> peer) {
      ASSERT_TRUE(peer) << peer.error().message;
      then(peer->chain_der.front());
    }));
  }

  net::Loop loop;
  std::unique_ptr<net::Server> listener;
  std::vector<net::Handle> handles;
  std::function<void()> polling = [] {};  ///< A question for changes was received.
};

TEST_F(ServingCertificates, ASelectedOneIsShownAtOnceAndOpenConnectionsGoOn) {
  const Bytes built_in = pki::certificates_from_pem(core->selected_server_certificate()->chain_pem)->front();
  int saved = 0, waited = 0;
  bool switched = false;
  const auto done = [&] {
    if (saved != 0 && waited != 0) loop.stop();
  };
  ask("POST", kUploads, upload_body("Example", pem(good), good.key.to_pem()), [&](int status) {
    EXPECT_EQ(status, 201);
    probe([&](const Bytes& shown) {
      EXPECT_EQ(shown, built_in);
      const std::string here = std::to_string(core->revision());
      ask("GET", "/api/v1/changes", "",
          [&](int answered) {
            EXPECT_TRUE(switched);
            waited = answered;
            done();
          },
          {{"after", here}, {"wait", "60"}, {"key", "Later"}});
    });
  });
  // Its connection is open, and its answer is not there yet.
  polling = [&] {
    ask("POST", std::string(kUploads) + "/Example/select", "", [&](int status) {
      EXPECT_EQ(status, 200);
      EXPECT_EQ(waited, 0);
      probe([&](const Bytes& shown) {
        EXPECT_EQ(shown, good.certificate);
        switched = true;
        ask("PUT", "/api/v1/profiles/Later", "{}", [&](int answered) {
          saved = answered;
          done();
        });
      });
    });
  };
  auto guard = loop.after(std::chrono::seconds(30), [&] {
    ADD_FAILURE() << "it did not happen";
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(saved, 200);
  EXPECT_EQ(waited, 200);
}

}  // namespace
}  // namespace postern::ems::testing
