// The commands that need no running gateway: `b24gate keygen` and `b24gate check`. Each returns the exit code.
#pragma once

#include <iostream>
#include <string>
#include <string_view>

#include <b24gate/config/load.hpp>
#include <b24gate/core/secret.hpp>

namespace b24gate::app {

/// "b24g_" and 32 random bytes in URL-safe base64. Empty when the system gives no random bytes.
[[nodiscard]] core::Secret make_client_key();

/// 32 random bytes in base64, for [store] encryption_key. Empty likewise.
[[nodiscard]] core::Secret make_store_key();

/// Prints a new key, once, and the lines for the configuration with its SHA-256; with `store` the key of the token
/// store instead. `name` is the client's, empty: a placeholder. 0, or 2 with a message on `err`.
int keygen_command(std::ostream& out, std::string_view name, bool store, std::ostream& err = std::cerr);

/// Loads the file: every error (2) or "FILE: ok, ..." (0). Errors and warnings go to `err`.
int check_command(std::ostream& out, std::ostream& err, const std::string& path,
                  const config::LoadOptions& options = {});

}  // namespace b24gate::app
