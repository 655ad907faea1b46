// What the sections of the file have in common: typed values out of nodes, each with its message when it is wrong, and
// tables whose unknown keys are errors.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/config/load.hpp>
#include <b24gate/config/nearest.hpp>
#include <b24gate/core/secret.hpp>

#include "document.hpp"

namespace b24gate::config {

class Reader;

/// One key of a table of the file and where its value goes in `T`. No `read`: the table's own code looks at it,
/// together with others.
template <class T>
struct Key {
    std::string_view name;
    void (*read)(Reader&, const Node&, T&) = nullptr;
};

/// A word of a fixed set and its value.
template <class T>
struct Choice {
    std::string_view name;
    T value;
};

/// Quoted for a message: one line, short, printable.
[[nodiscard]] std::string shown(std::string_view text);
[[nodiscard]] std::string joined(std::span<const std::string_view> names);

/// "; did you mean "x"?", else the list of what there is.
[[nodiscard]] std::string suggestion(std::string_view word, std::span<const std::string_view> known,
                                     std::string_view list_as);

enum class UrlKind { portal, token, gateway };

class Reader {
public:
    Reader(std::string file, const LoadOptions& options, Loaded& report);

    [[nodiscard]] bool good() const noexcept { return report_.errors.empty(); }
    void error(Position at, std::string message);
    void warning(Position at, std::string message);

    // Each returns whether the value was good; `out` is left as it is when it was not.
    bool text(const Node& node, std::string& out);  ///< not empty, printable
    bool flag(const Node& node, bool& out);
    bool number(const Node& node, std::int64_t least, std::int64_t most, std::int64_t& out);
    bool number(const Node& node, unsigned least, unsigned most, unsigned& out);
    bool real(const Node& node, double least, double most, double& out);
    bool size(const Node& node, std::uint64_t least, std::uint64_t most, std::uint64_t& out);
    bool duration(const Node& node, Milliseconds least, Milliseconds most, Milliseconds& out);
    bool endpoint(const Node& node, Endpoint& out);
    bool url(const Node& node, UrlKind kind, std::string& out);
    bool secret(const Node& node, core::Secret& out);
    bool texts(const Node& node, std::vector<std::string>& out);
    /// Lower case, without a dot at the end; `globs`: with * for any part.
    bool host_names(const Node& node, bool globs, std::vector<std::string>& out);
    bool patterns(const Node& node, std::vector<std::string>& out);  ///< globs of method names, lower case
    /// A PEM file that must hold `marker` ("CERTIFICATE"); `out` is its path, counted from the working directory.
    bool pem_file(const Node& node, std::string_view marker, std::string& out);
    bool is_table(const Node& node);
    /// A path as it counts from the configuration's folder.
    [[nodiscard]] std::string resolved(std::string_view path) const;

    template <class T>
    bool choice(const Node& node, std::span<const Choice<T>> choices, T& out) {
        std::string word;
        if (!text(node, word)) return false;
        std::vector<std::string_view> names;
        for (const Choice<T>& c : choices) {
            if (c.name == word) {
                out = c.value;
                return true;
            }
            names.push_back(c.name);
        }
        error(node.at, node.key + " is " + shown(word) + suggestion(word, names, "write one of"));
        return false;
    }

    /// Reads `table` with the first of `groups` that knows each key; what none of them knows is an error.
    template <class T>
    void table(const Node& node, T& out, std::string_view section,
               std::initializer_list<std::span<const Key<T>>> groups) {
        if (!is_table(node)) return;
        for (const Node& child : node.children) {
            const Key<T>* found = nullptr;
            for (const auto& group : groups)
                for (const Key<T>& key : group)
                    if (!found && key.name == child.key) found = &key;
            if (found) {
                if (found->read) found->read(*this, child, out);
                continue;
            }
            std::vector<std::string_view> names;
            for (const auto& group : groups)
                for (const Key<T>& key : group) names.push_back(key.name);
            unknown_key(child, section, names);
        }
    }

    void unknown_key(const Node& node, std::string_view section, std::span<const std::string_view> known);

private:
    bool wrong_type(const Node& node, std::string_view wanted);
    bool only_text(const Node& node, std::string_view wanted, std::string_view& out);
    bool open(const Node& node, const std::string& path, std::string_view what, FileContent& out);

    std::string file_;
    const LoadOptions& options_;
    Loaded& report_;
};

template <class T>
void append_names(std::vector<std::string_view>& names, std::span<const Key<T>> keys) {
    for (const Key<T>& key : keys) names.push_back(key.name);
}

// The sections, each beside its table of keys.
void read_server(Reader& reader, const Node& node, Config& config);
void read_admin(Reader& reader, const Node& node, Config& config);
/// After both: the ports must differ.
void check_listeners(Reader& reader, const Node& root, const Config& config);
void read_store(Reader& reader, const Node& node, Config& config);
/// After the portals: tokens are kept only encrypted.
void check_store(Reader& reader, const Node& root, Config& config);
void read_retry(Reader& reader, const Node& node, Config& config);
void read_operations(Reader& reader, const Node& node, Config& config);
/// After the portals: channels name them.
void read_alerts(Reader& reader, const Node& node, Config& config);
void read_log(Reader& reader, const Node& node, Config& config);
void read_metrics(Reader& reader, const Node& node, Config& config);
/// `defaults` may be null.
void read_portals(Reader& reader, const Node* defaults, const Node* portals, Config& config);
/// After the portals: rules name them.
void read_cache(Reader& reader, const Node& node, Config& config);
/// After the portals: clients name them.
void read_clients(Reader& reader, const Node& node, Config& config);

[[nodiscard]] std::vector<SectionKeys> section_keys();
[[nodiscard]] std::vector<SectionKeys> operations_keys();
[[nodiscard]] std::vector<SectionKeys> alerts_keys();
[[nodiscard]] std::vector<SectionKeys> portal_keys();
[[nodiscard]] std::vector<SectionKeys> client_keys();
[[nodiscard]] std::vector<SectionKeys> cache_rule_keys();

[[nodiscard]] constexpr bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Letters, digits and `extra`; 1 to 64 characters.
[[nodiscard]] bool is_name(std::string_view name, bool upper_case, std::string_view extra) noexcept;

}  // namespace b24gate::config
