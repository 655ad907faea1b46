#include <doctest/doctest.h>

#include <b24gate/gateway/operation_wish.hpp>

using namespace b24gate;
using gateway::operation_wish;
using Fields = std::vector<net::Field>;

namespace {

constexpr storage::UnixMs now = 1'800'000'000'000;

std::string refusal(const Fields& fields) {
    const auto wish = operation_wish(fields, now);
    return wish ? std::string() : wish.error().message;
}

}  // namespace

TEST_CASE("an everyday request wishes nothing") {
    const auto wish = operation_wish({{"Host", "x"}, {"Accept", "*/*"}, {"Prefer", "return=minimal"}}, now);
    REQUIRE(wish.has_value());
    CHECK_FALSE(wish->any());
}

TEST_CASE("Prefer as RFC 7240 writes it") {
    for (const char* value : {"respond-async", "Respond-Async", "respond-async, wait=10", "wait=10 , respond-async",
                              "respond-async; x=1", "handling=lenient,respond-async;y"}) {
        CAPTURE(value);
        CHECK(operation_wish({{"prefer", value}}, now)->async);
    }
    for (const char* value : {"", "respond-asyncly", "wait=respond-async", "respond"}) {
        CAPTURE(value);
        CHECK_FALSE(operation_wish({{"Prefer", value}}, now)->async);
    }
    // The field may stand more than once.
    CHECK(operation_wish({{"Prefer", "wait=1"}, {"Prefer", "respond-async"}}, now)->async);
}

TEST_CASE("all there is to wish") {
    const Fields fields{{"Prefer", "respond-async"},        {"Idempotency-Key", "k"},
                        {"X-B24-Order-Key", "deal 7"},      {"X-B24-Callback", "https://a.example/x"},
                        {"X-B24-Not-Before", "1800000060"}, {"X-B24-On-Failure", "Queue"}};
    const auto wish = operation_wish(fields, now);
    REQUIRE(wish.has_value());
    CHECK(wish->async);
    CHECK(wish->on_failure);
    CHECK(wish->idempotency_key == "k");
    CHECK(wish->order_key == "deal 7");
    CHECK(wish->callback == "https://a.example/x");
    CHECK(wish->not_before == 1'800'000'060'000);
}

TEST_CASE("times") {
    const auto at = [](const char* text) {
        return operation_wish({{"Prefer", "respond-async"}, {"X-B24-Not-Before", text}}, now)->not_before;
    };
    CHECK(at("2027-01-15T11:00:00+03:00") == 1'800'000'000'000);
    CHECK(at("0") == 0);  // long ago is now
    for (const char* wrong : {"", "soon", "12.5", "-1", "2026-13-01T00:00:00Z", "99999999999999999999", "1900000000"}) {
        CAPTURE(wrong);
        CHECK(refusal({{"Prefer", "respond-async"}, {"X-B24-Not-Before", wrong}}).find("X-B24-Not-Before") !=
              std::string::npos);
    }
}

TEST_CASE("what is refused says what would be right") {
    const auto holds = [](const Fields& fields, const char* part) {
        CAPTURE(refusal(fields));
        CHECK(refusal(fields).find(part) != std::string::npos);
    };
    holds({{"X-B24-On-Failure", "retry"}}, "queue");
    holds({{"X-B24-On-Failure", ""}}, "queue");
    holds({{"Idempotency-Key", ""}}, "1 to 255");
    holds({{"Idempotency-Key", "\xC3\xA9"}}, "ASCII");
    const std::string long_key(256, 'k');
    holds({{"Idempotency-Key", long_key}}, "255");
    holds({{"Idempotency-Key", "a"}, {"idempotency-key", "b"}}, "twice");
    holds({{"X-B24-Order-Key", "a"}}, "respond-async");
    holds({{"X-B24-Order-Key", "a"}, {"X-B24-On-Failure", "queue"}}, "respond-async");
    holds({{"X-B24-Order-Key", ""}, {"Prefer", "respond-async"}}, "1 to 255");
    holds({{"X-B24-Callback", "https://a.example"}}, "respond-async");
    holds({{"X-B24-Not-Before", "1"}}, "respond-async");
}
