#include <doctest/doctest.h>

#include <b24gate/admin/json_text.hpp>
#include <b24gate/admin/operation_jobs.hpp>
#include <b24gate/admin/operation_plan.hpp>

using namespace b24gate;
using namespace b24gate::admin;
using namespace std::chrono_literals;
using State = storage::OperationState;

namespace {

OperationQuery of(std::vector<State> states) {
    OperationQuery out;
    out.states = std::move(states);
    return out;
}

storage::OperationRecord record(std::string id, State state, std::string portal, std::string method,
                                std::string error_class, storage::UnixMs created) {
    storage::OperationRecord out;
    out.id = std::move(id);
    out.state = state;
    out.portal = std::move(portal);
    out.method = std::move(method);
    out.error_class = std::move(error_class);
    out.created = created;
    out.generation = 3;
    out.fence = 7;
    return out;
}

std::shared_ptr<const Plan> plan_of(BulkAction action) {
    auto plan = std::make_shared<Plan>();
    plan->action = action;
    return plan;
}

std::shared_ptr<OperationJob> job(std::string id) {
    return std::make_shared<OperationJob>(std::move(id), Plan(), "anna", "why", 1000);
}

}  // namespace

TEST_CASE("held ones are in a plan only where they are named") {
    CHECK(plan_query(BulkAction::retry, of({}))->states == std::vector<State>{State::dead, State::failed});
    CHECK(plan_query(BulkAction::discard, of({}))->states == std::vector<State>{State::dead, State::failed});
    CHECK(plan_query(BulkAction::retry, of({State::held}))->states == std::vector<State>{State::held});
    CHECK(plan_query(BulkAction::discard, of({State::queued, State::waiting})).has_value());
    CHECK(
        plan_query(BulkAction::retry, of({State::queued})).error().starts_with("what is queued cannot be begun anew"));
    CHECK(plan_query(BulkAction::retry, of({State::dead, State::succeeded})).error().find("succeeded") !=
          std::string::npos);
    CHECK_FALSE(plan_query(BulkAction::discard, of({State::running})).has_value());
}

TEST_CASE("a plan says what it would touch, the oldest first") {
    Plan plan;
    plan.query = of({State::dead, State::held});
    plan.add(record("c", State::dead, "acme", "crm.deal.add", "server", 3000));
    plan.add(record("b", State::held, "beta", "crm.deal.add", "timeout", 2000));
    plan.add(record("a", State::dead, "acme", "tasks.task.add", "", 1000));
    plan.finish();
    REQUIRE(plan.operations.size() == 3);
    CHECK(plan.operations[0].id == "a");
    CHECK(plan.operations[0].generation == 3);
    CHECK(plan.operations[0].fence == 7);
    CHECK(plan.held == 1);
    const std::string text = to_text(to_json(plan, 90.2));
    for (const char* part : {R"("count":3)", R"("held":1)", R"("by_state":{"dead":2,"held":1})",
                             R"("by_class":{"server":1,"timeout":1})", R"("crm.deal.add":2)", R"("acme":2)",
                             R"("estimate_s":91)", R"("oldest":"1970-01-01T00:00:01.000Z")", R"("complete":true)"})
        CHECK_MESSAGE(text.find(part) != std::string::npos, text);
    CHECK(to_text(to_json(plan, {})).find(R"("estimate_s":null)") != std::string::npos);
}

TEST_CASE("the time it takes is that of the slowest portal") {
    const auto pace = [](std::string_view portal) -> std::optional<Pace> {
        if (portal == "slow") return Pace{false, 10, 2};
        if (portal == "fast") return Pace{false, 250, 5};
        if (portal == "free") return Pace{true, 0, 0};
        if (portal == "stuck") return Pace{false, 0, 0};
        if (portal == "behind") return Pace{false, -100, 2};
        return std::nullopt;
    };
    CHECK(seconds_for({{"slow", 412}}, pace) == doctest::Approx(201));
    CHECK(seconds_for({{"slow", 412}, {"fast", 1000}}, pace) == doctest::Approx(201));
    CHECK(seconds_for({{"slow", 5}, {"free", 100000}}, pace) == doctest::Approx(0));
    CHECK(seconds_for({{"behind", 2}}, pace) == doctest::Approx(1));
    CHECK(seconds_for({}, pace) == doctest::Approx(0));
    CHECK_FALSE(seconds_for({{"unknown", 1}}, pace).has_value());
    CHECK_FALSE(seconds_for({{"stuck", 1}}, pace).has_value());
}

TEST_CASE("a plan is good once, for its action, and for a while") {
    OperationJobs jobs(OperationJobs::Limits{.plans = 2, .lifetime = 10min});
    const core::TimePoint now{1h};
    jobs.put("a", plan_of(BulkAction::retry), now);
    CHECK(jobs.take("a", BulkAction::discard, now) == nullptr);
    CHECK(jobs.take("b", BulkAction::retry, now) == nullptr);
    CHECK(jobs.take("a", BulkAction::retry, now + 9min) != nullptr);
    CHECK(jobs.take("a", BulkAction::retry, now) == nullptr);
    jobs.put("old", plan_of(BulkAction::retry), now);
    CHECK(jobs.take("old", BulkAction::retry, now + 10min) == nullptr);
    for (const char* token : {"1", "2", "3"}) jobs.put(token, plan_of(BulkAction::retry), now);
    CHECK(jobs.take("1", BulkAction::retry, now) == nullptr);
    CHECK(jobs.take("2", BulkAction::retry, now) != nullptr);
    CHECK(jobs.take("3", BulkAction::retry, now) != nullptr);
}

TEST_CASE("so many jobs run at once, and so many are remembered") {
    OperationJobs jobs(OperationJobs::Limits{.running = 2, .remembered = 3});
    std::vector<std::shared_ptr<OperationJob>> made;
    for (int i = 0; i < 2; ++i) {
        made.push_back(job(std::to_string(i)));
        CHECK(jobs.add(made.back()));
    }
    CHECK_FALSE(jobs.add(job("x")));
    made[0]->end(OperationJob::State::finished, 2000);
    for (int i = 2; i < 6; ++i) {
        made.push_back(job(std::to_string(i)));
        CHECK(jobs.add(made.back()));
        made.back()->end(OperationJob::State::failed, 2000, "the store is away");
    }
    CHECK(jobs.all().size() == 3);
    CHECK(jobs.find("1") != nullptr);  // it still runs
    CHECK(jobs.find("0") == nullptr);
    CHECK(jobs.find("5") != nullptr);
    const std::string text = to_text(jobs.find("5")->json());
    CHECK(text.find(R"("state":"failed")") != std::string::npos);
    CHECK(text.find(R"("error":"the store is away")") != std::string::npos);
    jobs.close();
    CHECK(jobs.find("1")->cancel);
    CHECK_FALSE(jobs.add(job("late")));
}
