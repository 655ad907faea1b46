#include <b24gate/gateway/kept_request.hpp>

#include <charconv>

#include <b24gate/core/text.hpp>

namespace b24gate::gateway {
namespace {

using bitrix::GatewayCode;

/// Format of what follows, line by line: this, the verb, the target, fields as "name: value", an empty line, the body.
constexpr std::string_view version = "b24gate-call 1";
/// What outgoing.cpp passes on, and what tells how the body is written.
constexpr std::string_view kept_fields[] = {"Content-Type", "Content-Encoding", "Accept", "Accept-Language",
                                            "User-Agent"};

void add_line(std::string& out, std::string_view line) {
    out += line;
    out += '\n';
}

/// The line up to the next break, cut off `rest`; nullopt: there is no break.
std::optional<std::string_view> next_line(std::string_view& rest) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return line;
}

}  // namespace

std::optional<bitrix::Refusal> why_not_kept(const bitrix::Call& call, bool passthrough) {
    if (passthrough)
        return bitrix::Refusal{GatewayCode::bad_request,
                               "the calls of a passthrough client cannot be kept: they carry the portal's own secret; "
                               "give the client a key and the portal a credential"};
    if (call.kind != bitrix::CallKind::method)
        return bitrix::Refusal{GatewayCode::bad_request,
                               "uploads and downloads by a link cannot be kept: the link ends too soon"};
    return std::nullopt;
}

std::string keep_request(const bitrix::Call& call, const std::vector<net::Field>& fields) {
    std::string out;
    out.reserve(256 + call.query.size() + call.body().size());
    add_line(out, version);
    add_line(out, call.send_as_post ? "POST" : "GET");
    std::string target = call.api == bitrix::Api::v3 ? "/rest/api/" : "/rest/";
    target += call.method;
    if (call.suffix == bitrix::Suffix::xml) target += ".xml";
    if (call.suffix == bitrix::Suffix::json) target += ".json";
    if (!call.query.empty()) target += "?" + call.query;
    add_line(out, target);
    for (const std::string_view name : kept_fields) {
        const std::string_view value = net::find_field(fields, name);
        if (value.empty()) continue;
        out += name;
        out += ": ";
        add_line(out, value);
    }
    out += '\n';
    out += call.body();
    return out;
}

bool read_request(std::string_view bytes, KeptRequest& out) {
    std::string_view rest = bytes;
    const auto format = next_line(rest), verb = next_line(rest), target = next_line(rest);
    if (!target || *format != version || (*verb != "GET" && *verb != "POST")) return false;
    const std::string_view begin = rest;
    for (;;) {
        const auto line = next_line(rest);
        if (!line) return false;
        if (line->empty()) break;
        if (line->find(": ") == std::string_view::npos) return false;
    }
    out.verb = *verb;
    out.target = *target;
    out.text = begin.substr(0, begin.size() - rest.size());
    out.body = rest;
    out.fields.clear();
    std::string_view lines = out.text;
    while (const auto line = next_line(lines)) {
        if (line->empty()) break;
        const std::size_t colon = line->find(": ");
        out.fields.push_back({line->substr(0, colon), line->substr(colon + 2)});
    }
    return true;
}

boost::system::result<bitrix::Call, bitrix::Refusal> call_of(const KeptRequest& kept) {
    bitrix::RawCall raw;
    raw.verb = kept.verb;
    raw.target = kept.target;
    raw.content_type = net::find_field(kept.fields, "Content-Type");
    raw.content_encoding = net::find_field(kept.fields, "Content-Encoding");
    raw.body = kept.body;
    return bitrix::parse_call(raw);
}

}  // namespace b24gate::gateway
