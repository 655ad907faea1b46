// The TOML file and the secrets that it names -> Config, or every error in it with its place. The only part of the
// house that reads configuration files and the environment.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include <b24gate/config/config.hpp>

namespace b24gate::config {

/// One thing that is wrong. The message says what is wrong and what would be right, on one line, and holds no secret.
struct Problem {
    std::string file;
    unsigned line = 0;    ///< from 1; 0: it concerns the file as a whole
    unsigned column = 0;  ///< from 1, in characters
    std::string message;
};

[[nodiscard]] std::string to_string(const Problem& problem);  ///< FILE:LINE:COL: message

struct FileContent {
    std::string bytes;
    bool world_readable = false;
};

/// The file's bytes, or why there are none (generic category: no_such_file_or_directory, is_a_directory,
/// file_too_large, ...).
using ReadFile = std::function<boost::system::result<FileContent>(const std::string& path)>;
using GetEnv = std::function<std::optional<std::string>(const std::string& name)>;

[[nodiscard]] boost::system::result<FileContent> read_file(const std::string& path);  ///< at most 1 MiB
[[nodiscard]] std::optional<std::string> get_env(const std::string& name);

/// Where the outside world comes from; tests bring their own.
struct LoadOptions {
    GetEnv getenv = get_env;
    ReadFile read_file = config::read_file;
};

struct Loaded {
    std::optional<Config> config;   ///< set exactly when `errors` is empty
    std::vector<Problem> errors;    ///< all of them, in the order of the file
    std::vector<Problem> warnings;  ///< worth saying, nothing stops for them

    explicit operator bool() const noexcept { return config.has_value(); }
};

/// Paths inside the file (secrets, certificates) count from the folder that it stands in.
[[nodiscard]] Loaded load(const std::string& path, const LoadOptions& options = {});

/// The same for a text that is already there; `path` is what errors call it and what paths count from.
[[nodiscard]] Loaded load_text(std::string_view text, const std::string& path, const LoadOptions& options = {});

/// The keys that a kind of table takes.
struct SectionKeys {
    std::string_view section;  ///< as it is written, NAME for what the user chooses: "portals.NAME"
    std::vector<std::string_view> keys;
};

/// The whole grammar: what `b24gate check` knows and what conf/b24gate.toml has to explain.
[[nodiscard]] const std::vector<SectionKeys>& known_keys();

}  // namespace b24gate::config
