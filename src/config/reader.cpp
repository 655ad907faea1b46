#include "reader.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include <b24gate/config/units.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::config {
namespace {

std::string_view type_name(const Node& node) noexcept {
    switch (node.type) {
        case Node::Type::table: return "a table";
        case Node::Type::array: return "a list";
        case Node::Type::string: return "text";
        case Node::Type::integer: return "a whole number";
        case Node::Type::real: return "a number with a fraction";
        case Node::Type::boolean: return "true or false";
        case Node::Type::date: return "a date";
    }
    return "something else";
}

bool printable(std::string_view text) noexcept {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_variable_name(std::string_view name) noexcept {
    return !name.empty() && !core::is_digits(name.substr(0, 1)) && std::all_of(name.begin(), name.end(), [](char c) {
        return c == '_' || core::is_digits({&c, 1}) || is_letter(c);
    });
}

std::string number_text(double value) {
    std::string out = std::to_string(value);
    out.erase(out.find_last_not_of('0') + 1);
    if (out.back() == '.') out.pop_back();
    return out;
}

}  // namespace

std::string to_string(const Problem& problem) {
    std::string out = problem.file;
    if (problem.line != 0) out += ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column);
    return out + ": " + problem.message;
}

std::string shown(std::string_view text) {
    constexpr std::size_t most = 60;
    std::string out = "\"";
    std::size_t end = std::min(text.size(), most);
    while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    for (const char c : text.substr(0, end)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    if (end < text.size()) out += "...";
    return out + "\"";
}

std::string joined(std::span<const std::string_view> names) {
    std::string out;
    for (const std::string_view name : names) out += (out.empty() ? "" : ", ") + std::string(name);
    return out;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> known, std::string_view list_as) {
    if (const auto near = nearest(word, known)) return "; did you mean " + shown(*near) + "?";
    if (known.empty()) return "";
    return "; " + std::string(list_as) + ": " + joined(known);
}

bool is_name(std::string_view name, bool upper_case, std::string_view extra) noexcept {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (upper_case && c >= 'A' && c <= 'Z') ||
               extra.find(c) != std::string_view::npos;
    });
}

Reader::Reader(std::string file, const LoadOptions& options, Loaded& report)
    : file_(std::move(file)), options_(options), report_(report) {}

void Reader::error(Position at, std::string message) {
    report_.errors.push_back({file_, at.line, at.column, std::move(message)});
}

void Reader::warning(Position at, std::string message) {
    report_.warnings.push_back({file_, at.line, at.column, std::move(message)});
}

bool Reader::wrong_type(const Node& node, std::string_view wanted) {
    error(node.at, node.key + " must be " + std::string(wanted) + ", not " + std::string(type_name(node)));
    return false;
}

bool Reader::only_text(const Node& node, std::string_view wanted, std::string_view& out) {
    if (node.type != Node::Type::string) return wrong_type(node, wanted);
    out = core::trim(node.text);
    return true;
}

bool Reader::is_table(const Node& node) {
    return node.type == Node::Type::table || wrong_type(node, "a table, written [" + node.key + "]");
}

bool Reader::text(const Node& node, std::string& out) {
    if (node.type != Node::Type::string) return wrong_type(node, "text in double quotes");
    if (core::trim(node.text).empty() || !printable(node.text)) {
        error(node.at, node.key + (core::trim(node.text).empty() ? " is empty; write a value or leave the key out"
                                                                 : " holds a control character; write plain text"));
        return false;
    }
    out = core::trim(node.text);
    return true;
}

bool Reader::flag(const Node& node, bool& out) {
    if (node.type != Node::Type::boolean) return wrong_type(node, "true or false, without quotes");
    out = node.boolean;
    return true;
}

bool Reader::number(const Node& node, std::int64_t least, std::int64_t most, std::int64_t& out) {
    if (node.type != Node::Type::integer) return wrong_type(node, "a whole number, without quotes");
    if (node.integer < least || node.integer > most) {
        error(node.at, node.key + " is " + std::to_string(node.integer) + "; write a number from " +
                           std::to_string(least) + " to " + std::to_string(most));
        return false;
    }
    out = node.integer;
    return true;
}

bool Reader::number(const Node& node, unsigned least, unsigned most, unsigned& out) {
    std::int64_t value = 0;
    if (!number(node, std::int64_t{least}, std::int64_t{most}, value)) return false;
    out = static_cast<unsigned>(value);
    return true;
}

bool Reader::real(const Node& node, double least, double most, double& out) {
    if (node.type != Node::Type::integer && node.type != Node::Type::real)
        return wrong_type(node, "a number, without quotes");
    const double value = node.type == Node::Type::real ? node.real : static_cast<double>(node.integer);
    if (!(value >= least && value <= most)) {  // so that NaN is refused too
        error(node.at,
              node.key + " is out of range; write a number from " + number_text(least) + " to " + number_text(most));
        return false;
    }
    out = value;
    return true;
}

bool Reader::size(const Node& node, std::uint64_t least, std::uint64_t most, std::uint64_t& out) {
    std::string_view text;
    if (!only_text(node, "a size with its unit, like \"32MiB\"", text)) return false;
    const auto value = parse_size(text);
    if (!value) {
        error(node.at,
              node.key + " is " + shown(text) + "; write a size like \"32MiB\" (B, kB, MB, GB, KiB, MiB, GiB)");
        return false;
    }
    if (*value < least || *value > most) {
        error(node.at, node.key + " is " + shown(text) + "; write a size from " + format_size(least) + " to " +
                           format_size(most));
        return false;
    }
    out = *value;
    return true;
}

bool Reader::duration(const Node& node, Milliseconds least, Milliseconds most, Milliseconds& out) {
    std::string_view text;
    if (!only_text(node, "a duration with its unit, like \"10s\"", text)) return false;
    const auto value = parse_duration(text);
    if (!value) {
        error(node.at, node.key + " is " + shown(text) + "; write a duration like \"10s\" (ms, s, m, h, d)");
        return false;
    }
    if (*value < least || *value > most) {
        error(node.at, node.key + " is " + shown(text) + "; write a duration from " + format_duration(least) + " to " +
                           format_duration(most));
        return false;
    }
    out = *value;
    return true;
}

bool Reader::endpoint(const Node& node, Endpoint& out) {
    std::string_view text;
    if (!only_text(node, "an address and a port, like \"127.0.0.1:8080\"", text)) return false;
    auto value = parse_endpoint(text);
    if (!value) {
        error(node.at, node.key + " is " + shown(text) +
                           "; write an IP address and a port, like \"127.0.0.1:8080\", \"[::1]:8080\" or \":8080\"");
        return false;
    }
    out = *std::move(value);
    return true;
}

bool Reader::texts(const Node& node, std::vector<std::string>& out) {
    if (node.type != Node::Type::array) return wrong_type(node, "a list, like [\"a\", \"b\"]");
    std::vector<std::string> values;
    bool good = true;
    for (const Node& child : node.children) {
        std::string value;
        if (text(child, value))
            values.push_back(std::move(value));
        else
            good = false;
    }
    if (good) out = std::move(values);
    return good;
}

bool Reader::host_names(const Node& node, bool globs, std::vector<std::string>& out) {
    std::vector<std::string> names;
    if (!texts(node, names)) return false;
    bool good = true;
    for (std::size_t i = 0; i < names.size(); ++i) {
        std::string& name = names[i];
        name = core::to_lower(name);
        if (name.ends_with('.')) name.pop_back();
        const bool fits = name.size() <= 253 && !name.starts_with('.') &&
                          name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_*") == std::string::npos &&
                          (globs || name.find('*') == std::string::npos);
        if (!fits || name.empty()) {
            error(node.children[i].at,
                  node.key + " takes host names alone, like \"acme.b24.internal\": no scheme, no port, no path");
            good = false;
        }
    }
    if (good) out = std::move(names);
    return good;
}

bool Reader::patterns(const Node& node, std::vector<std::string>& out) {
    std::vector<std::string> globs;
    if (!texts(node, globs)) return false;
    bool good = true;
    for (std::size_t i = 0; i < globs.size(); ++i) {
        globs[i] = core::to_lower(globs[i]);
        if (globs[i].size() > 128 ||
            globs[i].find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-*") != std::string::npos) {
            error(node.children[i].at,
                  node.key + " has " + shown(globs[i]) + "; write a method name, * for any part, like \"crm.*.list\"");
            good = false;
        }
    }
    if (good) out = std::move(globs);
    return good;
}

std::string Reader::resolved(std::string_view path) const {
    const std::filesystem::path given(path);
    if (given.is_absolute()) return given.string();
    return (std::filesystem::path(file_).parent_path() / given).lexically_normal().string();
}

bool Reader::open(const Node& node, const std::string& path, std::string_view what, FileContent& out) {
    auto content = options_.read_file(path);
    if (content) {
        out = *std::move(content);
        return true;
    }
    error(node.at, node.key + ": the " + std::string(what) + " " + shown(path) +
                       " cannot be read: " + content.error().message());
    return false;
}

bool Reader::pem_file(const Node& node, std::string_view marker, std::string& out) {
    std::string name;
    FileContent content;
    if (!text(node, name)) return false;
    const std::string path = resolved(name);
    if (!open(node, path, "file", content)) return false;
    const std::size_t begin = content.bytes.find("-----BEGIN ");
    const bool fits = begin != std::string::npos && content.bytes.find(marker, begin) != std::string::npos;
    core::wipe(content.bytes.data(), content.bytes.size());
    if (!fits) {
        error(node.at, node.key + ": the file " + shown(path) + " holds no PEM block with a " + core::to_lower(marker) +
                           "; it must have a line \"-----BEGIN ... " + std::string(marker) + "-----\"");
        return false;
    }
    if (content.world_readable && marker != "CERTIFICATE")
        warning(node.at,
                node.key + ": every user can read the file " + shown(path) + "; take the right away (chmod 600)");
    out = path;
    return true;
}

bool Reader::secret(const Node& node, core::Secret& out) {
    constexpr std::string_view how = "write \"env:NAME\" (an environment variable) or \"file:PATH\"";
    std::string_view text;
    if (node.type != Node::Type::string) {
        error(node.at, node.key + " is a secret, which never stands in this file; " + std::string(how));
        return false;
    }
    text = core::trim(node.text);
    std::string value, from;
    if (text.starts_with("env:")) {
        const std::string name(text.substr(4));
        if (!is_variable_name(name)) {
            error(node.at, node.key + ": behind env: stands the name of an environment variable (letters, digits, _)");
            return false;
        }
        from = "the environment variable " + name;
        auto found = options_.getenv(name);
        if (!found) {
            error(node.at, node.key + ": " + from + " is not set; set it where the gateway is started");
            return false;
        }
        value = *std::move(found);
    } else if (text.starts_with("file:")) {
        FileContent content;
        const std::string path = resolved(text.substr(5));
        if (text.size() == 5 || !printable(text)) {
            error(node.at, node.key + ": behind file: stands the path of a file with the secret in it");
            return false;
        }
        if (!open(node, path, "secret file", content)) return false;
        if (content.world_readable)
            warning(node.at, node.key + ": every user can read the secret file " + shown(path) +
                                 "; take the right away (chmod 600)");
        from = "the secret file " + shown(path);
        value = std::move(content.bytes);
        if (value.ends_with('\n')) value.pop_back();
        if (value.ends_with('\r')) value.pop_back();
    } else {
        error(node.at, node.key + " is a secret, which never stands in this file; " + std::string(how));
        return false;
    }
    const bool empty = value.empty();
    const bool clean = !empty && printable(value) && value.front() != ' ' && value.back() != ' ';
    out = core::Secret(std::move(value));
    if (empty || !clean) {
        out = core::Secret();
        error(node.at, node.key + ": " + from +
                           (empty ? " is empty; put the secret there"
                                  : " holds spaces around the secret, several lines or control characters; "
                                    "put the secret alone there"));
        return false;
    }
    return true;
}

void Reader::unknown_key(const Node& node, std::string_view section, std::span<const std::string_view> known) {
    std::string message = "unknown key " + shown(node.key);
    if (const auto near = nearest(node.key, known)) {
        error(node.key_at, message + "; did you mean " + shown(*near) + "?");
        return;
    }
    for (const SectionKeys& other : known_keys())
        if (std::count(other.keys.begin(), other.keys.end(), node.key) != 0) {
            error(node.key_at, message + "; it belongs in [" + std::string(other.section) + "]");
            return;
        }
    error(node.key_at, message + "; " + std::string(section) + " takes: " + joined(known));
}

}  // namespace b24gate::config
