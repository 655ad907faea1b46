#include <b24gate/gateway/kept_answer.hpp>

#include <boost/algorithm/string/replace.hpp>

namespace b24gate::gateway {

std::string keep_answer(const server::Response& answer) { return answer.fields.text() + "\r\n" + answer.body; }

std::optional<server::Response> read_answer(unsigned status, std::string_view text) {
    server::Response out;
    out.status = status;
    for (;;) {
        const std::size_t end = text.find("\r\n");
        if (end == std::string_view::npos) return std::nullopt;
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 2);
        if (line.empty()) break;
        const std::size_t colon = line.find(": ");
        if (colon == std::string_view::npos) return std::nullopt;
        out.fields.add(line.substr(0, colon), line.substr(colon + 2));
    }
    out.body = text;
    return out;
}

std::string with_address(std::string body, std::string_view base, std::string_view key) {
    if (body.find(kept_key) == std::string::npos) return body;
    boost::replace_all(body, "http://" + std::string(kept_host), base);
    // JSON may have escaped the slashes.
    std::string escaped_base(base);
    boost::replace_all(escaped_base, "/", "\\/");
    boost::replace_all(body, "http:\\/\\/" + std::string(kept_host), escaped_base);
    boost::replace_all(body, kept_key, key);
    return body;
}

}  // namespace b24gate::gateway
