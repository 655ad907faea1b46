// The dashboard's files. They are compiled into the program and served to whoever asks: nothing secret is in them, and
// they show nothing until somebody logs in. Pure; any thread.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include <b24gate/server/message.hpp>

namespace b24gate::admin {

struct StaticFile {
    std::string_view path;    ///< "/", "/assets/0123456789abcdef/app.js"
    std::string_view type;    ///< Content-Type
    std::string_view digest;  ///< of the body; hexadecimal
    std::string_view body;
    std::string_view packed;  ///< the same with gzip; empty where that saves nothing
};
/// Made from src/dashboard when the program is built, see scripts/embed.py.
[[nodiscard]] std::span<const StaticFile> static_files() noexcept;

/// The answer to a GET or HEAD of one of `files`, and 404 for whatever else is asked for below /assets/. nullopt: it is
/// no request for a file. /alerts/ID, which messages link to, is sent on to where the page shows that alert. A path is
/// compared as it came, so there is none that leads elsewhere.
[[nodiscard]] std::optional<server::Response> static_answer(const server::Request& request,
                                                            std::span<const StaticFile> files = static_files());

/// Whether a browser that sent this Accept-Encoding takes gzip.
[[nodiscard]] bool takes_gzip(std::string_view accept_encoding) noexcept;

}  // namespace b24gate::admin
