#include <doctest/doctest.h>

#include <set>

#include <b24gate/core/uuid.hpp>

namespace core = b24gate::core;

TEST_CASE("a name says when it was made, and is like no other") {
    const std::string id = core::uuid_v7(0x0123456789AB);
    CHECK(core::is_uuid(id));
    CHECK(id.substr(0, 13) == "01234567-89ab");
    CHECK(id[14] == '7');
    CHECK(std::string("89ab").find(id[19]) != std::string::npos);
    std::set<std::string> names;
    for (int i = 0; i < 10'000; ++i) names.insert(core::uuid_v7(1));
    CHECK(names.size() == 10'000);
    CHECK(core::uuid_v7(1'000) < core::uuid_v7(1'001));
}

TEST_CASE("what is no name") {
    const std::string id = core::uuid_v7(1);
    for (const std::string& wrong :
         {std::string(), id.substr(1), id + "0", std::string("0") + id.substr(1, 7) + "0" + id.substr(9),
          id.substr(0, 35) + "G", id.substr(0, 35) + "F", id.substr(0, 35) + "/"})
        CHECK_FALSE(core::is_uuid(wrong));
}
