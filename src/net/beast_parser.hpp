// Beast's HTTP parser without its I/O, for the one thing that is left to it: unwrapping chunked bodies. Only the two
// files that read from a socket include this. The head has passed http_guard before, and every byte behind it passes
// ChunkGuard first.
#pragma once

#include <boost/beast/http/basic_parser.hpp>

#include <string>
#include <string_view>

#include <b24gate/net/chunk_guard.hpp>

namespace b24gate::net {

template <bool is_request>
class ChunkParser final : public boost::beast::http::basic_parser<is_request> {
    using error_code = boost::beast::error_code;
    using string_view = boost::beast::string_view;

public:
    ChunkParser() {
        this->header_limit(65535);
        this->body_limit(boost::none);
        this->eager(true);
    }

    /// Tells the parser that a chunked body follows; false when Beast finds the head malformed.
    bool head(std::string_view head) {
        error_code error;
        const std::size_t used = this->put(boost::asio::const_buffer(head.data(), head.size()), error);
        return (!error || error == boost::beast::http::error::need_more) && used == head.size() &&
               this->is_header_done();
    }

    enum class Progress { more, done, bad };
    /// Reads on and appends the data to `out`; `used` says how much of `raw` is consumed. The next call's `raw` begins
    /// with what was not.
    Progress chunks(std::string_view raw, std::string& out, std::size_t& used) {
        out_ = &out;
        used = 0;
        if (guard_.check(raw.substr(guarded_)) == ChunkGuard::Verdict::bad) return Progress::bad;
        guarded_ = raw.size();
        const Progress progress = unwrap(raw, used);
        guarded_ -= used;
        return progress;
    }

    /// What the newest chunk says it holds.
    [[nodiscard]] std::uint64_t chunk_size() const noexcept { return chunk_size_; }

private:
    Progress unwrap(std::string_view raw, std::size_t& used) {
        while (!this->is_done()) {
            error_code error;
            const std::size_t taken = this->put(boost::asio::const_buffer(raw.data() + used, raw.size() - used), error);
            used += taken;
            if (error == boost::beast::http::error::need_more) return Progress::more;
            if (error) return Progress::bad;
            if (taken == 0) break;
        }
        return this->is_done() ? Progress::done : Progress::more;
    }

    void on_request_impl(boost::beast::http::verb, string_view, string_view, int, error_code& error) override {
        error = {};
    }
    void on_response_impl(int, string_view, int, error_code& error) override { error = {}; }
    // Fields were read by the guard, and a trailer never becomes one.
    void on_field_impl(boost::beast::http::field, string_view, string_view, error_code& error) override { error = {}; }
    void on_header_impl(error_code& error) override { error = {}; }
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code& error) override { error = {}; }
    std::size_t on_body_impl(string_view body, error_code& error) override {
        error = {};
        return body.size();
    }
    void on_chunk_header_impl(std::uint64_t size, string_view, error_code& error) override {
        error = {};
        chunk_size_ = size;
    }
    std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code& error) override {
        error = {};
        out_->append(body.data(), body.size());
        return body.size();
    }
    void on_finish_impl(error_code& error) override { error = {}; }

    ChunkGuard guard_;
    std::size_t guarded_ = 0;  ///< so much of the raw bytes that are not consumed yet has passed the guard
    std::string* out_ = nullptr;
    std::uint64_t chunk_size_ = 0;
};

}  // namespace b24gate::net
