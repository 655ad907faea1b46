// How the commands speak to the admin API: through the admin port of a gateway that runs, or, where none does, with the
// same API on the store itself. Blocks; one thread.
#pragma once

#include <boost/json/object.hpp>
#include <boost/system/result.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <b24gate/config/config.hpp>
#include <b24gate/core/secret.hpp>

namespace b24gate::app {

class AdminDoor {
public:
    struct Answer {
        unsigned status = 0;
        boost::json::object body;
    };
    virtual ~AdminDoor() = default;
    /// `path` with its query; a null body: GET. The error is a sentence.
    virtual boost::system::result<Answer, std::string> ask(std::string_view path,
                                                           const boost::json::object* body = nullptr) = 0;
    /// Lets time pass, and whatever was begun go on.
    virtual void pause(std::chrono::milliseconds time) = 0;
};

struct PortDoor {
    std::unique_ptr<AdminDoor> door;  ///< null: nobody listens there
    std::string url;
    std::string error;  ///< of another trouble
};
/// `url`: http://host:port.
[[nodiscard]] PortDoor open_port(const std::string& url, core::Secret key);
/// The URL of the admin port as the configuration has it; empty: it has none.
[[nodiscard]] std::string admin_url(const config::Admin& admin);
/// Operations alone are behind this one. The error is a sentence.
[[nodiscard]] boost::system::result<std::unique_ptr<AdminDoor>, std::string> open_store_door(
    const config::Config& config);

}  // namespace b24gate::app
