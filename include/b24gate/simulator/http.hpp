// HTTP/1.1 as the simulated cloud sees it. Its parser is its own and strict: what the gateway's parser would let
// through is refused here, and the exact bytes that arrived stay with the request. Pure; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace b24gate::simulator {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The first header of that name (compared without case); empty when there is none.
[[nodiscard]] std::string_view find_header(const Headers& headers, std::string_view name) noexcept;

struct Request {
    std::string method, target;
    int minor_version = 1;
    Headers headers;
    std::string head;  ///< request line and headers exactly as they came, with the empty line
    std::string body;  ///< without chunk framing
    bool chunked = false;

    [[nodiscard]] std::string_view header(std::string_view name) const noexcept { return find_header(headers, name); }
    [[nodiscard]] std::string_view path() const noexcept;
    [[nodiscard]] std::string_view query() const noexcept;  ///< behind the first `?`
    [[nodiscard]] bool keep_alive() const noexcept;
    /// The media type in lower case, without parameters.
    [[nodiscard]] std::string media_type() const;
};

/// A body that is made up while it is sent: byte i is (i ^ i>>8 ^ i>>16 ^ seed) & 255.
struct GeneratedBody {
    std::uint64_t size = 0, seed = 0;

    void fill(char* out, std::size_t count, std::uint64_t offset) const noexcept {
        for (std::size_t k = 0; k < count; ++k) {
            const std::uint64_t i = offset + k;
            out[k] = static_cast<char>((i ^ i >> 8 ^ i >> 16 ^ seed) & 255);
        }
    }
};

struct Response {
    int status = 200;
    std::string reason;  ///< empty: the usual one
    Headers headers;
    std::string body;
    std::optional<GeneratedBody> generated;  ///< instead of the body
};

/// The usual words for a status.
[[nodiscard]] std::string_view reason_of(int status) noexcept;
/// Status line and headers with the empty line. `content_length` nullopt: chunked.
[[nodiscard]] std::string head_of(const Response& response, std::optional<std::size_t> content_length, bool keep_alive);

/// Reads one request from bytes as they come.
class RequestParser {
public:
    struct Limits {
        std::size_t head = 1 << 20;
        std::size_t body = std::size_t{512} << 20;
    };
    explicit RequestParser(Limits limits) : limits_(limits) {}

    /// Takes from the front of `input` what belongs to this request and gives the count. Stops at the request's end.
    std::size_t consume(std::string_view input);

    [[nodiscard]] bool head_done() const noexcept { return phase_ > Phase::head; }
    [[nodiscard]] bool done() const noexcept { return phase_ == Phase::done; }
    [[nodiscard]] bool started() const noexcept { return !request_.head.empty(); }
    /// What is wrong with the request; empty while nothing is.
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    [[nodiscard]] bool wants_continue() const noexcept;
    [[nodiscard]] Request& request() noexcept { return request_; }

private:
    enum class Phase { head, body, chunk_size, chunk_data, chunk_end, trailer, done };

    void parse_head();
    void parse_chunk_size();
    bool fail(std::string why);

    Limits limits_;
    Phase phase_ = Phase::head;
    Request request_;
    std::size_t left_ = 0;
    std::string line_;
    std::string error_;
};

/// One part of a multipart/form-data body.
struct FormPart {
    std::string name, filename, content;
    bool is_file = false;
};
/// The parts of a body; nullopt when it is not what `content_type` says.
[[nodiscard]] std::optional<std::vector<FormPart>> parse_multipart(std::string_view content_type,
                                                                   std::string_view body);

[[nodiscard]] std::string base64_encode(std::string_view bytes);
/// nullopt on anything that is no base64 (white space is let pass).
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);
[[nodiscard]] std::string gzip(std::string_view bytes);

}  // namespace b24gate::simulator
