#include <b24gate/storage/store.hpp>

#include "sql_store.hpp"

namespace b24gate::storage {

std::string_view to_string(Failure::Kind kind) noexcept {
    switch (kind) {
        case Failure::Kind::unavailable: return "unavailable";
        case Failure::Kind::busy: return "busy";
        case Failure::Kind::read_only: return "read_only";
        case Failure::Kind::full: return "full";
        case Failure::Kind::corrupt: return "corrupt";
        case Failure::Kind::timeout: return "timeout";
        case Failure::Kind::invalid: return "invalid";
    }
    return "invalid";
}

std::string_view to_string(CredentialRecord::State state) noexcept {
    return state == CredentialRecord::State::active ? "active" : "needs_reauth";
}

boost::system::result<std::unique_ptr<Store>, std::string> open_store(const std::string& url, core::Duration limit) {
    constexpr std::string_view sqlite = "sqlite:";
    Opened engine = std::string();
    if (url.starts_with(sqlite)) {
        engine = open_sqlite(url.substr(sqlite.size()), limit);
    } else if (url.starts_with("postgresql://") || url.starts_with("postgres://")) {
        engine = open_postgres(url, limit);
    } else {
        engine = std::string("a store is \"sqlite:/path/of/a/file\" or \"postgresql://user@host/database\"");
    }
    if (!engine) return std::move(engine).error();
    return make_sql_store(std::move(*engine));
}

}  // namespace b24gate::storage
