#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>

#include <b24gate/tokens/credential.hpp>

using namespace b24gate;
using namespace b24gate::tokens;
using namespace std::chrono_literals;
using State = Credential::State;

namespace {

const core::TimePoint now{1000h};

storage::CredentialRecord record(std::int64_t version, std::int64_t life_ms = 3'600'000) {
    storage::CredentialRecord r;
    r.portal = "acme";
    r.credential = "main";
    r.version = version;
    r.sealed = "sealed bytes";
    r.expires_at = 5'000'000 + life_ms;
    return r;
}

bool adopt(Credential& credential, const storage::CredentialRecord& r, const char* token) {
    return credential.adopt(r, core::Secret(token), 5'000'000, now);
}

}  // namespace

TEST_CASE("a credential is good until a minute before its token ends, and useless behind it") {
    Credential credential("acme", "main", true);
    CHECK(credential.look(now).state == State::needs_reauth);  // no tokens yet
    CHECK(adopt(credential, record(1), "t1"));
    CHECK(credential.look(now).state == State::usable);
    CHECK(credential.look(now).token->access.reveal() == "t1");
    CHECK(credential.look(now + 59min - 1s).state == State::usable);
    CHECK(credential.look(now + 59min).state == State::expiring);
    CHECK(credential.look(now + 60min - 1s).state == State::expiring);
    CHECK(credential.look(now + 60min).state == State::expired);
    CHECK(credential.record().sealed.empty());
}

TEST_CASE("only a newer pair replaces a pair") {
    Credential credential("acme", "main", true);
    adopt(credential, record(4), "t4");
    CHECK_FALSE(adopt(credential, record(3), "t3"));
    CHECK_FALSE(adopt(credential, record(4), "t4"));
    CHECK(credential.look(now).token->access.reveal() == "t4");
    CHECK(adopt(credential, record(5), "t5"));
    CHECK(credential.version() == 5);
}

TEST_CASE("a mark belongs to a pair and goes with it") {
    Credential credential("acme", "main", true);
    adopt(credential, record(1), "t1");
    CHECK_FALSE(credential.refused(7, "invalid_token", now));  // about another pair
    CHECK(credential.refused(1, "invalid_token", now));
    CHECK_FALSE(credential.refused(1, "invalid_token", now));  // no news
    CHECK(credential.look(now).state == State::needs_reauth);
    CHECK(credential.look(now).reason == "invalid_token");
    // The store does not know of it yet: the same pair does not take it away.
    CHECK_FALSE(adopt(credential, record(1), "t1"));
    CHECK(credential.look(now).state == State::needs_reauth);
    CHECK(adopt(credential, record(2), "t2"));
    CHECK(credential.look(now).state == State::usable);
    auto marked = record(2);
    marked.state = storage::CredentialRecord::State::needs_reauth;
    marked.reason = "uninstalled";
    CHECK(adopt(credential, marked, "t2"));
    CHECK(credential.look(now).reason == "uninstalled");
    CHECK(credential.adopt_nothing("no_tokens"));
    CHECK_FALSE(credential.adopt_nothing("no_tokens"));
}

TEST_CASE("a refused webhook is tried by one call a minute, and is good again when the portal takes it") {
    Credential credential("acme", "main", false);
    CHECK(credential.look(now).state == State::usable);
    CHECK(credential.refused(0, "INVALID_CREDENTIALS", now));
    CHECK(credential.look(now).state == State::needs_reauth);
    CHECK(credential.look(now + 59s).state == State::needs_reauth);
    CHECK(credential.look(now + 60s).state == State::usable);
    CHECK(credential.look(now + 60s).state == State::needs_reauth);
    CHECK(credential.peek(now + 120s).state == State::needs_reauth);  // a look for a list is no call
    CHECK(credential.look(now + 120s).state == State::usable);
    credential.accepted();
    CHECK(credential.look(now + 120s).state == State::usable);
    CHECK(credential.look(now + 120s).state == State::usable);
}

TEST_CASE("one refreshes for all who wait") {
    boost::asio::io_context io;
    Credential credential("acme", "main", true);
    const auto waiter = [&] { return std::make_shared<net::Waiter<bool>>(io.get_executor()); };
    CHECK(credential.join(waiter()));
    CHECK_FALSE(credential.join(waiter()));
    bitrix::Outcome failure;
    failure.error_class = bitrix::ErrorClass::server;
    credential.hold_off(failure, now + 1s);
    CHECK_FALSE(credential.join(nullptr));  // it still goes on
    CHECK(credential.last_failure().retry_at == now + 1s);
    credential.settle();
    CHECK(credential.last_failure().outcome.ok());
    CHECK(credential.join(nullptr));
}

TEST_CASE("who has to act is told what to do") {
    const Credential app("acme", "main", true);
    CHECK(reauth_required(app, "invalid_grant").description ==
          "the portal does not accept credential main any more (invalid_grant); authorize it again at "
          "/oauth/install?portal=acme&credential=main, or with `b24gate tokens import`");
    const Credential hook("acme", "hook", false);
    CHECK(reauth_required(hook, "INVALID_CREDENTIALS").description.find("make a new webhook") != std::string::npos);
    CHECK(reauth_required(hook, "x").code == "GATEWAY_REAUTH_REQUIRED");
}
