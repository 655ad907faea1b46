#include <b24gate/server/response_writer.hpp>

#include <fmt/format.h>

#include <charconv>
#include <iterator>

namespace b24gate::server {
namespace {

/// IMF-fixdate, made once a second and thread.
std::string_view http_date(std::time_t now) {
    thread_local std::time_t made_for = -1;
    thread_local std::string text;
    if (made_for != now) {
        std::tm parts{};
        gmtime_r(&now, &parts);
        char buffer[40];
        const std::size_t length = std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        text.assign(buffer, length);
        made_for = now;
    }
    return text;
}

void append_number(std::string& out, std::uint64_t number) {
    char digits[20];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

}  // namespace

Framing framing_of(const Response& response, unsigned minor_version) {
    if (!response.stream || response.stream_length) return Framing::length;
    return minor_version == 0 ? Framing::until_close : Framing::chunked;
}

void append_head(std::string& out, const Response& response, Framing framing, Persistence persistence,
                 std::time_t now) {
    out += "HTTP/1.1 ";
    append_number(out, response.status);
    out += ' ';
    out += reason_phrase(response.status);
    out += "\r\nServer: b24gate\r\nDate: ";
    out += http_date(now);
    out += "\r\n";
    out += response.fields.text();
    // What 304 stands for has a length, but not this one.
    if (framing == Framing::length && response.status != 304) {
        out += "Content-Length: ";
        append_number(out, response.stream ? *response.stream_length : response.body.size());
        out += "\r\n";
    } else if (framing == Framing::chunked) {
        out += "Transfer-Encoding: chunked\r\n";
    }
    if (persistence == Persistence::close) out += "Connection: close\r\n";
    if (persistence == Persistence::keep_alive_http10) out += "Connection: keep-alive\r\n";
    out += "\r\n";
}

void append_chunk(std::string& out, std::string_view data) {
    fmt::format_to(std::back_inserter(out), "{:x}\r\n", data.size());
    out += data;
    out += "\r\n";
}

std::string_view reason_phrase(unsigned status) noexcept {
    switch (status) {
        case 100: return "Continue";
        case 200: return "OK";
        case 201: return "Created";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 206: return "Partial Content";
        case 302: return "Found";
        case 304: return "Not Modified";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 402: return "Payment Required";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 408: return "Request Timeout";
        case 409: return "Conflict";
        case 410: return "Gone";
        case 413: return "Content Too Large";
        case 414: return "URI Too Long";
        case 415: return "Unsupported Media Type";
        case 416: return "Range Not Satisfiable";
        case 417: return "Expectation Failed";
        case 421: return "Misdirected Request";
        case 422: return "Unprocessable Content";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        case 505: return "HTTP Version Not Supported";
        default: return "Unknown";
    }
}

}  // namespace b24gate::server
