// An HTTP request and response as the rest of the house sees them; Beast ends in front of this header.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/core/error.hpp>
#include <b24gate/core/text.hpp>
#include <b24gate/net/field.hpp>

namespace b24gate::server {

using net::Field;

/// One request. The views point into the session's buffers and hold until the response has been written; whoever
/// keeps a request longer copies what it needs.
struct Request {
    std::string_view method;  ///< GET, POST or HEAD, as received
    std::string_view target;  ///< origin-form; of an absolute-form the part behind the authority
    std::string_view host;    ///< of the Host field or the absolute-form; empty in HTTP/1.0 without one
    std::vector<net::Field> fields;
    std::string_view body;  ///< without transfer coding
    std::string_view peer;  ///< the client's address without its port
    bool tls = false;
    bool keep_alive = true;
    std::string id;  ///< the request id: the client's X-Request-ID when it is usable, else made here

    /// The first field of that name, compared without case; empty when there is none.
    [[nodiscard]] std::string_view field(std::string_view name) const noexcept { return net::find_field(fields, name); }
};

/// A body that is passed on while it arrives. Lives on the session's worker.
class BodySource {
public:
    virtual ~BodySource() = default;
    /// The next bytes, valid until the next call; empty at the end. An error means that the body is incomplete: the
    /// session then breaks the connection, so that nobody takes the part for the whole.
    virtual boost::asio::awaitable<core::Result<std::string_view>> read() = 0;
};

/// Header fields as they are written: one string, because an answer passes a dozen of them on.
class FieldBlock {
public:
    /// Values come from config, portals and clients: none of them can end its line.
    void add(std::string_view name, std::string_view value) {
        text_ += name;
        text_ += ": ";
        const std::size_t begin = text_.size();
        text_ += value;
        for (std::size_t i = begin; i < text_.size(); ++i)
            if (text_[i] == '\r' || text_[i] == '\n' || text_[i] == '\0') text_[i] = ' ';
        text_ += "\r\n";
    }
    void reserve(std::size_t bytes) { text_.reserve(bytes); }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
};

/// One response. Content-Length, Transfer-Encoding, Connection and Date are the session's to write.
struct Response {
    unsigned status = 200;
    FieldBlock fields;
    std::string body;
    std::unique_ptr<BodySource> stream;          ///< instead of `body`
    std::optional<std::uint64_t> stream_length;  ///< when known; else the stream is sent chunked
    bool close = false;                          ///< end the connection behind this response
};

}  // namespace b24gate::server
