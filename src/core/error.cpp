#include <b24gate/core/error.hpp>

#include <string>

namespace b24gate::core {
namespace {

class Category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "b24gate"; }
    std::string message(int value) const override {
        switch (static_cast<Errc>(value)) {
            case Errc::resolve_timeout: return "name resolution took too long";
            case Errc::connect_timeout: return "the connection was not made in time";
            case Errc::handshake_timeout: return "the TLS handshake was not finished in time";
            case Errc::read_timeout: return "no answer in time";
            case Errc::write_timeout: return "the request could not be written in time";
            case Errc::idle_timeout: return "the connection was idle too long";
            case Errc::resolve_failed: return "the host name could not be resolved";
            case Errc::connect_failed: return "the connection was refused or the host is unreachable";
            case Errc::tls_failed: return "the TLS handshake failed";
            case Errc::end_of_stream: return "the peer closed the connection";
            case Errc::truncated: return "the connection ended inside a message";
            case Errc::cancelled: return "cancelled";
            case Errc::bad_message: return "malformed HTTP message";
            case Errc::header_too_large: return "header too large";
            case Errc::body_too_large: return "body too large";
        }
        return "unknown error";
    }
};

}  // namespace

const boost::system::error_category& error_category() noexcept {
    static const Category category;
    return category;
}

}  // namespace b24gate::core
