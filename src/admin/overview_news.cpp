#include <b24gate/admin/overview_news.hpp>

#include <boost/json/array.hpp>

#include <utility>

#include <b24gate/admin/json_text.hpp>

namespace b24gate::admin {
namespace {

namespace json = boost::json;

std::string text_of(const json::value& object, std::string_view name) {
    return std::string(object.as_object().at(name).as_string());
}

}  // namespace

OverviewNews::Event OverviewNews::next(json::object overview) {
    std::map<std::string, std::string> lines;
    json::array changed;
    bool same_portals = true;
    for (const json::value& portal : overview["portals"].as_array()) {
        const std::string name = text_of(portal, "name");
        std::string line = to_text(portal);
        const auto known = portals_.find(name);
        same_portals = same_portals && known != portals_.end();
        if (known == portals_.end() || known->second != line) changed.push_back(portal);
        lines.emplace(name, std::move(line));
    }
    same_portals = same_portals && lines.size() == portals_.size();

    json::array newest;
    for (const json::value& minute : overview["minutes"].as_array())
        if (text_of(minute, "begin") >= minute_) newest.push_back(minute);
    // There are none where the clock has been set back.
    const bool whole = minute_.empty() || !same_portals || newest.empty();
    if (!overview["minutes"].as_array().empty()) minute_ = text_of(overview["minutes"].as_array().back(), "begin");
    portals_ = std::move(lines);
    if (!whole) {
        overview["portals"] = std::move(changed);
        overview["minutes"] = std::move(newest);
    }
    return Event{whole ? "overview" : "change", to_text(overview)};
}

}  // namespace b24gate::admin
