#include <doctest/doctest.h>

#include <algorithm>

#include <b24gate/admin/operation_query.hpp>

using namespace b24gate::admin;
using namespace b24gate::storage;
using State = OperationState;

namespace {

OperationQuery asked(std::string_view query) {
    auto parsed = operation_query(*Query::parse("/?" + std::string(query)), true);
    const std::string problem = parsed ? "" : parsed.error();
    INFO(problem);
    REQUIRE(parsed.has_value());
    return *parsed;
}

std::string refusal(std::string_view query, bool pages = true) {
    const auto parsed = operation_query(*Query::parse("/?" + std::string(query)), pages);
    REQUIRE_FALSE(parsed.has_value());
    return parsed.error();
}

OperationRecord record(std::int64_t seq, State state, std::string method = "crm.deal.add") {
    OperationRecord out;
    out.seq = seq;
    out.id = "op-" + std::to_string(seq);
    out.state = state;
    out.method = std::move(method);
    out.portal = "acme";
    out.client = "shop";
    return out;
}

/// A store as PageMerge sees it: rows by sequence, a bounded look at each page.
struct FakeStore {
    std::vector<OperationRecord> rows;  ///< the newest first
    std::int64_t window = 4;

    OperationPage list(const OperationFilter& filter) const {
        const bool problem =
            filter.state == State::held || filter.state == State::dead || filter.state == State::failed;
        OperationPage out;
        std::int64_t looked_at = 0, lowest = 0;
        for (const OperationRecord& row : rows) {
            if (filter.before > 0 && row.seq >= filter.before) continue;
            if (problem && row.state != filter.state) continue;
            if (looked_at == window || out.operations.size() == filter.limit) break;
            ++looked_at;
            lowest = row.seq;
            if (!filter.state || row.state == filter.state) out.operations.push_back(row);
        }
        if (out.operations.size() == filter.limit)
            out.next = out.operations.back().seq;
        else if (looked_at == window)
            out.next = lowest;
        return out;
    }
};

PageMerge::Page page(const FakeStore& store, const OperationQuery& query) {
    PageMerge merge(query);
    while (const auto way = merge.wanted()) merge.add(*way, store.list(merge.filter(*way)));
    return merge.take();
}

/// All that fits, page by page.
std::vector<std::int64_t> walk(const FakeStore& store, OperationQuery query) {
    std::vector<std::int64_t> out;
    for (int pages = 0; pages < 1000; ++pages) {
        const auto one = page(store, query);
        CHECK(one.operations.size() <= query.limit);
        for (const auto& operation : one.operations) out.push_back(operation.seq);
        if (one.next == 0) return out;
        REQUIRE((query.before == 0 || one.next < query.before));
        query.before = one.next;
    }
    FAIL("it does not end");
    return out;
}

}  // namespace

TEST_CASE("a query says which operations are meant") {
    const auto query = asked(
        "state=held,dead&client=shop&portal=acme&class=server&method=CRM.*.add&text=Foo&limit=7"
        "&from=2026-01-31&until=1769903999000");
    CHECK(query.states == std::vector<State>{State::held, State::dead});
    CHECK(query.client == "shop");
    CHECK(query.portal == "acme");
    CHECK(query.error_class == "server");
    CHECK(query.method == "crm.*.add");
    CHECK(query.text == "foo");
    CHECK(query.limit == 7);
    CHECK(query.from == 1769817600000);
    CHECK(query.until == 1769903999000);
    CHECK(asked("").limit == 50);
    CHECK(asked("method=*").method.empty());
    CHECK(asked("state=held,held, dead").states.size() == 2);
    CHECK(asked("next=" + encode_cursor(17)).before == 17);
}

TEST_CASE("what makes no sense is told with what would") {
    CHECK(refusal("state=deed") == R"(unknown state "deed"; did you mean "dead"?)");
    CHECK(refusal("class=servr") == R"(unknown class "servr"; did you mean "server"?)");
    CHECK(refusal("limit=0").starts_with("limit is"));
    CHECK(refusal("limit=501").starts_with("limit is"));
    CHECK(refusal("limit=five").starts_with("limit is"));
    CHECK(refusal("from=yesterday").starts_with("from is"));
    CHECK(refusal("next=17") == "next is not one that this list has given");
    CHECK(refusal("limit=5", false).starts_with("unknown parameter"));
    CHECK(refusal("text=" + std::string(201, 'a')).starts_with("text is longer"));
}

TEST_CASE("a query and its text stand for the same") {
    const auto query = asked("state=held,dead&client=a%26b&method=crm.*&from=1769817600000");
    const auto again = asked(to_query_string(query));
    CHECK(to_query_string(again) == to_query_string(query));
    CHECK(again.client == "a&b");
    CHECK(to_query_string(asked("limit=5")).empty());
}

TEST_CASE("the store looks for what it can, the rest is looked at here") {
    CHECK(store_filter(asked("method=crm.*.add"), {}).method == "crm.*");
    CHECK(store_filter(asked("method=*.add"), {}).method.empty());
    CHECK(store_filter(asked("method=crm.deal.add"), {}).method == "crm.deal.add");
    CHECK(matches(asked("method=*.add"), record(1, State::dead)));
    CHECK(matches(asked("method=crm.*.add"), record(1, State::dead, "CRM.Deal.Add")));
    CHECK_FALSE(matches(asked("method=*.update"), record(1, State::dead)));
    CHECK(matches(asked("text=OP-1"), record(17, State::dead)));
    CHECK(matches(asked("text=acme"), record(17, State::dead)));
    CHECK_FALSE(matches(asked("text=nowhere"), record(17, State::dead)));
    CHECK_FALSE(matches(asked("state=held"), record(17, State::dead)));
}

TEST_CASE("pages of any states are whole, in order and without doubles") {
    FakeStore store;
    for (std::int64_t seq = 60; seq > 0; --seq)
        store.rows.push_back(record(seq, static_cast<State>((seq * 7 + seq / 5) % operation_state_count)));
    for (const char* states :
         {"", "state=held", "state=queued", "state=held,dead,failed", "state=queued,waiting", "state=held,succeeded",
          "state=held,queued,waiting,dead", "state=queued,running,waiting,succeeded,failed,dead,held,discarded"})
        for (const char* more : {"&limit=1", "&limit=2", "&limit=3", "&limit=50", "&limit=3&text=op-3"}) {
            const std::string text = std::string(states) + more;
            INFO(text);
            const OperationQuery query = asked(text);
            std::vector<std::int64_t> wanted;
            for (const auto& row : store.rows)
                if (matches(query, row)) wanted.push_back(row.seq);
            CHECK(walk(store, query) == wanted);
        }
}

TEST_CASE("what comes in while somebody turns pages is on none of those that follow") {
    FakeStore store;
    for (std::int64_t seq = 20; seq > 0; --seq) store.rows.push_back(record(seq, State::dead));
    OperationQuery query = asked("state=dead,held&limit=5");
    const auto first = page(store, query);
    CHECK(first.operations.front().seq == 20);
    store.rows.insert(store.rows.begin(), record(21, State::held));
    query.before = first.next;
    const auto rest = walk(store, query);
    CHECK(rest.size() == 15);
    CHECK(rest.front() == 15);
}

TEST_CASE("nothing was read: that is no end") {
    PageMerge merge(asked("state=held,dead"));
    CHECK(merge.ways() == 2);
    merge.add(*merge.wanted(), OperationPage());
    CHECK(merge.wanted().has_value());
}
