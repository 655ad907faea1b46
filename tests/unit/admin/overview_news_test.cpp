#include <b24gate/admin/overview_news.hpp>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <doctest/doctest.h>

#include <utility>
#include <vector>

using b24gate::admin::OverviewNews;
namespace json = boost::json;

namespace {

json::object overview(const std::vector<std::pair<const char*, int>>& portals,
                      const std::vector<std::pair<const char*, int>>& minutes, int queue = 0) {
    json::object out;
    for (const auto& [name, calls] : portals) {
        if (!out.contains("portals")) out["portals"] = json::array();
        out["portals"].as_array().push_back(json::object{{"name", name}, {"queue", calls}});
    }
    if (portals.empty()) out["portals"] = json::array();
    out["minutes"] = json::array();
    for (const auto& [begin, calls] : minutes)
        out["minutes"].as_array().push_back(json::object{{"begin", begin}, {"calls", calls}});
    out["queue"] = queue;
    return out;
}

std::string names(const OverviewNews::Event& event, const char* list, const char* member) {
    std::string out;
    const json::value told = json::parse(event.data);
    for (const json::value& one : told.at(list).as_array()) out += std::string(one.at(member).as_string()) + ' ';
    return out;
}

}  // namespace

TEST_CASE("a listener is told all once, and then what has changed") {
    OverviewNews news;
    const auto first = news.next(overview({{"a", 1}, {"b", 1}, {"c", 1}}, {{"10:00", 5}, {"10:01", 6}}));
    CHECK(first.name == "overview");
    CHECK(names(first, "portals", "name") == "a b c ");
    CHECK(names(first, "minutes", "begin") == "10:00 10:01 ");

    const auto nothing = news.next(overview({{"a", 1}, {"b", 1}, {"c", 1}}, {{"10:00", 5}, {"10:01", 6}}, 3));
    CHECK(nothing.name == "change");
    CHECK(names(nothing, "portals", "name").empty());
    CHECK_MESSAGE(names(nothing, "minutes", "begin") == "10:01 ", "the minute that is not over is always told");
    CHECK(json::parse(nothing.data).at("queue") == 3);

    const auto some = news.next(overview({{"a", 1}, {"b", 2}, {"c", 1}}, {{"10:01", 9}, {"10:02", 1}}));
    CHECK(some.name == "change");
    CHECK(names(some, "portals", "name") == "b ");
    CHECK_MESSAGE(names(some, "minutes", "begin") == "10:01 10:02 ", "a minute is told once more after it has ended");
    CHECK_MESSAGE(names(news.next(overview({{"a", 1}, {"b", 2}, {"c", 1}}, {{"10:02", 1}})), "portals", "name").empty(),
                  "what has been told is remembered");
}

TEST_CASE("portals that come and go, and a clock that goes back, want all anew") {
    OverviewNews news;
    CHECK(news.next(overview({{"a", 1}, {"b", 1}}, {{"10:01", 6}})).name == "overview");
    CHECK(news.next(overview({{"a", 1}, {"c", 1}}, {{"10:01", 6}})).name == "overview");
    CHECK(news.next(overview({{"a", 1}}, {{"10:01", 6}})).name == "overview");
    CHECK(news.next(overview({{"a", 1}, {"b", 1}}, {{"10:01", 6}})).name == "overview");
    CHECK(news.next(overview({{"a", 1}, {"b", 1}}, {{"10:01", 6}})).name == "change");
    const auto back = news.next(overview({{"a", 1}, {"b", 1}}, {{"09:58", 6}}));
    CHECK(back.name == "overview");
    CHECK(names(back, "minutes", "begin") == "09:58 ");
    CHECK(news.next(overview({}, {{"09:58", 6}})).name == "overview");
    CHECK(news.next(overview({}, {{"09:58", 6}})).name == "change");
}
