#include <doctest/doctest.h>

#include <zlib.h>

#include <b24gate/core/inflate.hpp>

using namespace b24gate::core;

namespace {

std::string packed(const std::string& text, int window = 15 + 16) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string out(deflateBound(&stream, text.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

}  // namespace

TEST_CASE("gzip and zlib bodies come out as they went in") {
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += "{\"ID\":\"" + std::to_string(i) + "\"},";
    for (const int window : {15 + 16, 15}) {
        const auto plain = inflate(packed(text, window), 10'000'000);
        REQUIRE(plain);
        CHECK(plain->complete);
        CHECK(plain->text == text);
    }
}

TEST_CASE("a bomb is unpacked up to the bound and no further") {
    const std::string bomb = packed(std::string(50'000'000, '0'));
    const auto plain = inflate(bomb, 100'000);
    REQUIRE(plain);
    CHECK(plain->text.size() == 100'000);
    CHECK_FALSE(plain->complete);
}

TEST_CASE("a part of a body is a part, and rubbish is rubbish") {
    const std::string whole = packed("hello, hello, hello");
    const auto part = inflate(std::string_view(whole).substr(0, whole.size() - 9), 1000);
    REQUIRE(part);
    CHECK_FALSE(part->complete);
    CHECK_FALSE(inflate("this is not gzip", 1000));
    std::string broken = whole;
    broken[whole.size() - 5] = static_cast<char>(broken[whole.size() - 5] ^ 1);  // the checksum
    CHECK_FALSE(inflate(broken, 1000));
}

TEST_CASE("pieces of any size give the same text") {
    const std::string text = "The quick brown fox jumps over the lazy dog";
    const std::string whole = packed(text);
    for (std::size_t step = 1; step <= whole.size(); ++step) {
        Inflater inflater;
        std::string out;
        auto state = Inflater::State::more;
        for (std::size_t at = 0; at < whole.size(); at += step) {
            std::string_view piece = std::string_view(whole).substr(at, step);
            state = inflater.push(piece, out, 1000);
        }
        CHECK(state == Inflater::State::done);
        CHECK(out == text);
    }
}
