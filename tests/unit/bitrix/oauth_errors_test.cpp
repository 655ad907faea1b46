// What the authorization server's answers to token requests are taken for.
#include <doctest/doctest.h>

#include <string_view>

#include <b24gate/bitrix/oauth_errors.hpp>

namespace {

using namespace b24gate::bitrix;
using enum ErrorClass;

TEST_CASE("the authorization server's answers") {
    const auto of = [](unsigned status, std::string_view body) {
        return classify_oauth(status, "application/json", body);
    };
    CHECK(of(200, R"({"access_token":"a","refresh_token":"b"})").ok());
    CHECK_FALSE(of(200, R"({"access_token":""})").ok());
    CHECK_FALSE(of(200, R"({"access_token":"a")").ok());
    CHECK_FALSE(of(500, R"({"access_token":"a"})").ok());
    CHECK(of(400, R"({"error":"invalid_grant"})").error_class == auth_invalid);
    CHECK(of(400, R"({"error":"bad_verification_code"})").error_class == auth_invalid);
    CHECK(of(401, R"({"error":"invalid_client"})").error_class == auth_invalid);
    CHECK(of(200, R"({"error":"wrong_client"})").error_class == auth_invalid);
    CHECK(of(400, R"({"error":"invalid_request"})").error_class == validation);
    CHECK(of(403, R"({"error":"invalid_scope"})").error_class == permission);
    CHECK(of(401, R"({"error":"PAYMENT_REQUIRED"})").error_class == plan);
    CHECK(of(404, R"({"error":"anything"})").error_class == portal_gone);
    CHECK(of(404, "<html>").error_class == portal_gone);
    CHECK(of(400, R"({"error":"x","error_description":"Portal is unknown"})").error_class == portal_gone);
    CHECK(of(400, R"({"error":"x","error_description":"odd"})").error_class == business);
    CHECK(of(502, "<html>").error_class == server);
    CHECK(of(502, "<html>").executed == Executed::unknown);
    CHECK(of(200, "").executed == Executed::unknown);
    CHECK(of(400, R"({"error":"invalid_grant"})").origin == Origin::oauth);
}

}  // namespace
