// The golden answers as files.
#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace b24gate::tokens {

struct GoldenFile {
    unsigned status = 0;  ///< 0: a request
    std::string body;
};

inline GoldenFile golden(const std::string& name) {
    std::ifstream in(std::string(B24GATE_SOURCE_DIR) + "/tests/data/golden/" + name + ".http", std::ios::binary);
    REQUIRE_MESSAGE(in, name);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::size_t end = text.find("\n\n");
    REQUIRE(end != std::string::npos);
    GoldenFile file;
    if (text.starts_with("HTTP/1.1 ")) file.status = static_cast<unsigned>(std::stoi(text.substr(9, 3)));
    file.body = text.substr(end + 2);
    return file;
}

}  // namespace b24gate::tokens
