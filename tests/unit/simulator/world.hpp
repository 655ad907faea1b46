// A simulated cloud without sockets and with a clock that moves only when told to.
#pragma once

#include <b24gate/simulator/cloud.hpp>
#include <b24gate/simulator/control.hpp>

#include <string>
#include <string_view>

namespace b24gate::simulator {

struct World {
    Cloud cloud{7};
    Moment now{std::chrono::seconds(1790000000)};
    Connection connection;

    explicit World(std::string_view changes = "{}") {
        connection.address = "192.0.2.1";
        cloud.add_default_portal(now);
        configure(changes);
    }
    Portal& acme() { return *cloud.find("acme"); }
    std::string configure(std::string_view changes) {
        return cloud.configure_portal("acme", json::parse(json::string_view(changes.data(), changes.size())), now);
    }
    void pass(double s) { now += from_seconds(s); }

    static Request request(std::string method, std::string target, std::string body = {}, std::string type = {}) {
        Request out;
        out.method = std::move(method);
        out.target = std::move(target);
        out.body = std::move(body);
        out.headers = {{"Host", "acme.bitrix24.test"}};
        if (!type.empty()) out.headers.emplace_back("Content-Type", std::move(type));
        return out;
    }
    Delivery deliver(const Request& req) {
        Exchange exchange = cloud.begin(connection, req, now);
        now += exchange.wait;
        return cloud.finish(exchange, now);
    }
    Response send(const Request& req) { return deliver(req).response; }
    /// A classic call of the default webhook with a JSON body.
    Response post(std::string method, std::string body = "{}") {
        return send(request("POST", "/rest/1/s3cr3tw3bh00kc0d/" + method, std::move(body), "application/json"));
    }
    Response post_v3(std::string method, std::string body) {
        return send(request("POST", "/rest/api/1/s3cr3tw3bh00kc0d/" + method, std::move(body), "application/json"));
    }
    json::value json_of(const Response& response) const {
        return response.body.empty() ? json::value(nullptr) : json::parse(response.body);
    }
    json::value result(std::string method, std::string body = "{}") {
        return json_of(post(std::move(method), std::move(body))).at("result");
    }
    std::string text(std::string method, std::string body = "{}") {
        return php::json_encode(result(std::move(method), std::move(body)), {false, false});
    }
};

inline std::string encode(const json::value& value) { return php::json_encode(value, {false, false}); }

}  // namespace b24gate::simulator
