#include <b24gate/core/text.hpp>
#include <b24gate/simulator/http.hpp>

#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace b24gate::simulator {
namespace {

bool is_token_char(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

}  // namespace

std::string_view find_header(const Headers& headers, std::string_view name) noexcept {
    for (const auto& [key, value] : headers)
        if (core::iequals(key, name)) return value;
    return {};
}

std::string_view Request::path() const noexcept { return std::string_view(target).substr(0, target.find('?')); }

std::string_view Request::query() const noexcept {
    const std::size_t mark = target.find('?');
    return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

bool Request::keep_alive() const noexcept {
    const std::string_view connection = header("Connection");
    return minor_version == 0 ? core::iequals(connection, "keep-alive") : !core::iequals(connection, "close");
}

std::string Request::media_type() const {
    const std::string_view value = header("Content-Type");
    return core::to_lower(core::trim(value.substr(0, value.find(';'))));
}

std::string_view reason_of(int status) noexcept {
    struct Row {
        int status;
        std::string_view reason;
    };
    static constexpr std::array rows{Row{200, "OK"},
                                     Row{201, "Created"},
                                     Row{204, "No Content"},
                                     Row{301, "Moved Permanently"},
                                     Row{302, "Moved Temporarily"},
                                     Row{307, "Temporary Redirect"},
                                     Row{308, "Permanent Redirect"},
                                     Row{400, "Bad Request"},
                                     Row{401, "Unauthorized"},
                                     Row{402, "Payment Required"},
                                     Row{403, "Forbidden"},
                                     Row{404, "Not Found"},
                                     Row{405, "Method Not Allowed"},
                                     Row{409, "Conflict"},
                                     Row{410, "Gone"},
                                     Row{413, "Request Entity Too Large"},
                                     Row{422, "Unprocessable Entity"},
                                     Row{429, "Too Many Requests"},
                                     Row{500, "Internal Server Error"},
                                     Row{502, "Bad Gateway"},
                                     Row{503, "Service Temporarily Unavailable"},
                                     Row{504, "Gateway Time-out"}};
    for (const Row& row : rows)
        if (row.status == status) return row.reason;
    return "Status";
}

std::string head_of(const Response& response, std::optional<std::size_t> content_length, bool keep_alive) {
    std::string out = "HTTP/1.1 ";
    out.reserve(512);
    out += std::to_string(response.status);
    out += ' ';
    out += response.reason.empty() ? reason_of(response.status) : std::string_view(response.reason);
    out += "\r\n";
    for (const auto& [name, value] : response.headers) {
        out += name;
        out += ": ";
        out += value;
        out += "\r\n";
    }
    // An answer that brings its own framing keeps it, right or wrong.
    const bool framed = !find_header(response.headers, "Content-Length").empty() ||
                        !find_header(response.headers, "Transfer-Encoding").empty();
    if (!framed && content_length) {
        out += "Content-Length: ";
        out += std::to_string(*content_length);
        out += "\r\n";
    } else if (!framed) {
        out += "Transfer-Encoding: chunked\r\n";
    }
    if (find_header(response.headers, "Connection").empty())
        out += keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n";
    out += "\r\n";
    return out;
}

bool RequestParser::fail(std::string why) {
    error_ = std::move(why);
    return false;
}

bool RequestParser::wants_continue() const noexcept {
    return head_done() && !done() && core::iequals(request_.header("Expect"), "100-continue");
}

std::size_t RequestParser::consume(std::string_view input) {
    std::size_t used = 0;
    while (error_.empty() && phase_ != Phase::done && used < input.size()) {
        const std::string_view rest = input.substr(used);
        switch (phase_) {
            case Phase::head: {
                std::string& head = request_.head;
                const std::size_t before = head.size();
                // The end may straddle what came earlier: look back three bytes.
                head.append(rest);
                const std::size_t end = head.find("\r\n\r\n", before < 3 ? 0 : before - 3);
                if (end == std::string::npos) {
                    used = input.size();
                    if (head.size() > limits_.head) fail("the head is longer than " + std::to_string(limits_.head));
                    break;
                }
                head.resize(end + 4);
                used += head.size() - before;
                parse_head();
                break;
            }
            case Phase::body:
            case Phase::chunk_data: {
                const std::size_t take = std::min(left_, rest.size());
                request_.body.append(rest.substr(0, take));
                left_ -= take;
                used += take;
                if (left_ == 0) phase_ = phase_ == Phase::body ? Phase::done : Phase::chunk_end;
                break;
            }
            case Phase::chunk_size:
            case Phase::chunk_end:
            case Phase::trailer: {
                const std::size_t end = rest.find('\n');
                line_.append(rest.substr(0, end == std::string_view::npos ? rest.size() : end + 1));
                used += end == std::string_view::npos ? rest.size() : end + 1;
                if (line_.size() > 4096) fail("a chunk line is longer than 4096");
                if (end == std::string_view::npos || !error_.empty()) break;
                if (line_.size() < 2 || line_[line_.size() - 2] != '\r') {
                    fail("a chunk line ends without CR");
                    break;
                }
                line_.resize(line_.size() - 2);
                if (phase_ == Phase::chunk_size) {
                    parse_chunk_size();
                } else if (phase_ == Phase::trailer) {
                    if (line_.empty()) phase_ = Phase::done;
                } else if (!line_.empty()) {
                    fail("a chunk is longer than its size line says");
                } else {
                    phase_ = Phase::chunk_size;
                }
                line_.clear();
                break;
            }
            case Phase::done: break;
        }
    }
    return used;
}

void RequestParser::parse_chunk_size() {
    const std::string_view digits = std::string_view(line_).substr(0, line_.find(';'));
    std::size_t size = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
    if (digits.empty() || parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) {
        fail("a chunk size is no hexadecimal number");
    } else if (size > limits_.body - request_.body.size()) {
        fail("the body is longer than " + std::to_string(limits_.body));
    } else {
        left_ = size;
        phase_ = size == 0 ? Phase::trailer : Phase::chunk_data;
    }
}

void RequestParser::parse_head() {
    std::string_view text(request_.head);
    text.remove_suffix(2);
    std::size_t line_number = 0;
    bool has_length = false, has_coding = false;
    int hosts = 0;
    while (!text.empty()) {
        const std::size_t end = text.find("\r\n");
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 2);
        if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
            return void(fail("a bare CR, LF or NUL in the head"));
        if (line_number++ == 0) {
            const std::size_t first = line.find(' '), last = line.rfind(' ');
            if (first == std::string_view::npos || first == last || !is_token(line.substr(0, first)))
                return void(fail("the request line is not METHOD TARGET VERSION"));
            const std::string_view target = line.substr(first + 1, last - first - 1), version = line.substr(last + 1);
            if (version != "HTTP/1.1" && version != "HTTP/1.0") return void(fail("the version is not HTTP/1.1 or 1.0"));
            if (target.empty() || target.front() != '/' || target.find(' ') != std::string_view::npos)
                return void(fail("the target is not in origin form"));
            request_.method = line.substr(0, first);
            request_.target = target;
            request_.minor_version = version.back() - '0';
            continue;
        }
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
            return void(fail("a header line is not NAME: VALUE"));
        const std::string_view name = line.substr(0, colon), value = core::trim(line.substr(colon + 1));
        if (core::iequals(name, "Host")) ++hosts;
        if (core::iequals(name, "Content-Length")) {
            if (has_length) return void(fail("Content-Length stands twice"));
            const auto parsed = std::from_chars(value.data(), value.data() + value.size(), left_);
            if (!core::is_digits(value) || parsed.ec != std::errc{})
                return void(fail("Content-Length is no plain number"));
            has_length = true;
        }
        if (core::iequals(name, "Transfer-Encoding")) {
            if (has_coding || !core::iequals(value, "chunked"))
                return void(fail("Transfer-Encoding is not exactly one chunked"));
            has_coding = true;
        }
        request_.headers.emplace_back(name, value);
    }
    if (has_length && has_coding) return void(fail("Content-Length and Transfer-Encoding together"));
    if (has_coding && request_.minor_version == 0) return void(fail("Transfer-Encoding in HTTP/1.0"));
    if (request_.minor_version == 1 && hosts != 1) return void(fail("not exactly one Host"));
    if (left_ > limits_.body) return void(fail("the body is longer than " + std::to_string(limits_.body)));
    request_.chunked = has_coding;
    phase_ = has_coding ? Phase::chunk_size : left_ > 0 ? Phase::body : Phase::done;
    if (phase_ == Phase::body) request_.body.reserve(std::min<std::size_t>(left_, std::size_t{16} << 20));
}

std::optional<std::vector<FormPart>> parse_multipart(std::string_view content_type, std::string_view body) {
    const std::size_t at = core::to_lower(content_type).find("boundary=");
    if (at == std::string::npos) return std::nullopt;
    std::string_view boundary = content_type.substr(at + 9);
    if (!boundary.empty() && boundary.front() == '"') {
        boundary.remove_prefix(1);
        boundary = boundary.substr(0, boundary.find('"'));
    } else {
        boundary = core::trim(boundary.substr(0, boundary.find(';')));
    }
    if (boundary.empty()) return std::nullopt;
    const std::string mark = "--" + std::string(boundary);

    std::vector<FormPart> parts;
    std::size_t position = body.find(mark);
    while (position != std::string_view::npos) {
        position += mark.size();
        if (body.substr(position, 2) == "--") return parts;
        if (body.substr(position, 2) != "\r\n") return std::nullopt;
        const std::size_t head_end = body.find("\r\n\r\n", position);
        if (head_end == std::string_view::npos) return std::nullopt;
        const std::string_view head = body.substr(position, head_end - position);
        const std::size_t next = body.find("\r\n" + mark, head_end + 2);
        if (next == std::string_view::npos) return std::nullopt;
        const std::size_t content = head_end + 4;

        FormPart part;
        part.content = next < content ? std::string_view() : body.substr(content, next - content);
        const auto attribute = [&](std::string_view name) -> std::optional<std::string> {
            const std::string wanted = "; " + std::string(name) + "=\"";
            const std::size_t start = head.find(wanted);
            if (start == std::string_view::npos) return std::nullopt;
            const std::string_view value = head.substr(start + wanted.size());
            return std::string(value.substr(0, value.find('"')));
        };
        part.name = attribute("name").value_or("");
        const auto filename = attribute("filename");
        part.is_file = filename.has_value();
        part.filename = filename.value_or("");
        parts.push_back(std::move(part));
        position = next + 2;
    }
    return std::nullopt;
}

std::string base64_encode(std::string_view bytes) {
    static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        unsigned group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        out += digits[group >> 18 & 63];
        out += digits[group >> 12 & 63];
        out += i + 1 < bytes.size() ? digits[group >> 6 & 63] : '=';
        out += i + 2 < bytes.size() ? digits[group & 63] : '=';
    }
    return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
    std::string out;
    unsigned bits = 0;
    int held = 0;
    bool ended = false;
    for (const char c : text) {
        if (c == ' ' || c == '\r' || c == '\n' || c == '\t') continue;
        if (c == '=') {
            ended = true;
            continue;
        }
        const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                          : c >= 'a' && c <= 'z' ? c - 'a' + 26
                          : c >= '0' && c <= '9' ? c - '0' + 52
                          : c == '+'             ? 62
                          : c == '/'             ? 63
                                                 : -1;
        if (value < 0 || ended) return std::nullopt;
        bits = bits << 6 | static_cast<unsigned>(value);
        held += 6;
        if (held >= 8) {
            held -= 8;
            out += static_cast<char>(bits >> held & 0xFF);
        }
    }
    return out;
}

std::string gzip(std::string_view bytes) {
    z_stream stream{};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
    std::string out(deflateBound(&stream, bytes.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

}  // namespace b24gate::simulator
