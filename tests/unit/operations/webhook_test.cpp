#include <doctest/doctest.h>

#include <b24gate/operations/webhook.hpp>

using namespace b24gate;
using operations::webhook_signature;

TEST_CASE("the vector of the Standard Webhooks libraries") {
    const core::Secret secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    const std::string id = "msg_p5jXN8AQM9LWM0D4loKWxJek", body = R"({"test": 2432232314})";
    const std::string expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    CHECK(webhook_signature(id, 1614265330, body, {secret}) == expected);
    CHECK(webhook_signature(id, 1614265331, body, {secret}) != expected);
    CHECK(webhook_signature("msg_other", 1614265330, body, {secret}) != expected);
    CHECK(webhook_signature(id, 1614265330, body + " ", {secret}) != expected);
    // While keys are changed both sign; a secret that is not set does not.
    const core::Secret other("any text of some length, no base64");
    const std::string both = webhook_signature(id, 1614265330, body, {other, secret});
    CHECK(both.ends_with(" " + expected));
    CHECK(both.starts_with("v1,"));
    CHECK(both.size() == 2 * expected.size() + 1);
    CHECK(webhook_signature(id, 1614265330, body, {secret, core::Secret()}) == expected);
    CHECK(webhook_signature(id, 1614265330, body, {}).empty());
}
