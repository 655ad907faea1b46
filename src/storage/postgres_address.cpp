#include "postgres_address.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <map>
#include <memory>

#include <b24gate/core/text.hpp>

namespace b24gate::storage {
namespace {

using Options = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

// What the URL does not say. A name of the application may be given there; a server that only reads is of no use.
constexpr std::pair<const char*, const char*> defaults[] = {
    {"fallback_application_name", "b24gate"},
    {"client_encoding", "UTF8"},
    {"keepalives", "1"},
    {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "10000"},
    {"target_session_attrs", "read-write"},
};

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> out;
    while (true) {
        const std::size_t comma = list.find(',');
        out.emplace_back(list.substr(0, comma));
        if (comma == std::string_view::npos) return out;
        list.remove_prefix(comma + 1);
    }
}

/// libpq ends user and password at the first '/' or '?', whatever comes behind, and takes the rest for host and name.
bool password_is_cut(std::string_view url) {
    std::string_view rest = url.substr(url.find("://") + 3);
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    const auto ats = std::count(authority.begin(), authority.end(), '@');
    rest.remove_prefix(authority.size());
    const std::string_view path = rest.substr(0, rest.find('?'));
    return ats > 1 || path.find('@') != std::string_view::npos || path.find('#') != std::string_view::npos ||
           (ats == 0 && rest.find('@') != std::string_view::npos && authority.find(':') != std::string_view::npos);
}

}  // namespace

boost::system::result<PostgresAddress, std::string> read_postgres_url(const std::string& url) {
    if (password_is_cut(url)) {
        return std::string(
            "the URL of the PostgreSQL store has special characters in user or password; write them as %XX "
            "(/ is %2F, @ is %40, ? is %3F, # is %23)");
    }
    char* problem = nullptr;
    const Options options(PQconninfoParse(url.c_str(), &problem), &PQconninfoFree);
    if (problem != nullptr) PQfreemem(problem);
    if (!options) {
        return std::string(
            "the URL of the PostgreSQL store is not understood; it looks like "
            "postgresql://user:password@host:5432/database?sslmode=verify-full");
    }
    PostgresAddress out;
    std::map<std::string, std::string> given;
    for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val != nullptr) given.emplace(option->keyword, option->val);
    }
    const auto take = [&](const char* key) {
        const auto node = given.extract(key);
        return node.empty() ? std::string() : node.mapped();
    };
    const std::string hosts = take("host"), ports = take("port");
    out.user = given["user"];
    out.password = core::Secret(given["password"]);
    const auto host_list = split(hosts);
    auto port_list = split(ports);
    if (port_list.size() == 1) port_list.resize(host_list.size(), port_list.front());
    const bool digits =
        std::all_of(port_list.begin(), port_list.end(), [](const auto& p) { return p.empty() || core::is_digits(p); });
    if (!digits || port_list.size() != host_list.size()) {
        return std::string("the URL of the PostgreSQL store has a port that is no number, or not one for each host");
    }
    out.shown = "postgresql://";
    if (!out.user.empty()) out.shown += out.user + "@";
    for (std::size_t i = 0; i < host_list.size(); ++i) {
        out.hosts.emplace_back(host_list[i], port_list[i]);
        out.shown += (i > 0 ? "," : "") + host_list[i] + (port_list[i].empty() ? "" : ":" + port_list[i]);
    }
    out.shown += "/" + given["dbname"];
    for (const auto& [key, value] : defaults) given.emplace(key, value);
    for (auto& [key, value] : given) {
        if (!value.empty()) out.parameters.emplace_back(key, core::Secret(std::move(value)));
    }
    return out;
}

std::string safe_message(std::string_view message, const PostgresAddress& address) {
    message = message.substr(0, message.find('\n'));
    std::string out;
    while (!message.empty()) {
        const std::size_t open = message.find('"');
        out += message.substr(0, open);
        if (open == std::string_view::npos) break;
        message.remove_prefix(open + 1);
        const std::size_t close = message.find('"');
        const std::string_view quoted = message.substr(0, close);
        const bool shown = !quoted.empty() && address.shown.find(quoted) != std::string::npos;
        out += shown ? "\"" + std::string(quoted) + "\"" : "\"...\"";
        message.remove_prefix(close == std::string_view::npos ? message.size() : close + 1);
    }
    // Whatever else a message may say.
    const std::string& password = address.password.reveal();
    if (password.size() >= 4) {
        for (std::size_t at = out.find(password); at != std::string::npos; at = out.find(password, at + 3)) {
            out.replace(at, password.size(), "***");
        }
    }
    return out;
}

}  // namespace b24gate::storage
