// b24sim: a simulated Bitrix24 cloud on local ports.
#include <b24gate/simulator/config.hpp>
#include <b24gate/simulator/server.hpp>
#include <b24gate/simulator/tls_identity.hpp>

#include <CLI/CLI.hpp>

#include <boost/asio/signal_set.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>

namespace {

using namespace b24gate::simulator;

constexpr const char* description =
    R"(b24sim - a simulated Bitrix24 cloud for the tests of your own integration.

Without --config it serves one portal, "acme", with 173 deals, 60 contacts, tasks, users and files:
  webhook         http://127.0.0.1:8824/rest/1/s3cr3tw3bh00kc0d/METHOD
  REST 3          http://127.0.0.1:8824/rest/api/1/s3cr3tw3bh00kc0d/METHOD
  application     http://127.0.0.1:8824/rest/METHOD?auth=b24sim-access-token
  token server    http://127.0.0.1:8824/oauth/token/  (client_id local.b24sim, client_secret b24sim-client-secret,
                  refresh_token b24sim-refresh-token)
The portal answers on every Host, on acme.bitrix24.test, and under the path prefix /acme. Its limits are real: 50
requests at once, then 2 a second (503 QUERY_LIMIT_EXCEEDED); 480 s of work per method in 10 minutes (429).

The first line on stdout is JSON with the real addresses, so port 0 works well in scripts:
  {"listening":{"http":"127.0.0.1:40001","https":"127.0.0.1:40002","control":"127.0.0.1:40003"},"ca":"ca.pem",...})";

constexpr const char* footer = R"(
Methods: crm.{deal,contact,company,lead}.{add,get,list,update,delete,fields}, crm.item.*, tasks.task.* (both
generations), batch, user.current, user.get, profile, server.time, app.info, scope, methods, method.get,
im.notify.system.add, disk.folder.uploadfile, disk.file.get, sim.echo (gives back the parameters as PHP saw them).

Control API (JSON over HTTP on the control address):
  GET  /stats                what arrived, ran, was refused, ran twice; the last requests byte for byte
  POST /faults               {"method":"crm.deal.add","effect":"reset_after","times":3}
                             effects: error, answer, html, captcha, empty, latency, reset, reset_after, close, close_after,
                             hang, cut, truncate, drip, garbage, raw, redirect, modify, expired_token
  DELETE /faults             back to good behaviour
  POST /portals/acme         {"plan":"enterprise","latency_ms":30,"methods":{"crm.deal.list":{"operating_s":20}},
                              "expire_tokens":true,"revoke_webhook":true,"renamed_to":"https://new.bitrix24.test"}
  POST /portals/acme/tokens  a fresh OAuth pair;  /codes an authorization code;  /files a file of any size
  POST /clock                {"advance_s":600}: time passes at once
  POST /reset                counters, rows, budgets and faults as at the start
  GET  /crm/deal             every row
docs/b24sim.md describes all of it with examples.)";

std::string read_file(const std::string& name) {
    std::ifstream in(name, std::ios::binary);
    if (!in) throw std::runtime_error(name + ": cannot be read");
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

CertificateKind kind_of(const std::string& name) {
    if (name == "valid") return CertificateKind::valid;
    if (name == "expired") return CertificateKind::expired;
    if (name == "wrong_host") return CertificateKind::wrong_host;
    throw std::runtime_error("certificate_kind is valid, expired or wrong_host, not \"" + name + "\"");
}

void complain(const std::string& error) {
    if (!error.empty()) throw std::runtime_error(error);
}

/// Certificate and key for the https listeners; gives where the CA was written.
json::value set_up_tls(Server& server, Cloud& cloud, const Config& config) {
    if (config.certificate || config.key) {
        if (!config.certificate || !config.key) throw std::runtime_error("a certificate and a key go together");
        server.use_certificate(read_file(*config.certificate), read_file(*config.key));
        return nullptr;
    }
    std::set<std::string> names{"localhost",       "127.0.0.1",         "::1",
                                "*.bitrix24.test", "oauth.bitrix.test", "*.b24sim.test"};
    names.insert(config.tls_hosts.begin(), config.tls_hosts.end());
    for (const auto& entry : cloud.portals())
        names.insert(entry.second->settings.hosts.begin(), entry.second->settings.hosts.end());
    const TlsIdentity identity = make_tls_identity({names.begin(), names.end()}, kind_of(config.certificate_kind));
    server.use_certificate(identity.certificate_pem, identity.key_pem);
    server.set_ca(identity.ca_pem);
    if (!config.write_ca) return nullptr;
    std::ofstream out(*config.write_ca, std::ios::binary | std::ios::trunc);
    if (!(out << identity.ca_pem).flush()) throw std::runtime_error(*config.write_ca + ": cannot be written");
    return json::value(*config.write_ca);
}

int run(const Config& config, const json::object& overrides) {
    Cloud cloud(config.seed ? static_cast<std::uint64_t>(*config.seed) : std::random_device()());
    cloud.keep_requests = static_cast<std::size_t>(std::max(0LL, config.keep_requests));
    boost::asio::io_context io(1);
    ServerOptions options;
    options.limits.body = static_cast<std::size_t>(std::max(0LL, config.max_body));
    options.keep_alive = from_seconds(std::max(0.0, config.keep_alive_s));
    options.keep_alive_requests = static_cast<std::uint64_t>(std::max(0LL, config.keep_alive_requests));
    Server server(io, cloud, options);

    complain(cloud.configure_oauth(config.oauth));
    if (config.portals.empty()) cloud.add_default_portal(server.now());
    for (const Config::Portal& portal : config.portals) {
        complain(cloud.configure_portal(portal.name, portal.settings, server.now()));
        if (config.portals.size() == 1) cloud.default_portal = portal.name;
    }
    if (config.default_portal) {
        if (!cloud.find(*config.default_portal))
            throw std::runtime_error("server.default_portal is no portal: " + *config.default_portal);
        cloud.default_portal = *config.default_portal;
    }
    if (!overrides.empty())
        for (const auto& entry : cloud.portals())
            complain(cloud.configure_portal(entry.first, overrides, server.now()));

    const bool quiet_default = !config.http && !config.https;
    const bool tls =
        quiet_default || config.https ||
        std::any_of(config.portals.begin(), config.portals.end(), [](const auto& p) { return p.https.has_value(); });
    const json::value ca = tls ? set_up_tls(server, cloud, config) : json::value(nullptr);
    json::object listening;
    if (quiet_default || config.http)
        listening["http"] = server.listen(Server::Role::http, config.http.value_or("127.0.0.1:8824"));
    if (quiet_default || config.https)
        listening["https"] = server.listen(Server::Role::https, config.https.value_or("127.0.0.1:8843"));
    listening["control"] = server.listen(Server::Role::control, config.control.value_or("127.0.0.1:8825"));
    json::object portals;
    for (const auto& [name, portal] : cloud.portals())
        portals[name] = json::object{{"prefix", "/" + name}, {"member_id", portal->settings.member_id}};
    for (const Config::Portal& portal : config.portals) {
        json::object& entry = portals[portal.name].as_object();
        if (portal.http) entry["http"] = server.listen(Server::Role::http, *portal.http, portal.name);
        if (portal.https) entry["https"] = server.listen(Server::Role::https, *portal.https, portal.name);
    }
    std::cout << php::json_encode(
                     json::object{{"listening", std::move(listening)}, {"ca", ca}, {"portals", std::move(portals)}},
                     {false, false})
              << std::endl;

    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&io](const boost::system::error_code& ec, int) {
        if (!ec) io.stop();
    });
    io.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{description};
    app.footer(footer);
    app.set_version_flag("--version", std::string("b24sim ") + B24GATE_VERSION);
    std::string config_file, http, https, control, write_ca, certificate, key, plan;
    std::vector<std::string> tls_hosts;
    double latency_ms = 0, keep_alive_s = 0;
    long long seed = 0, keep_requests = 0;
    app.add_option("--config", config_file, "TOML file with portals, see conf/b24sim.toml");
    app.add_option("--http", http, "HOST:PORT for plain HTTP (default 127.0.0.1:8824 when no address is given)");
    app.add_option("--https", https, "HOST:PORT for HTTPS (default 127.0.0.1:8843 when no address is given)");
    app.add_option("--control", control, "HOST:PORT of the control API (default 127.0.0.1:8825)");
    app.add_option("--write-ca", write_ca,
                   "write the CA of the certificate made at start to this file (also GET /ca on control)");
    app.add_option("--certificate", certificate, "PEM file with a certificate of your own");
    app.add_option("--key", key, "PEM file with its key");
    app.add_option("--tls-host", tls_hosts, "further names or addresses in the certificate made at start");
    auto* plan_option =
        app.add_option("--plan", plan, "standard (50 and 2/s), enterprise (250 and 5/s) or none, for every portal");
    auto* latency_option = app.add_option("--latency-ms", latency_ms, "how long every call runs, for every portal");
    auto* seed_option = app.add_option("--seed", seed, "of the random numbers in tokens and faults");
    auto* keep_option =
        app.add_option("--keep-requests", keep_requests, "how many requests per portal GET /stats can show (50)");
    auto* alive_option = app.add_option("--keep-alive-s", keep_alive_s, "close a connection idle for so long (never)");
    CLI11_PARSE(app, argc, argv);
    try {
        Config config = config_file.empty() ? Config{} : load_config(config_file);
        const auto set = [](std::optional<std::string>& into, const std::string& value) {
            if (!value.empty()) into = value;
        };
        set(config.http, http);
        set(config.https, https);
        set(config.control, control);
        set(config.write_ca, write_ca);
        set(config.certificate, certificate);
        set(config.key, key);
        config.tls_hosts.insert(config.tls_hosts.end(), tls_hosts.begin(), tls_hosts.end());
        if (*seed_option) config.seed = seed;
        if (*keep_option) config.keep_requests = keep_requests;
        if (*alive_option) config.keep_alive_s = keep_alive_s;
        json::object overrides;
        if (*plan_option) overrides["plan"] = plan;
        if (*latency_option) overrides["latency_ms"] = latency_ms;
        return run(config, overrides);
    } catch (const std::exception& error) {
        std::cerr << "b24sim: " << error.what() << '\n';
        return 2;
    }
}
