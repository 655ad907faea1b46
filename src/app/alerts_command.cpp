#include <b24gate/app/alerts_command.hpp>

#include <boost/json/object.hpp>

#include <b24gate/admin/query.hpp>

#include "admin_place.hpp"
#include "operations_text.hpp"

namespace b24gate::app {

int alerts_test_command(const AlertsOptions& options, std::ostream& out, std::ostream& err) {
    const OpenPlace place = open_place(options.place, "b24gate alerts", err);
    if (place.code != 0) return place.code;
    if (!place.door) {
        err << "b24gate alerts: no gateway answers at " << place.url << std::endl;
        return 1;
    }
    const boost::json::object nothing;
    const auto answer =
        place.door->ask("/api/v1/channels/" + admin::percent_encoded(options.channel) + "/test", &nothing);
    if (!answer) {
        err << "b24gate alerts: " << answer.error() << std::endl;
        return 1;
    }
    if (!answer->body.contains("result")) {
        err << "b24gate alerts: " << member(answer->body, "error_description") << std::endl;
        return answer->status == 404 ? 2 : 1;
    }
    (answer->status == 200 ? out : err) << options.channel << ": " << member(answer->body, "result") << " ("
                                        << member(answer->body, "answer") << ")" << std::endl;
    return answer->status == 200 ? 0 : 1;
}

}  // namespace b24gate::app
