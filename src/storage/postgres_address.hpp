// Where the server is, and what may be said of it: libpq's messages quote what they did not understand, and that may be
// a piece of the password.
#pragma once

#include <boost/system/result.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <b24gate/core/secret.hpp>

namespace b24gate::storage {

struct PostgresAddress {
    /// For PQconnectStartParams: those of the URL, and ours where it says nothing. Without hosts and ports.
    std::vector<std::pair<std::string, core::Secret>> parameters;
    /// One each, as many as there are hosts; a single empty host leaves the choice to libpq.
    std::vector<std::pair<std::string, std::string>> hosts;
    std::string user;
    core::Secret password;
    std::string shown;  ///< "postgresql://user@host:5432/name": for messages
};

/// The error says what is wrong with the URL and quotes nothing of it.
[[nodiscard]] boost::system::result<PostgresAddress, std::string> read_postgres_url(const std::string& url);

/// The first line of a libpq message; what stands in quotes is left out unless `address` shows it anyway.
[[nodiscard]] std::string safe_message(std::string_view message, const PostgresAddress& address);

}  // namespace b24gate::storage
