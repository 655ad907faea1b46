#include <doctest/doctest.h>

#include <b24gate/core/json_scan.hpp>
#include <b24gate/tokens/listing.hpp>

using namespace b24gate;
using namespace b24gate::tokens;

namespace {

constexpr std::int64_t day = 86'400'000;
constexpr storage::UnixMs now = 1'800'000'000'000;

storage::CredentialRecord record() {
    storage::CredentialRecord r;
    r.version = 3;
    r.expires_at = now + 1'800'000;
    r.obtained_at = r.refreshed_at = now - 10 * day;
    r.member_id = "a223";
    r.key_id = "0badc0de";
    r.sealed = "never shown";
    return r;
}

}  // namespace

TEST_CASE("the list shows states and ages, and nothing sealed") {
    const auto good = record();
    auto marked = record();
    marked.state = storage::CredentialRecord::State::needs_reauth;
    marked.reason = "invalid_grant";
    auto over = record();
    over.expires_at = now - 7'200'000;
    const std::vector<Listed> rows = {listed("acme", "main", &good, now), listed("acme", "second", &marked, now),
                                      listed("beta", "main", &over, now), listed("gamma", "main", nullptr, now)};
    CHECK(rows[0].state == "active");
    CHECK(rows[0].expires_in_s == 1800);
    CHECK(rows[0].refresh_token_age_days == 10);
    CHECK(rows[0].refresh_token_days_left == 170);
    CHECK(rows[1].state == "needs_reauth");
    CHECK(rows[2].state == "expired");
    CHECK(rows[3].state == "no_tokens");
    const std::string text = table(rows);
    CHECK(text ==
          "PORTAL  CREDENTIAL  STATE                         ACCESS TOKEN    LAST REFRESH          REFRESH TOKEN\n"
          "acme    main        active                        ends in 30 min  2027-01-05T08:00:00Z  10 days old, 170 "
          "left\n"
          "acme    second      needs_reauth (invalid_grant)  ends in 30 min  2027-01-05T08:00:00Z  10 days old, 170 "
          "left\n"
          "beta    main        expired                       ended 2 h ago   2027-01-05T08:00:00Z  10 days old, 170 "
          "left\n"
          "gamma   main        no_tokens                     -               -                     -\n");
    for (const Listed& row : rows) {
        CHECK_FALSE(core::json::validate(to_json(row)).has_value());
        CHECK(to_json(row).find("never shown") == std::string::npos);
    }
    CHECK(to_json(rows[3]) == R"({"portal":"gamma","credential":"main","state":"no_tokens"})");
}
