#include <b24gate/simulator/config.hpp>

#include <toml++/toml.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace b24gate::simulator {
namespace {

json::value to_json(const toml::node& node) {
    if (const auto* table = node.as_table()) {
        json::object out;
        for (const auto& [key, value] : *table)
            out[json::string_view(key.str().data(), key.str().size())] = to_json(value);
        return out;
    }
    if (const auto* array = node.as_array()) {
        json::array out;
        for (const toml::node& item : *array) out.push_back(to_json(item));
        return out;
    }
    if (const auto* text = node.as_string()) return json::value(text->get());
    if (const auto* number = node.as_integer()) return json::value(number->get());
    if (const auto* number = node.as_floating_point()) return json::value(number->get());
    if (const auto* truth = node.as_boolean()) return json::value(truth->get());
    return json::value(nullptr);
}

[[noreturn]] void wrong(const std::string& message) { throw std::runtime_error(message); }

void read_server(Config& config, const json::object& server, const std::string& file) {
    for (const auto& [name, value] : server) {
        const std::string key(name);
        const auto text = [&] {
            if (!value.is_string()) wrong(file + ": server." + key + " is a string");
            return php::to_string(value);
        };
        const auto number = [&] {
            if (!value.is_int64() && !value.is_double()) wrong(file + ": server." + key + " is a number");
            return value;
        };
        if (key == "http")
            config.http = text();
        else if (key == "https")
            config.https = text();
        else if (key == "control")
            config.control = text();
        else if (key == "certificate")
            config.certificate = text();
        else if (key == "key")
            config.key = text();
        else if (key == "write_ca")
            config.write_ca = text();
        else if (key == "certificate_kind")
            config.certificate_kind = text();
        else if (key == "default_portal")
            config.default_portal = text();
        else if (key == "keep_requests")
            config.keep_requests = php::to_int(number());
        else if (key == "max_body")
            config.max_body = php::to_int(number());
        else if (key == "keep_alive_requests")
            config.keep_alive_requests = php::to_int(number());
        else if (key == "keep_alive_s")
            config.keep_alive_s = *php::to_number(number());
        else if (key == "seed")
            config.seed = php::to_int(number());
        else if (key == "tls_hosts" && value.is_array())
            for (const json::value& host : value.get_array()) config.tls_hosts.push_back(php::to_string(host));
        else
            wrong(file + ": server." + key +
                  " is unknown; there are http, https, control, certificate, key, write_ca, "
                  "certificate_kind, tls_hosts, default_portal, keep_requests, max_body, keep_alive_s, "
                  "keep_alive_requests and seed");
    }
}

}  // namespace

Config parse_config(std::string_view toml_text, const std::string& file) {
    json::value tree;
    try {
        tree = to_json(toml::parse(toml_text, file));
    } catch (const toml::parse_error& error) {
        wrong(file + ":" + std::to_string(error.source().begin.line) + ":" +
              std::to_string(error.source().begin.column) + ": " + std::string(error.description()));
    }
    Config config;
    for (auto& [name, value] : tree.get_object()) {
        const std::string key(name);
        if (!value.is_object()) wrong(file + ": " + key + " stands outside of [server], [oauth] and [portals.NAME]");
        if (key == "server") {
            read_server(config, value.get_object(), file);
        } else if (key == "oauth") {
            config.oauth = value.get_object();
        } else if (key == "portals") {
            for (auto& [portal, settings] : value.get_object()) {
                if (!settings.is_object()) wrong(file + ": portals." + std::string(portal) + " is a table");
                Config::Portal out;
                out.name = std::string(portal);
                if (const auto listen = php::take(settings, "http")) out.http = php::to_string(*listen);
                if (const auto listen = php::take(settings, "https")) out.https = php::to_string(*listen);
                // An empty table comes back as a list.
                out.settings = settings.is_object() ? std::move(settings) : json::value(json::object{});
                config.portals.push_back(std::move(out));
            }
        } else {
            wrong(file + ": [" + key + "] is unknown; there are [server], [oauth] and [portals.NAME]");
        }
    }
    return config;
}

Config load_config(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) wrong(file + ": cannot be read");
    std::ostringstream text;
    text << in.rdbuf();
    return parse_config(text.str(), file);
}

}  // namespace b24gate::simulator
