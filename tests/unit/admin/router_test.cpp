#include <doctest/doctest.h>

#include <b24gate/admin/router.hpp>

using namespace b24gate;
using namespace b24gate::admin;

namespace {

boost::asio::awaitable<server::Response> nothing(Visit&) { co_return server::Response(); }

Router router() {
    Router out;
    out.add("GET", "/api/v1/operations", Role::read, nothing);
    out.add("POST", "/api/v1/operations/retry", Role::full, nothing);
    out.add("GET", "/api/v1/operations/{id}", Role::read, nothing);
    out.add("POST", "/api/v1/operations/{id}/retry", Role::full, nothing);
    return out;
}

}  // namespace

TEST_CASE("a path finds its route, and the parts that it leaves open") {
    const Router table = router();
    CHECK(table.find("GET", "/api/v1/operations").route == &table.routes()[0]);
    CHECK(table.find("HEAD", "/api/v1/operations").route == &table.routes()[0]);
    CHECK(table.find("POST", "/api/v1/operations/retry").route == &table.routes()[1]);
    const auto one = table.find("GET", "/api/v1/operations/a%2Fb");
    CHECK(one.route == &table.routes()[2]);
    CHECK(one.parts == std::vector<std::string>{"a/b"});
    CHECK(table.find("POST", "/api/v1/operations/x/retry").parts == std::vector<std::string>{"x"});
}

TEST_CASE("another method is told which ones there are; another path is nowhere") {
    const Router table = router();
    CHECK(table.find("POST", "/api/v1/operations").route == nullptr);
    CHECK(table.find("POST", "/api/v1/operations").allowed == "GET, HEAD");
    CHECK(table.find("DELETE", "/api/v1/operations/x/retry").allowed == "POST");
    for (const char* path : {"/", "/api", "/api/v1/operation", "/api/v1/operations/x/retry/y",
                             "/api/v1/operations//retry", "/api/v1/operations/%zz", "api/v1/operations/x/y"})
        CHECK_MESSAGE(table.find("GET", path).allowed.empty(), path);
}
