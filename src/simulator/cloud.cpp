#include <b24gate/core/text.hpp>
#include <b24gate/simulator/cloud.hpp>

#include <algorithm>

namespace b24gate::simulator {
namespace {

std::string text_of(const json::value& params, std::string_view name) {
    const json::value* value = php::get(params, name);
    return value ? php::to_string(*value) : std::string();
}

std::vector<std::string> segments_of(std::string_view path) {
    std::vector<std::string> out;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        // nginx merges slashes; an empty last segment is the trailing one.
        if (end > 0) out.emplace_back(path.substr(0, end));
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return out;
}

/// A path segment: `%XX` is decoded, `+` stays itself.
std::string decode_segment(std::string_view text) {
    std::string plain;
    for (const char c : text)
        if (c == '+')
            plain += "%2B";
        else
            plain += c;
    return php::url_decode(plain);
}

bool accepts_gzip(const Request& request) {
    return core::to_lower(request.header("Accept-Encoding")).find("gzip") != std::string::npos;
}

void merge(json::value& into, json::value&& from) {
    if (into.is_array() && into.get_array().empty()) {
        into = std::move(from);
        return;
    }
    if (auto* list = from.if_array())
        for (std::size_t i = 0; i < list->size(); ++i) php::put(into, std::to_string(i), std::move((*list)[i]));
    if (auto* map = from.if_object())
        for (auto& [key, value] : *map) php::put(into, std::string_view(key.data(), key.size()), std::move(value));
}

}  // namespace

json::value read_params(const Request& request, std::size_t max_vars, std::vector<FormPart>& files) {
    const php::ParseLimits limits{max_vars, 64};
    json::value params = php::parse_str(request.query(), limits);
    if (request.method != "POST") return params;
    const std::string type = request.media_type();
    json::value form = json::array{};
    if (type == "application/x-www-form-urlencoded") {
        form = php::parse_str(request.body, limits);
    } else if (type == "multipart/form-data") {
        if (auto parts = parse_multipart(request.header("Content-Type"), request.body)) {
            std::vector<php::FormField> fields;
            for (FormPart& part : *parts) {
                if (part.is_file)
                    files.push_back(std::move(part));
                else
                    fields.push_back({std::move(part.name), std::move(part.content)});
            }
            form = php::register_fields(fields, limits);
        }
    }
    if (php::truthy(form)) {
        merge(params, std::move(form));
    } else if (files.empty()) {
        // No form was found: the raw body decides, and whatever is no JSON is read as a query string.
        if (type == "application/json") {
            auto decoded = php::json_decode(request.body);
            if (decoded && php::is_array(*decoded)) merge(params, std::move(*decoded));
        } else if (!request.body.empty()) {
            merge(params, php::parse_str(request.body, limits));
        }
    }
    return params;
}

Cloud::Cloud(std::uint64_t seed) : oauth_(seed), faults_(seed + 1) {}

Portal* Cloud::find(std::string_view name) {
    const auto found = portals_.find(name);
    return found == portals_.end() ? nullptr : found->second.get();
}

const std::deque<Seen>& Cloud::seen(std::string_view portal) const {
    static const std::deque<Seen> none;
    const auto found = seen_.find(portal);
    return found == seen_.end() ? none : found->second;
}

void Cloud::reset(Moment now) {
    for (auto& [name, portal] : portals_) portal->reset(now);
    oauth_.stats() = {};
    seen_.clear();
    malformed_.clear();
    malformed_count = 0;
}

void Cloud::record(std::string_view portal, const Connection& connection, const Request& request, Moment now) {
    if (keep_requests == 0) return;
    std::deque<Seen>& list = seen_[std::string(portal)];
    if (list.size() >= keep_requests) list.pop_front();
    list.push_back({now, connection.id, connection.address, request.head, request.body.substr(0, keep_body),
                    connection.secure, request.chunked, request.body.size() > keep_body});
}

Cloud::Route Cloud::route(const Connection& connection, const Request& request) {
    const std::string host_header(request.header("Host"));
    const std::string base = std::string(connection.secure ? "https://" : "http://") + host_header;
    Route out;
    out.path = request.path();
    // By prefix, by listener, by host, else the default portal.
    const std::string_view path = request.path();
    const std::string_view first = path.substr(std::min<std::size_t>(1, path.size()));
    const std::size_t end = std::min(first.find('/'), first.size());
    if (Portal* portal = find(first.substr(0, end))) {
        out.portal = portal;
        out.path = std::string(first.substr(end));
        out.base_url = base + "/" + portal->name();
    } else if (!connection.bound_portal.empty()) {
        out.portal = find(connection.bound_portal);
        out.base_url = base;
    } else {
        const std::string host = core::to_lower(host_header.substr(0, host_header.rfind(':')));
        for (auto& [name, candidate] : portals_) {
            const auto& hosts = candidate->settings.hosts;
            if (std::find(hosts.begin(), hosts.end(), host) != hosts.end()) out.portal = candidate.get();
        }
        if (!out.portal) out.portal = find(default_portal);
        out.base_url = base;
    }
    if (out.portal && !out.portal->settings.public_url.empty()) out.base_url = out.portal->settings.public_url;
    return out;
}

OAuthServer::Endpoints Cloud::endpoints(std::string_view scheme, std::string_view host) {
    const std::string base = oauth_url_.empty() ? std::string(scheme) + std::string(host) : oauth_url_;
    OAuthServer::Endpoints out;
    out.server_endpoint = base + "/rest/";
    out.domain = base.substr(base.find("://") == std::string::npos ? 0 : base.find("://") + 3);
    const std::string here = std::string(scheme) + std::string(host);
    out.client_endpoint = [this, here](const std::string& name) {
        const Portal* portal = find(name);
        if (portal && !portal->settings.public_url.empty()) return portal->settings.public_url + "/rest/";
        return here + (name == default_portal ? "" : "/" + name) + "/rest/";
    };
    out.member_id = [this](const std::string& name) {
        const Portal* portal = find(name);
        return portal ? portal->settings.member_id : std::string();
    };
    return out;
}

Response Cloud::serve_oauth(const Connection& connection, const Request& request, Moment now) {
    std::vector<FormPart> files;
    return oauth_.token(read_params(request, 1000, files), now,
                        endpoints(connection.secure ? "https://" : "http://", request.header("Host")));
}

Response Cloud::authorize(const Route& route, const Request& request, Moment now) {
    const json::value params = php::parse_str(request.query());
    const std::string client_id = text_of(params, "client_id");
    const auto redirect = redirect_uris_.find(client_id);
    if (!oauth_.find_app(client_id) || redirect == redirect_uris_.end()) return nginx_page(404);
    Response out;
    out.status = 302;
    const std::string domain = route.base_url.substr(route.base_url.find("://") + 3);
    std::string location = redirect->second;
    location += location.find('?') == std::string::npos ? '?' : '&';
    location += "code=" + oauth_.make_code({route.portal->name(), client_id, 1}, now) +
                "&state=" + php::url_encode(text_of(params, "state")) + "&domain=" + php::url_encode(domain) +
                "&member_id=" + route.portal->settings.member_id +
                "&scope=crm%2Ctask%2Cim&server_domain=" + php::url_encode(oauth_host_);
    out.headers = {{"Server", "nginx"}, {"Location", location}};
    return out;
}

bool Cloud::read_call(Exchange& exchange, const Connection& connection, const Request& request, std::string_view rest) {
    Call& call = exchange.call;
    std::vector<std::string> parts = segments_of(rest);
    if (!parts.empty() && parts.front() == "api") {
        call.version = 3;
        parts.erase(parts.begin());
    }
    if (parts.size() == 3) {
        call.user = decode_segment(parts[0]);
        call.secret = decode_segment(parts[1]);
    } else if (parts.size() != 1) {
        return false;
    }
    call.method = decode_segment(parts.back());
    if (call.version == 2) {
        for (const std::string_view suffix : {".json", ".xml"})
            if (call.method.size() > suffix.size() && call.method.ends_with(suffix)) {
                call.xml = suffix == ".xml";
                call.method.resize(call.method.size() - suffix.size());
                break;
            }
    }
    call.lower = core::to_lower(call.method);
    call.secure = connection.secure;
    call.post = request.method == "POST";
    const std::string_view authorization = request.header("Authorization");
    if (core::iequals(authorization.substr(0, 7), "Bearer ")) call.bearer = core::trim(authorization.substr(7));
    call.idempotency_key = request.header("Idempotency-Key");
    if (call.version == 3) {
        call.body = request.body;
        call.json_body = request.media_type() == "application/json";
        auto decoded =
            call.post && call.json_body && !request.body.empty() ? php::json_decode(request.body) : std::nullopt;
        call.body_valid = decoded && php::is_array(*decoded);
        if (call.body_valid) call.params = std::move(*decoded);
        // The query holds no parameters here, but the credential is looked for in it.
        if (call.bearer.empty() && text_of(call.params, "auth").empty()) {
            const json::value query = php::parse_str(request.query());
            call.bearer = text_of(query, "auth");
            if (call.bearer.empty()) call.bearer = text_of(query, "access_token");
        }
    } else {
        call.params = read_params(request, exchange.portal->settings.max_input_vars, call.files);
    }
    return true;
}

Exchange Cloud::begin(Connection& connection, const Request& request, Moment now) {
    Exchange out;
    out.started = now;
    out.accepts_gzip = accepts_gzip(request);
    out.head_only = request.method == "HEAD";
    out.keep_alive = request.keep_alive();

    const Route where = route(connection, request);
    out.portal = where.portal;
    out.path = where.path + (request.query().empty() ? "" : "?" + std::string(request.query()));
    out.call.base_url = where.base_url;
    const std::string_view path = where.path;
    if (path == "/oauth/token/" || path == "/oauth/token") {
        record("oauth", connection, request, now);
        out.portal = nullptr;
        out.call.lower = out.call.method = "oauth.token";
        out.fault = faults_.strike("oauth", "oauth.token");
        // Rotation happens when the request arrives, unless a fault says that it is never carried out.
        if (!out.fault || out.fault->execute) out.ready = serve_oauth(connection, request, now);
        plan(out, now);
        return out;
    }
    if (!out.portal) {
        record("", connection, request, now);
        out.ready = nginx_page(404);
        return out;
    }
    Portal& portal = *out.portal;
    record(portal.name(), connection, request, now);
    if (std::find(connection.seen.begin(), connection.seen.end(), &portal) == connection.seen.end()) {
        connection.seen.push_back(&portal);
        ++portal.stats.connections;
        ++portal.stats.open_connections;
    }
    portal.stats.max_in_flight = std::max(portal.stats.max_in_flight, ++portal.stats.in_flight);

    if (!portal.settings.renamed_to.empty()) {
        ++portal.stats.hits;
        out.ready = nginx_page(302);
        out.ready->headers.emplace_back("Location", portal.settings.renamed_to + out.path);
        return out;
    }
    if (path == "/oauth/authorize/" || path == "/oauth/authorize") {
        out.ready = authorize(where, request, now);
        return out;
    }
    if (path.substr(0, 6) != "/rest/" || !read_call(out, connection, request, path.substr(6))) {
        ++portal.stats.hits;
        out.ready = nginx_page(404);
        return out;
    }
    // The authorization server answers app.info for any portal, and outside of every portal's bucket.
    const std::string host_header(request.header("Host"));
    const bool at_oauth = core::iequals(host_header.substr(0, host_header.rfind(':')), oauth_host_);
    if (at_oauth) {
        const std::string token = !out.call.bearer.empty() ? out.call.bearer : text_of(out.call.params, "auth");
        Portal* owner = find(oauth_.check(token, now).grant.portal);
        if (owner && owner != &portal) {
            --portal.stats.in_flight;
            ++owner->stats.in_flight;
            out.portal = owner;
        }
    } else if (!portal.hit(connection.address, now)) {
        out.ready = portal.error_response(out.call, known_error("QUERY_LIMIT_EXCEEDED"));
        return out;
    }
    out.fault = faults_.strike(out.portal->name(), out.call.lower);
    plan(out, now);
    return out;
}

void Cloud::plan(Exchange& exchange, Moment now) {
    Portal* const portal = exchange.portal;
    if (exchange.fault) {
        if (portal) ++portal->stats.faults;
        exchange.wait += exchange.fault->delay_before;
        exchange.execute = exchange.fault->execute;
    }
    if (!portal || !exchange.execute) return;
    exchange.ready = portal->admit(exchange.call, now);
    if (exchange.ready) return;
    const Micros running = portal->running_time(exchange.call);
    if (!portal->settings.commit_at_end) exchange.early = portal->execute(exchange.call, now, now + running);
    exchange.wait += running;
}

Delivery Cloud::finish(Exchange& exchange, Moment now) {
    Delivery out;
    out.head_only = exchange.head_only;
    out.keep_alive = exchange.keep_alive;
    Portal* const portal = exchange.portal;
    if (portal) --portal->stats.in_flight;

    if (exchange.ready)
        out.response = std::move(*exchange.ready);
    else if (exchange.early)
        out.response = std::move(*exchange.early);
    else if (portal && exchange.execute)
        out.response = portal->execute(exchange.call, exchange.started, now);

    if (exchange.fault) {
        Fault& fault = *exchange.fault;
        out.wait = fault.delay_after;
        out.prefix = std::move(fault.prefix);
        out.suffix = std::move(fault.suffix);
        out.rst = fault.rst;
        switch (fault.effect) {
            case Fault::Effect::latency: break;
            case Fault::Effect::answer:
                out.response = {fault.status.value_or(200), fault.reason, fault.headers, fault.body.value_or(""), {}};
                break;
            case Fault::Effect::error: {
                Error error = known_error(fault.code);
                if (fault.status) error.status = *fault.status;
                if (fault.body) error.text = *fault.body;
                if (portal) {
                    out.response = portal->error_response(exchange.call, std::move(error));
                } else {
                    out.response = {error.status,
                                    "",
                                    {{"Content-Type", "application/json"}},
                                    php::json_encode(json::object{{"error", fault.code}}),
                                    {}};
                }
                break;
            }
            case Fault::Effect::modify:
                if (fault.status) out.response.status = *fault.status;
                if (fault.body) out.response.body = *fault.body;
                for (auto& [name, value] : fault.headers) {
                    std::erase_if(out.response.headers,
                                  [&, &key = name](const auto& h) { return core::iequals(h.first, key); });
                    out.response.headers.emplace_back(name, value);
                }
                break;
            case Fault::Effect::reset: out.kind = Delivery::Kind::reset; break;
            case Fault::Effect::close: out.kind = Delivery::Kind::close; break;
            case Fault::Effect::hang: out.kind = Delivery::Kind::hang; break;
            case Fault::Effect::cut: out.cut = fault.bytes.value_or(0); break;
            case Fault::Effect::truncate: out.truncate_body = fault.bytes.value_or(out.response.body.size() / 2); break;
            case Fault::Effect::drip:
                out.drip = std::max<std::size_t>(1, fault.bytes.value_or(1));
                out.interval = fault.interval;
                break;
            case Fault::Effect::raw:
                out.kind = Delivery::Kind::raw;
                out.raw = std::move(fault.raw);
                out.keep_alive = fault.keep;
                break;
            case Fault::Effect::redirect:
                out.response = nginx_page(fault.status.value_or(302));
                out.response.headers.emplace_back("Location", fault.location + exchange.path);
                break;
        }
    }
    if (portal && !out.response.generated) {
        out.chunked = portal->settings.chunked;
        if (portal->settings.gzip && exchange.accepts_gzip && !out.response.body.empty()) {
            out.response.body = gzip(out.response.body);
            out.response.headers.emplace_back("Content-Encoding", "gzip");
            out.response.headers.emplace_back("Vary", "Accept-Encoding");
        }
    }
    return out;
}

void Cloud::closed(Connection& connection) {
    for (Portal* portal : connection.seen) --portal->stats.open_connections;
    connection.seen.clear();
}

}  // namespace b24gate::simulator
