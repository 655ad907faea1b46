#include <b24gate/core/text.hpp>
#include <b24gate/simulator/control.hpp>

#include <algorithm>

namespace b24gate::simulator {
namespace {

Response answer(int status, const json::value& body) {
    Response out;
    out.status = status;
    out.headers = {{"Content-Type", "application/json"}};
    php::json_encode(out.body, body, {false, false});
    out.body += '\n';
    return out;
}

Response wrong(int status, std::string message) { return answer(status, json::object{{"error", std::move(message)}}); }

json::object counters(const std::map<std::string, std::uint64_t>& map) {
    json::object out;
    for (const auto& [name, count] : map) out[name] = count;
    return out;
}

json::array requests_of(const std::deque<Seen>& seen, std::size_t most) {
    json::array out;
    const std::size_t skip = seen.size() > most ? seen.size() - most : 0;
    for (std::size_t i = skip; i < seen.size(); ++i) {
        const Seen& request = seen[i];
        const std::string_view head = request.head;
        const std::size_t line = head.find("\r\n");
        json::array headers;
        std::string_view rest = head.substr(std::min(line + 2, head.size()));
        while (rest.size() > 2) {
            const std::size_t end = rest.find("\r\n");
            const std::string_view header = rest.substr(0, end);
            const std::size_t colon = header.find(':');
            if (colon != std::string_view::npos)
                headers.push_back(json::array{json::value(std::string(header.substr(0, colon))),
                                              json::value(std::string(core::trim(header.substr(colon + 1))))});
            rest.remove_prefix(end + 2);
        }
        out.push_back(json::object{{"at", unix_seconds(request.at)},
                                   {"connection", request.connection},
                                   {"address", request.address},
                                   {"tls", request.secure},
                                   {"line", std::string(head.substr(0, line))},
                                   {"headers", std::move(headers)},
                                   {"head_base64", base64_encode(head)},
                                   {"body_base64", base64_encode(request.body)},
                                   {"chunked", request.chunked},
                                   {"cut", request.cut}});
    }
    return out;
}

json::array rows_of(const Table& table) {
    json::array out;
    for (const auto& entry : table.rows()) out.push_back(entry.second);
    return out;
}

json::object pair_json(const Grant& grant, const TokenPair& pair) {
    return {
        {"portal", grant.portal},        {"client_id", grant.client_id},
        {"user_id", grant.user},         {"access_token", pair.access},
        {"refresh_token", pair.refresh}, {"expires", pair.access_expires.time_since_epoch() / std::chrono::seconds(1)}};
}

}  // namespace

json::object Control::stats(const Request& request, Moment now) {
    const json::value query = php::parse_str(request.query());
    const json::value* wanted = php::get(query, "requests");
    const auto most = static_cast<std::size_t>(wanted ? std::max(0LL, php::to_int(*wanted)) : 1'000'000LL);
    const json::value* only = php::get(query, "portal");
    json::object portals;
    for (const auto& [name, portal] : cloud_.portals()) {
        if (only && php::to_string(*only) != name) continue;
        const Portal::Stats& s = portal->stats;
        std::uint64_t executions = 0;
        for (const auto& entry : s.executions) executions += entry.second;
        json::object duplicates;
        for (const auto& [marker, count] : portal->markers()) {
            if (count > 1) duplicates[marker] = count;
            if (duplicates.size() >= 100) break;
        }
        portals[name] = json::object{
            {"hits", s.hits},
            {"executions", counters(s.executions)},
            {"executions_total", executions},
            {"batches", s.batches},
            {"refused",
             json::object{{"rate", s.refused_rate}, {"operating", s.refused_operating}, {"auth", s.refused_auth}}},
            {"errors", counters(s.errors)},
            {"faults", s.faults},
            {"duplicates", s.duplicates},
            {"duplicate_markers", std::move(duplicates)},
            {"level", portal->level("127.0.0.1", now)},
            {"in_flight", s.in_flight},
            {"max_in_flight", s.max_in_flight},
            {"connections", s.connections},
            {"open_connections", s.open_connections},
            {"requests", requests_of(cloud_.seen(name), most)}};
    }
    const OAuthServer::Stats& o = cloud_.oauth().stats();
    json::array malformed;
    for (const Cloud::Malformed& bad : cloud_.malformed())
        malformed.push_back(json::object{{"why", bad.why}, {"head_base64", base64_encode(bad.head)}});
    return {{"now", unix_seconds(now)},
            {"portals", std::move(portals)},
            {"oauth", json::object{{"requests_total", o.requests},
                                   {"refreshes", o.refreshes},
                                   {"exchanges", o.exchanges},
                                   {"replays", o.replays},
                                   {"refused", counters(o.refused)},
                                   {"requests", requests_of(cloud_.seen("oauth"), most)}}},
            {"connections", json::object{{"accepted", sockets_.accepted},
                                         {"open", sockets_.open},
                                         {"max_open", sockets_.max_open},
                                         {"requests", sockets_.requests},
                                         {"tls_handshakes", sockets_.tls_handshakes},
                                         {"tls_resumed", sockets_.tls_resumed},
                                         {"tls_failed", sockets_.tls_failed}}},
            {"malformed_total", cloud_.malformed_count},
            {"malformed", std::move(malformed)}};
}

Response Control::portal_action(std::string_view name, std::string_view action, const json::value& body, Moment now) {
    if (action.empty()) {
        const std::string error = cloud_.configure_portal(name, body, now);
        return error.empty() ? answer(200, json::object{{"ok", true}}) : wrong(400, error);
    }
    Portal* portal = cloud_.find(name);
    if (!portal) return wrong(404, "there is no portal \"" + std::string(name) + "\"");
    const auto text = [&](std::string_view key, std::string_view otherwise) {
        const json::value* value = php::get(body, key);
        return value ? php::to_string(*value) : std::string(otherwise);
    };
    const json::value* user = php::get(body, "user");
    const Grant grant{portal->name(), text("client_id", "local.b24sim"), user ? php::to_int(*user) : 1};
    if (action == "tokens") {
        std::optional<Micros> life;
        if (const json::value* given = php::get(body, "expires_in"))
            life = from_seconds(php::to_number(*given).value_or(3600));
        return answer(200, pair_json(grant, cloud_.oauth().issue(grant, now, text("access_token", ""),
                                                                 text("refresh_token", ""), life)));
    }
    if (action == "codes") return answer(200, json::object{{"code", cloud_.oauth().make_code(grant, now)}});
    if (action == "files") {
        File file;
        file.name = text("name", "file.bin");
        if (const json::value* size = php::get(body, "size"))
            file.size = static_cast<std::uint64_t>(std::max(0LL, php::to_int(*size)));
        if (const auto content = base64_decode(text("content_base64", "")); content && !content->empty()) {
            file.content = *content;
            file.size = content->size();
        }
        return answer(200, json::object{{"id", portal->add_file(std::move(file))}});
    }
    return wrong(404, "POST /portals/NAME takes tokens, codes or files behind it");
}

Response Control::handle(const Request& request, Moment now) {
    const std::string_view path = request.path();
    const bool post = request.method == "POST", get = request.method == "GET", erase = request.method == "DELETE";
    json::value body = json::object{};
    if (!request.body.empty()) {
        json::error_code failed;
        body = json::parse(json::string_view(request.body.data(), request.body.size()), failed);
        if (failed) return wrong(400, "the body is no JSON: " + failed.message());
    }
    if (get && (path == "/" || path == "/healthz"))
        return answer(200, json::object{{"status", "ok"}, {"program", "b24sim"}});
    if (get && path == "/stats") return answer(200, stats(request, now));
    if (get && path == "/requests") {
        const json::value query = php::parse_str(request.query());
        const json::value *name = php::get(query, "portal"), *limit = php::get(query, "limit");
        return answer(200,
                      requests_of(cloud_.seen(name ? php::to_string(*name) : cloud_.default_portal),
                                  static_cast<std::size_t>(limit ? std::max(0LL, php::to_int(*limit)) : 1'000'000LL)));
    }
    if (get && path == "/executions") {
        const json::value query = php::parse_str(request.query());
        const auto number = [&](std::string_view key, long long otherwise) {
            const json::value* value = php::get(query, key);
            return std::max(0LL, value ? php::to_int(*value) : otherwise);
        };
        const json::value* name = php::get(query, "portal");
        const Portal* portal = cloud_.find(name ? php::to_string(*name) : cloud_.default_portal);
        if (!portal) return wrong(404, "there is no such portal");
        return answer(200, portal->executions.page(static_cast<std::uint64_t>(number("after", 0)),
                                                   static_cast<std::size_t>(number("limit", 10'000))));
    }
    if (path == "/faults") {
        if (get) return answer(200, cloud_.faults().describe());
        if (erase) return answer(200, json::object{{"removed", cloud_.faults().remove(std::nullopt)}});
        if (post) {
            json::array ids;
            const auto add = [&](const json::value& spec) {
                const Faults::Added added = cloud_.faults().add(spec);
                if (added.error.empty()) ids.push_back(added.id);
                return added.error;
            };
            if (const auto* list = body.if_array()) {
                for (const json::value& spec : *list)
                    if (const std::string error = add(spec); !error.empty()) return wrong(400, error);
            } else if (const std::string error = add(body); !error.empty()) {
                return wrong(400, error);
            }
            return answer(200, json::object{{"ids", std::move(ids)}});
        }
    }
    if (erase && path.starts_with("/faults/")) {
        const std::string_view id = path.substr(8);
        return answer(200,
                      json::object{{"removed", cloud_.faults().remove(php::to_int(json::value(std::string(id))))}});
    }
    if (post && path == "/reset") {
        cloud_.reset(now);
        cloud_.faults().remove(std::nullopt);
        const long long open = sockets_.open;
        sockets_ = {};
        sockets_.open = sockets_.max_open = open;
        return answer(200, json::object{{"ok", true}});
    }
    if (post && path == "/clock") {
        const json::value* advance = php::get(body, "advance_s");
        const auto seconds = advance ? php::to_number(*advance) : std::nullopt;
        if (!seconds || *seconds < 0) return wrong(400, "POST /clock takes {\"advance_s\": seconds}");
        clock_offset_ += from_seconds(*seconds);
        return answer(200, json::object{{"now", unix_seconds(now + from_seconds(*seconds))}});
    }
    if (post && path == "/oauth") {
        const std::string error = cloud_.configure_oauth(body);
        return error.empty() ? answer(200, json::object{{"ok", true}}) : wrong(400, error);
    }
    if (path.starts_with("/portals/")) {
        const std::string_view rest = path.substr(9);
        const std::size_t slash = std::min(rest.find('/'), rest.size());
        const std::string_view name = rest.substr(0, slash), action = rest.substr(std::min(slash + 1, rest.size()));
        if (post) return portal_action(name, action, body, now);
        if (get && action == "tokens") {
            json::array out;
            for (const auto& [grant, pair] : cloud_.oauth().pairs(name)) out.push_back(pair_json(grant, pair));
            return answer(200, out);
        }
    }
    if (get && path.starts_with("/crm/")) {
        const json::value query = php::parse_str(request.query());
        const json::value* name = php::get(query, "portal");
        Portal* portal = cloud_.find(name ? php::to_string(*name) : cloud_.default_portal);
        if (!portal) return wrong(404, "there is no such portal");
        const auto table = portal->tables().find(path.substr(5));
        return answer(200, table == portal->tables().end() ? json::array{} : rows_of(table->second));
    }
    return wrong(404,
                 "there are GET /stats, GET /requests, GET /executions, GET /crm/ENTITY, GET, POST, DELETE /faults, "
                 "POST /reset, "
                 "POST /clock, POST /oauth, POST /portals/NAME, POST /portals/NAME/tokens, /codes, /files, GET "
                 "/portals/NAME/tokens");
}

}  // namespace b24gate::simulator
