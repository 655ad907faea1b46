// The config file of b24sim.
#pragma once

#include <b24gate/simulator/php.hpp>

#include <optional>
#include <string>
#include <vector>

namespace b24gate::simulator {

struct Config {
    std::optional<std::string> http, https, control, certificate, key, write_ca;
    std::string certificate_kind = "valid";
    std::vector<std::string> tls_hosts;
    std::optional<std::string> default_portal;
    long long keep_requests = 50, max_body = 512LL << 20, keep_alive_requests = 0;
    double keep_alive_s = 0;
    std::optional<long long> seed;
    json::object oauth;
    struct Portal {
        std::string name;
        std::optional<std::string> http, https;
        json::value settings;
    };
    std::vector<Portal> portals;
};

/// Throws std::runtime_error with FILE:LINE:COL where it is known.
[[nodiscard]] Config load_config(const std::string& file);
[[nodiscard]] Config parse_config(std::string_view toml_text, const std::string& file);

}  // namespace b24gate::simulator
