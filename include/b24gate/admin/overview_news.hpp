// The overview as a listener gets it: all of it once, and after that what has changed. Of many portals few change at a
// time. Pure; one for each listener.
#pragma once

#include <boost/json/object.hpp>

#include <map>
#include <string>
#include <string_view>

namespace b24gate::admin {

class OverviewNews {
public:
    struct Event {
        std::string_view
            name;  ///< "overview": all of it; "change": the same but for portals and minutes that are as they were
        std::string data;
    };

    /// `overview`: what GET /api/v1/overview answers now.
    [[nodiscard]] Event next(boost::json::object overview);

private:
    std::map<std::string, std::string> portals_;  ///< what he has been told of each
    std::string minute_;                          ///< the newest that he knows; it may have grown since
};

}  // namespace b24gate::admin
