#include <b24gate/config/reload.hpp>

#include <optional>

#include <b24gate/config/units.hpp>

namespace b24gate::config {
namespace {

std::string show(const std::optional<Endpoint>& endpoint) { return endpoint ? to_string(*endpoint) : "off"; }

}  // namespace

std::vector<std::string> reload_diff(const Config& running, const Config& next) {
    std::vector<std::string> out;
    const auto differs = [&](const char* key, const std::string& before, const std::string& after) {
        if (before != after)
            out.push_back(std::string(key) + " changed from " + before + " to " + after + ": that needs a restart, " +
                          before + " stays in use");
    };
    differs("server.listen", show(running.server.listen), show(next.server.listen));
    differs("server.tls_listen", show(running.server.tls_listen), show(next.server.tls_listen));
    differs("server.threads", std::to_string(running.server.threads), std::to_string(next.server.threads));
    differs("admin.listen", show(running.admin.listen), show(next.admin.listen));
    // The address of a database may hold a password: it is not shown.
    if (running.store.url != next.store.url)
        out.push_back("store.url changed: that needs a restart, the store that was opened stays in use");
    return out;
}

}  // namespace b24gate::config
