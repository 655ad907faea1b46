// Reads the columns of a row from left to right. Another type than the schema's is a bug.
#pragma once

#include <cstdint>
#include <string>

#include "sql.hpp"

namespace b24gate::storage {

class Columns {
public:
    explicit Columns(const Row& row) : row_(row) {}
    std::int64_t integer() { return std::get<std::int64_t>(row_.at(at_++)); }
    unsigned number() { return static_cast<unsigned>(integer()); }
    bool flag() { return integer() != 0; }
    double real() { return std::get<double>(row_.at(at_++)); }
    std::string text() { return std::get<std::string>(row_.at(at_++)); }
    std::string bytes() { return std::get<Bytes>(row_.at(at_++)).value; }

private:
    const Row& row_;
    std::size_t at_ = 0;
};

}  // namespace b24gate::storage
