// TOML text -> a plain tree with the place of every key and value. toml++ is named in document.cpp alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

namespace b24gate::config {

struct Position {
    unsigned line = 1;
    unsigned column = 1;
};

struct Node {
    enum class Type { table, array, string, integer, real, boolean, date };

    Type type = Type::table;
    std::string key;  ///< of an array's element: the array's
    Position key_at;
    Position at;
    std::string text;
    std::int64_t integer = 0;
    double real = 0;
    bool boolean = false;
    std::vector<Node> children;  ///< in the order of the file

    [[nodiscard]] const Node* find(std::string_view name) const noexcept {
        for (const Node& child : children)
            if (child.key == name) return &child;
        return nullptr;
    }
};

struct SyntaxProblem {
    Position at;
    std::string message;
};

/// Total: any bytes give a tree or one problem.
[[nodiscard]] boost::system::result<Node, SyntaxProblem> parse_document(std::string_view text);

}  // namespace b24gate::config
