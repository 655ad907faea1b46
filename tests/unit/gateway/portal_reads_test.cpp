#include <b24gate/gateway/portal_reads.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <thread>

#include <b24gate/gateway/shared_answer.hpp>
#include <b24gate/observe/metrics.hpp>

using namespace b24gate;
using namespace b24gate::gateway;
using namespace std::chrono_literals;
using Told = PortalReads::Told;
using Failed = PortalReads::Failed;

namespace {

/// One portal's reads, and what became of each caller.
struct World {
    net::Worker worker{0};
    std::shared_ptr<PortalReads> reads = std::make_shared<PortalReads>("acme");
    std::map<int, Told> told;

    ~World() {
        reads->stop();
        run();
    }
    PortalReads::Place join(std::string key, std::string_view client = "a",
                            config::Priority priority = config::Priority::normal,
                            core::Deadline deadline = core::Deadline{}) {
        PortalReads::Question question{std::move(key), client, priority, deadline, 5, worker};
        return reads->join(std::move(question));
    }
    void listen(int number, const PortalReads::Place& place) {
        boost::asio::co_spawn(worker.io, wait(number, place.follower), boost::asio::detached);
    }
    boost::asio::awaitable<void> wait(int number, std::shared_ptr<PortalReads::Follower> follower) {
        Told told_now = co_await follower->waiter.wait();
        told[number] = std::move(told_now);
    }
    void run() {
        worker.io.restart();
        while (worker.io.poll() != 0) {
        }
    }
};

std::shared_ptr<const SharedAnswer> answer(std::string body) {
    auto shared = std::make_shared<SharedAnswer>();
    shared->body = std::move(body);
    return shared;
}

}  // namespace

TEST_CASE("whoever comes first leads, the others get its answer") {
    World w;
    const auto leader = w.join("k");
    REQUIRE_FALSE(leader.follower);
    const auto second = w.join("k"), third = w.join("k"), other = w.join("x");
    REQUIRE(second.follower);
    REQUIRE(third.follower);
    CHECK_FALSE(other.follower);
    const auto landed = w.reads->land(*leader.flight);
    CHECK(landed.size() == 2);
    w.listen(2, second);
    w.listen(3, third);
    for (const auto& follower : landed) follower->waiter.fulfil({Told::Kind::answer, answer("x")});
    w.run();
    CHECK(w.told[2].kind == Told::Kind::answer);
    CHECK(w.told[3].answer->body == "x");
    // It is over: the next one leads again.
    CHECK_FALSE(w.join("k").follower);
}

TEST_CASE("nobody follows a read that may have missed a write") {
    World w;
    const auto leader = w.join("k");
    leader.flight->departs();
    CHECK(w.join("k").follower);
    CHECK(w.join("k", "b").follower);
    SUBCASE("that was sent or ended behind its departure") {
        w.reads->departs();
        const auto next = w.join("k");
        CHECK_FALSE(next.follower);
        // Now two are under way; the newer one will do.
        next.flight->departs();
        const auto follower = w.join("k");
        REQUIRE(follower.follower);
        CHECK(follower.flight == next.flight);
        CHECK(w.reads->land(*next.flight).size() == 1);
        CHECK_FALSE(w.join("k").follower);
    }
    SUBCASE("but a repeat departs behind it") {
        w.reads->departs();
        leader.flight->departs();
        CHECK(w.join("k").follower);
    }
}

TEST_CASE("nobody waits in another one's place of the queue") {
    World w;
    const auto leader = w.join("k", "a", config::Priority::normal);
    w.reads->departs();  // what waits will see every write
    CHECK(w.join("k", "a", config::Priority::bulk).follower);
    CHECK(w.join("k", "a", config::Priority::normal).follower);
    CHECK_FALSE(w.join("k", "a", config::Priority::interactive).follower);
    CHECK_FALSE(w.join("k", "b", config::Priority::normal).follower);
    CHECK(w.join("k", "b", config::Priority::normal).follower);
    leader.flight->departs();
    CHECK(w.join("k", "c", config::Priority::interactive).follower);
}

TEST_CASE("followers have a bound") {
    World w;
    const auto leader = w.join("k");
    for (int i = 0; i < 5; ++i) CHECK(w.join("k").follower);
    CHECK_FALSE(w.join("k").follower);
}

TEST_CASE("a leader that fails for itself is followed by the most urgent") {
    World w;
    const auto leader = w.join("k", "a");
    leader.flight->departs();
    const core::Deadline soon{core::TimePoint(10s)}, late{core::TimePoint(20s)};
    const auto first = w.join("k", "b", config::Priority::normal, soon);
    const auto urgent = w.join("k", "c", config::Priority::interactive, soon);
    const auto patient = w.join("k", "d", config::Priority::interactive, late);
    w.listen(1, first);
    w.listen(2, urgent);
    w.listen(3, patient);
    w.reads->pass_on(leader.flight, Failed::itself);
    w.run();
    REQUIRE(w.told.size() == 1);
    REQUIRE(w.told.count(3) == 1);
    CHECK(w.told[3].kind == Told::Kind::lead);
    // It has not departed again: only its own client may wait with it.
    const auto fourth = w.join("k", "d", config::Priority::interactive);
    REQUIRE(fourth.follower);
    w.reads->leave(*fourth.follower, Told::Kind::hung_up);
    CHECK_FALSE(w.join("k", "b").follower);
    w.reads->pass_on(leader.flight, Failed::itself);
    w.run();
    CHECK(w.told[2].kind == Told::Kind::lead);
    w.reads->pass_on(leader.flight, Failed::portal);
    w.run();
    CHECK(w.told.size() == 3);
}

TEST_CASE("what the portal fails twice, or what is no other one's, everybody asks for himself") {
    World w;
    const auto leader = w.join("k");
    const auto a = w.join("k"), b = w.join("k"), c = w.join("k");
    w.listen(1, a);
    w.listen(2, b);
    w.listen(3, c);
    bool at_once = false;
    SUBCASE("twice") {}
    SUBCASE("unshared") { at_once = true; }
    if (!at_once) {
        w.reads->pass_on(leader.flight, Failed::portal);
        w.run();
        REQUIRE(w.told.size() == 1);
        CHECK(w.told.begin()->second.kind == Told::Kind::lead);
    }
    w.reads->pass_on(leader.flight, at_once ? Failed::unshared : Failed::portal);
    w.run();
    CHECK(w.told.size() == 3);
    CHECK(std::count_if(w.told.begin(), w.told.end(),
                        [](const auto& t) { return t.second.kind == Told::Kind::alone; }) == (at_once ? 3 : 2));
    CHECK_FALSE(w.join("k").follower);
}

TEST_CASE("who leaves is gone, once") {
    World w;
    const auto leader = w.join("k");
    const auto a = w.join("k"), b = w.join("k"), c = w.join("k");
    w.listen(1, a);
    w.listen(2, b);
    w.listen(3, c);
    w.reads->leave(*a.follower, Told::Kind::expired);
    w.reads->leave(*a.follower, Told::Kind::hung_up);
    w.reads->leave(*c.follower, Told::Kind::hung_up);
    const auto landed = w.reads->land(*leader.flight);
    REQUIRE(landed.size() == 1);
    CHECK(landed.front() == b.follower);
    w.reads->leave(*b.follower, Told::Kind::expired);  // too late: the answer is on its way
    landed.front()->waiter.fulfil({Told::Kind::answer, answer("x")});
    w.run();
    CHECK(w.told[1].kind == Told::Kind::expired);
    CHECK(w.told[2].kind == Told::Kind::answer);
    CHECK(w.told[3].kind == Told::Kind::hung_up);
}

TEST_CASE("a stop ends every wait") {
    World w;
    const auto leader = w.join("k");
    const auto a = w.join("k");
    w.listen(1, a);
    w.reads->refuse_waiting();
    w.run();
    CHECK(w.told[1].kind == Told::Kind::draining);
    CHECK(w.join("k").follower);
    w.reads->stop();
    CHECK_FALSE(w.join("k").follower);
    w.reads->pass_on(leader.flight, Failed::itself);
}

TEST_CASE("an answer is kept unless a write of its family came behind its departure") {
    World w;
    observe::Registry registry;
    auto& bytes = registry.gauge("bytes", "Bytes.", {}).with({});
    AnswerCache cache(bytes);
    config::CacheRule rule;
    cache.use(1, {rule});
    const core::TimePoint now{std::chrono::hours(1)};
    const auto keep = [&](const PortalReads::Flight& flight, std::uint64_t generation = 1) {
        ReadCache::Entry entry;
        entry.key = "k";
        entry.portal = "acme";
        entry.family = "crm.deal";
        entry.born = now;
        entry.lives = 10s;
        w.reads->keep(flight, cache, generation, std::move(entry), answer("x"));
        return cache.find("k", now).has_value();
    };
    const bitrix::Touched deals{false, {"crm.deal"}}, users{false, {"user"}};
    const auto flight = w.reads->solo();
    CHECK_FALSE(keep(*flight));  // it has not even departed
    flight->departs();
    CHECK_FALSE(keep(*flight, 2));
    CHECK(keep(*flight));
    CHECK(bytes.value() > 0);
    CHECK(w.reads->wrote(users, cache, core::TimePoint::min()) == 0);
    CHECK(keep(*flight));
    CHECK(w.reads->wrote(deals, cache, core::TimePoint::min()) == 1);
    CHECK(bytes.value() == 0);
    CHECK_FALSE(keep(*flight));
    flight->departs();
    CHECK(keep(*flight));
    w.reads->wrote(deals, cache, now + 75s);  // nobody knows how it ended
    flight->departs();
    CHECK_FALSE(keep(*flight));
}

TEST_CASE("many threads at once: nobody is forgotten, and nobody gets an answer from before a write that had ended") {
    // Each caller reads; the leader takes the value at its departure. A writer raises the value, then says so: from
    // then on nobody may be given less.
    const auto reads = std::make_shared<PortalReads>("acme");
    std::atomic<std::uint64_t> at_portal{0}, ended{0};
    std::atomic<int> served{0}, shared{0};
    std::atomic<bool> done{false};
    std::atomic<int> stale{0};
    constexpr int threads = 3, calls = 3000;

    struct Caller {
        static boost::asio::awaitable<void> call(std::shared_ptr<PortalReads> reads, net::Worker& worker,
                                                 std::atomic<std::uint64_t>& at_portal,
                                                 std::atomic<std::uint64_t>& ended, std::atomic<int>& served,
                                                 std::atomic<int>& shared, std::atomic<int>& stale, unsigned seed) {
            std::minstd_rand random(seed);
            const std::uint64_t least = ended;
            PortalReads::Question question{"k", "a", config::Priority::normal, core::Deadline{}, 1000, worker};
            PortalReads::Place place = reads->join(std::move(question));
            std::shared_ptr<PortalReads::Flight> flight = place.follower ? nullptr : place.flight;
            if (place.follower) {
                Told told = co_await place.follower->waiter.wait();
                if (told.kind == Told::Kind::answer) {
                    ++shared;
                    if (std::stoull(told.answer->body) < least) ++stale;
                    ++served;
                    co_return;
                }
                if (told.kind == Told::Kind::lead) flight = place.flight;
            }
            if (!flight) flight = reads->solo();
            flight->departs();
            const std::uint64_t seen = at_portal;
            for (unsigned turns = random() % 4; turns > 0; --turns)
                co_await boost::asio::post(worker.io, boost::asio::use_awaitable);
            if (seen < least) ++stale;
            if (random() % 5 == 0) {
                reads->pass_on(flight, random() % 2 == 0 ? Failed::itself : Failed::portal);
            } else {
                const auto landed = reads->land(*flight);
                const auto told = answer(std::to_string(seen));
                for (const auto& follower : landed) follower->waiter.fulfil({Told::Kind::answer, told});
            }
            ++served;
        }
    };

    std::vector<std::unique_ptr<net::Worker>> workers;
    std::vector<std::thread> running;
    for (unsigned i = 0; i < threads; ++i) workers.push_back(std::make_unique<net::Worker>(i));
    for (unsigned i = 0; i < threads; ++i) {
        for (unsigned n = 0; n < calls; ++n)
            boost::asio::co_spawn(
                workers[i]->io,
                Caller::call(reads, *workers[i], at_portal, ended, served, shared, stale, i * calls + n + 1),
                boost::asio::detached);
    }
    std::thread writer([&] {
        while (!done) {
            reads->departs();
            const std::uint64_t value = ++at_portal;
            reads->departs();
            ended = value;
        }
    });
    for (auto& worker : workers)
        running.emplace_back([&worker] {
            const auto busy = boost::asio::make_work_guard(worker->io);
            worker->io.run();
        });
    while (served < threads * calls) std::this_thread::yield();
    done = true;
    writer.join();
    for (auto& worker : workers) worker->io.stop();
    for (auto& thread : running) thread.join();
    CHECK(served == threads * calls);
    CHECK(stale == 0);
    CHECK(shared > 0);
}
