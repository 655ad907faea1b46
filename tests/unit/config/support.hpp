// A loader without an outside world: what a test does not lay out is not there.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/config/load.hpp>

namespace b24gate::config::test {

struct World {
    std::map<std::string, std::string> env{{"ACME_WEBHOOK", "s3cret0webhook"}, {"KEY", "b24g_0123456789abcdef"}};
    std::map<std::string, FileContent> files;

    [[nodiscard]] LoadOptions options() const {
        LoadOptions out;
        out.getenv = [this](const std::string& name) -> std::optional<std::string> {
            const auto found = env.find(name);
            if (found == env.end()) return std::nullopt;
            return found->second;
        };
        out.read_file = [this](const std::string& path) -> boost::system::result<FileContent> {
            const auto found = files.find(path);
            if (found == files.end())
                return boost::system::errc::make_error_code(boost::system::errc::no_such_file_or_directory);
            return found->second;
        };
        return out;
    }

    [[nodiscard]] Loaded load(std::string_view text) const { return load_text(text, "etc/gate.toml", options()); }
};

inline std::string lines(const std::vector<Problem>& problems) {
    std::string out;
    for (const Problem& p : problems)
        out += (out.empty() ? "" : "\n") + std::to_string(p.line) + ":" + std::to_string(p.column) + ": " + p.message;
    return out;
}

/// A portal with a webhook; the tests put what they look at in front of it.
inline const std::string acme =
    "[portals.acme]\n"
    "url = \"https://acme.bitrix24.com\"\n"
    "[portals.acme.credentials.main]\n"
    "type = \"webhook\"\n"
    "user = 1\n"
    "secret = \"env:ACME_WEBHOOK\"\n";

inline const std::string digest(64, 'a');

}  // namespace b24gate::config::test
