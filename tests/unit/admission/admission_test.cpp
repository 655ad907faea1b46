// The facade: what is granted, queued and refused, and what each answer teaches.
#include <doctest/doctest.h>

#include <b24gate/admission/admission.hpp>

using namespace b24gate;
using namespace b24gate::admission;
using namespace std::chrono_literals;
using bitrix::ErrorClass;
using config::Priority;

namespace {

const core::TimePoint start = core::TimePoint{} + 1000h;

Submission call(std::uint64_t id, std::string client = "a", Priority priority = Priority::normal) {
    Submission out;
    out.id = id;
    out.client = std::move(client);
    out.priority = priority;
    out.credential = "main";
    out.method = "crm.deal.list";
    return out;
}

Feedback answer(ErrorClass error_class = ErrorClass::ok) {
    Feedback out;
    out.error_class = error_class;
    return out;
}

Settings settings(double burst = 50, double rate = 2) {
    Settings out;
    out.plan.kind = config::Plan::Kind::custom;
    out.plan.burst = burst;
    out.plan.rate = rate;
    return out;
}

bool granted(const Verdict& v) { return std::holds_alternative<Granted>(v); }
bool queued(const Verdict& v) { return std::holds_alternative<Queued>(v); }
RefusalReason reason(const Verdict& v) {
    REQUIRE(std::holds_alternative<Refused>(v));
    return std::get<Refused>(v).reason;
}

/// Spends the whole burst, nothing left in flight.
std::uint64_t spend(Admission& gate, core::TimePoint now, std::uint64_t id = 1'000'000) {
    while (granted(gate.submit(call(id, "spender"), now))) gate.record(id++, answer(), now);
    gate.cancel(id, now);
    return id;
}

}  // namespace

TEST_CASE("calls go at once while there is budget, then wait their turn") {
    Admission gate(settings(), start);
    for (std::uint64_t id = 1; id <= 49; ++id) {
        CHECK(granted(gate.submit(call(id), start)));
        gate.record(id, answer(), start);
    }
    const auto verdict = gate.submit(call(50), start);
    REQUIRE(queued(verdict));
    CHECK(core::to_ms(std::get<Queued>(verdict).predicted_wait) == 500);
    CHECK(core::to_ms(std::get<Queued>(verdict).wake_at - start) == 500);
    CHECK(gate.next(start + 499ms).granted.empty());
    const auto turn = gate.next(std::get<Queued>(verdict).wake_at);
    REQUIRE(turn.granted.size() == 1);
    CHECK(turn.granted[0] == 50);
    CHECK_FALSE(turn.wake_at);
}
