#include <b24gate/gateway/read_key.hpp>

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace b24gate;
using namespace b24gate::gateway;

namespace {

struct Request {
    std::string verb = "POST", target = "/rest/1/KEY/crm.deal.list", body = "", type = "application/json";
    std::vector<net::Field> fields{};
    std::string portal = "acme", credential = "main";
    std::int64_t version = 0;
    std::uint64_t generation = 1;
};

std::string key_of(const Request& request) {
    bitrix::RawCall raw;
    raw.verb = request.verb;
    raw.target = request.target;
    if (!request.body.empty()) raw.content_type = request.type;
    raw.body = request.body;
    const auto call = bitrix::parse_call(raw);
    REQUIRE(call.has_value());
    return read_key({*call, request.fields, request.portal, request.credential, request.version, request.generation});
}

}  // namespace

TEST_CASE("what is the same read") {
    const std::string plain = key_of({});
    CHECK(key_of({.verb = "GET"}) == plain);
    CHECK(key_of({.target = "/rest/7/OTHERKEY/CRM.Deal.list.json"}) == plain);
    CHECK(key_of({.target = "/rest/crm.deal.list?auth=KEY"}) == plain);
    CHECK(key_of({.target = "/portals/acme/rest/1/KEY/crm.deal.list/"}) == plain);
    CHECK(key_of({.fields = {{"User-Agent", "x"}, {"X-Request-Id", "1"}, {"Accept", "*/*"}}}) == plain);
    CHECK(key_of({.target = "/rest/crm.deal.list", .body = R"({"auth":"K1","id":1})"}) ==
          key_of({.target = "/rest/crm.deal.list", .body = R"({"auth":"K2","id":1})"}));
}

TEST_CASE("what is another read") {
    const Request others[] = {
        {},
        {.target = "/rest/1/KEY/crm.deal.get"},
        {.target = "/rest/1/KEY/crm.deal.list?id=1"},
        {.target = "/rest/1/KEY/crm.deal.list?id=2"},
        {.target = "/rest/1/KEY/crm.deal.list?ID=1"},
        {.target = "/rest/api/1/KEY/crm.deal.list"},
        {.verb = "GET", .target = "/rest/api/1/KEY/crm.deal.list"},
        {.target = "/rest/1/KEY/crm.deal.list.xml"},
        {.body = R"({"id":1})"},
        {.body = R"({"id":2})"},
        {.body = "id=1", .type = "application/x-www-form-urlencoded"},
        {.fields = {{"Accept-Language", "de"}}},
        {.fields = {{"Accept-Encoding", "gzip"}}},
        {.portal = "acmemain", .credential = ""},
        {.portal = "", .credential = "acmemain"},
        {.credential = "app"},
        {.credential = "app", .version = 2},
        {.generation = 2},
    };
    std::set<std::string> keys;
    for (const Request& request : others) CHECK(keys.insert(key_of(request)).second);
}

TEST_CASE("what a caller wishes") {
    struct Case {
        std::vector<net::Field> fields;
        bool fresh, keep;
    };
    const Case cases[] = {
        {{}, false, true},
        {{{"Cache-Control", "no-cache"}}, true, true},
        {{{"cache-control", "No-Cache"}}, true, true},
        {{{"Cache-Control", "max-age=0"}}, true, true},
        {{{"Cache-Control", "max-age=60"}}, false, true},
        {{{"Cache-Control", "no-store"}}, true, false},
        {{{"Cache-Control", "private ,\tno-store,"}}, true, false},
        {{{"Cache-Control", "x"}, {"Cache-Control", "no-cache"}}, true, true},
        {{{"Cache-Control", "no-caches"}}, false, true},
        {{{"Cache-Control", ",,,"}}, false, true},
        {{{"Cache-Control", ""}}, false, true},
        {{{"Pragma", "no-cache"}}, true, true},
        {{{"Pragma", "no-cache"}, {"Cache-Control", "max-age=60"}}, false, true},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.fields.empty() ? "" : c.fields[0].value));
        const CacheWish wish = cache_wish(c.fields);
        CHECK(wish.fresh == c.fresh);
        CHECK(wish.keep == c.keep);
    }
}
