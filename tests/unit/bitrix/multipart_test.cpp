#include <doctest/doctest.h>

#include <random>
#include <string>

#include <b24gate/bitrix/multipart.hpp>

using namespace b24gate::bitrix;
using namespace std::string_view_literals;

namespace {

const std::string part = "Content-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";

/// "name=value" of each field, files marked; or the error.
std::string fields_of(std::string_view body, std::string_view boundary = "B") {
    const auto fields = parse_multipart(body, boundary);
    if (!fields) return "error: " + fields.error().message;
    std::string out;
    for (const MultipartField& f : *fields)
        out += std::string(f.name) + (f.is_file ? "@" : "=") + std::string(f.value) + "|";
    return out;
}

bool refused(std::string_view body) { return !parse_multipart(body, "B"); }

}  // namespace

TEST_CASE("the boundary of a content type") {
    const struct {
        const char* type;
        const char* boundary;  // nullptr: refused
    } rows[] = {
        {"multipart/form-data; boundary=abc", "abc"},
        {"multipart/form-data;boundary=abc", "abc"},
        {"multipart/form-data; BOUNDARY=abc", "abc"},
        {"multipart/form-data; boundary=\"abc\"", "abc"},
        {"multipart/form-data; boundary=\"a:b/c?d\"; charset=utf-8", "a:b/c?d"},
        {"multipart/form-data; charset=utf-8; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
         "----WebKitFormBoundary7MA4YWxkTrZu0gW"},
        {"multipart/form-data; boundary=abc;x=y", "abc"},
        {"multipart/form-data; BOUNDARY=xboundaryx", nullptr},
        {"multipart/form-data; Boundary=abc; boundary=def", nullptr},
        {"multipart/form-data", nullptr},
        {"multipart/form-data; boundary=", nullptr},
        {"multipart/form-data; boundary=\"\"", nullptr},
        {"multipart/form-data; boundary=\"abc", nullptr},
        {"multipart/form-data; boundary=\"abc\"d", nullptr},
        {"multipart/form-data; boundary=a b", nullptr},
        {"multipart/form-data; boundary=a,b", nullptr},
        {"multipart/form-data; boundary=abc ;x=y", nullptr},
        {"multipart/form-data; boundary =abc", nullptr},
        {"multipart/form-data boundary=abc", nullptr},
        {"multipart/form-data; boundary=abc; boundary=def", nullptr},
        {"multipart/form-data; x=\"boundary=evil\"; boundary=abc", nullptr},
        {"multipart/form-data; xboundary=abc", nullptr},
        {"multipart/form-data; boundary=1234567890123456789012345678901234567890123456789012345678901234567890",
         "1234567890123456789012345678901234567890123456789012345678901234567890"},
        {"multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901",
         nullptr},
    };
    for (const auto& row : rows) {
        CAPTURE(std::string(row.type));
        const auto boundary = multipart_boundary(row.type);
        REQUIRE(boundary.has_value() == (row.boundary != nullptr));
        if (row.boundary)
            CHECK(*boundary == row.boundary);
        else
            CHECK(boundary.error().message.find("boundary") != std::string::npos);
    }
}

TEST_CASE("whole bodies") {
    CHECK(fields_of("--B--") == "");
    CHECK(fields_of("--B--\r\n") == "");
    CHECK(fields_of("--B\r\n" + part + "--B--\r\n") == "a=1|");
    CHECK(fields_of("\r\n--B\r\n" + part + "--B--") == "a=1|");
    CHECK(fields_of("--B\r\n" + part + "--B\r\n" + part + "--B--\r\n") == "a=1|a=1|");
    CHECK(fields_of("--B\r\ncontent-disposition:form-data;name=a\r\n\r\n\r\n--B--\r\n") == "a=|");
    CHECK(fields_of("--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.bin\"\r\n"
                    "Content-Type: application/octet-stream\r\n\r\n\r\n\r\n--B--\r\n") == "f@\r\n|");
    CHECK(fields_of("--B\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
                    "Content-Disposition: form-data; name=\"cmd[x]\"\r\nContent-Length: 1\r\n\r\n1\r\n--B--\r\n") ==
          "cmd[x]=1|");
    CHECK(
        fields_of("--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"it's; name=\\\"auth\\\".txt\"\r\n\r\n"
                  "x\r\n--B--") == "f@x|");
    CHECK(fields_of("--B\r\nContent-Disposition: form-data; name=\"\"\r\n\r\nx\r\n--B--") == "=x|");
    // A boundary inside a line is content, and so is a shorter one.
    CHECK(fields_of("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx--B--\r\n-B\r\n--\r\n--B--") ==
          "a=x--B--\r\n-B\r\n--|");
    CHECK(fields_of("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\0\xff\n\r\r\n--B--"sv) ==
          "a=\0\xff\n\r|"sv);
}

TEST_CASE("fields can be cut out by their offsets") {
    const std::string body =
        "--B\r\n" + part + "--B\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n2\r\n--B--\r\n";
    const auto fields = parse_multipart(body, "B");
    REQUIRE(fields.has_value());
    REQUIRE(fields->size() == 2);
    std::string cut = body;
    cut.erase((*fields)[0].begin, (*fields)[0].end - (*fields)[0].begin);
    CHECK(fields_of(cut) == "b=2|");
    cut = body;
    cut.erase((*fields)[1].begin, (*fields)[1].end - (*fields)[1].begin);
    CHECK(cut == "--B\r\n" + part + "--B--\r\n");
}

TEST_CASE("broken or ambiguous bodies are refused") {
    const std::string name = "Content-Disposition: form-data; name=\"a\"\r\n";
    const std::string rows[] = {
        "",
        "x",
        "--",
        "--B",
        "--B\r\n",
        "--B\n",
        "--B-",
        "--C--",
        "--B--x",
        "--B--\r\nepilogue",
        "--B--\r\n\r\n",
        "preamble\r\n--B--",
        "\r\n\r\n--B--",
        "--B \r\n" + part + "--B--",
        "--BB\r\n" + part + "--B--",
        "--B\n" + part + "--B--",
        "--B\r\n" + part,                             // no final boundary
        "--B\r\n" + part + "--B",                     // cut off
        "--B\r\n" + part + "--B\r\n",                 // no final boundary
        "--B\r\n" + name + "\r\n1\n--B--",            // LF in front of the boundary
        "--B\r\n" + name + "\r\n1\n--B\r\n--B--",     // PHP would end the value here
        "--B\r\n" + name + "\r\n1\r\n--BX\r\n--B--",  // and here
        "--B\r\n" + name + "\r\n--B--",               // no CRLF of the boundary's own
        "--B\r\n" + name + "\r\n\n--B--",
        "--B\r\n\r\n1\r\n--B--",  // no Content-Disposition
        "--B\r\n" + name + name + "\r\n1\r\n--B--",
        "--B\r\nContent-Disposition: form-data\r\n\r\n1\r\n--B--",
        "--B\r\nContent-Disposition: form-data; filename=\"a\"\r\n\r\n1\r\n--B--",
        "--B\r\nContent-Disposition: form-data; name=\"a\"; name=\"auth\"\r\n\r\n1\r\n--B--",
        "--B\r\nContent-Disposition: form-data; name=\"a\\\"b\"\r\n\r\n1\r\n--B--",
        "--B\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--B--",
        "--B\r\nContent-Disposition: form-data; name=\r\n\r\n1\r\n--B--",
        "--B\r\nContent-Disposition: form-data; name='a'\r\n\r\n1\r\n--B--",
        "--B\r\nContent-Disposition: form-data; name=\"a\"x\r\n\r\n1\r\n--B--",
        "--B\r\nContent-Disposition: form-data; filename='; name=\"a\"\r\n\r\n1\r\n--B--",
        "--B\r\nContent-Disposition: form-data; filename=\"a\\\"; name=\"auth\"\r\n\r\n1\r\n--B--",
        "--B\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--B--",
        "--B\r\nContent-Disposition : form-data; name=\"a\"\r\n\r\n1\r\n--B--",
        "--B\r\nX\r\n" + name + "\r\n1\r\n--B--",
        "--B\r\n X: y\r\n" + name + "\r\n1\r\n--B--",
        "--B\r\n" + name + " folded\r\n\r\n1\r\n--B--",
        "--B\r\nX: a\nb\r\n" + name + "\r\n1\r\n--B--",
        "--B\r\nX: a\rb\r\n" + name + "\r\n1\r\n--B--",
        std::string("--B\r\nX: a\0b\r\n", 13) + name + "\r\n1\r\n--B--",
        "--B\r\nX: " + std::string(9000, 'y') + "\r\n" + name + "\r\n1\r\n--B--",
    };
    for (const std::string& body : rows) {
        CAPTURE(body.substr(0, 120));
        CHECK(refused(body));
    }
    std::string many = "--B\r\n";
    for (int i = 0; i < 40; ++i) many += "X: y\r\n";
    CHECK(refused(many + name + "\r\n1\r\n--B--"));
    CHECK(fields_of("").find("broken") != std::string::npos);
}

TEST_CASE("boundaries made of what surrounds them cost no more than any") {
    const std::string boundary(70, '-');
    const std::string body = "--" + boundary + "\r\n" + "Content-Disposition: form-data; name=\"a\"\r\n\r\n\n" +
                             std::string(4 << 20, '-') + "\r\n--" + boundary + "--";
    CHECK_FALSE(parse_multipart(body, boundary).has_value());  // its content begins like a boundary line
    const std::string fine = "--" + boundary + "\r\n" + "Content-Disposition: form-data; name=\"a\"\r\n\r\nx" +
                             std::string(4 << 20, '-') + "\r\n--" + boundary + "--";
    CHECK(parse_multipart(fine, boundary).has_value());
}

TEST_CASE("mutated bodies are taken or refused, never misread") {
    const std::string seed = "--B\r\n" + part +
                             "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\nContent-Type: "
                             "text/plain\r\n\r\nfile\r\n--B--\r\n";
    std::mt19937 random(5);
    const char* bits[] = {"\r\n", "\n", "--B", "\"", ";", "name=", "\\", "\r\n\r\n", "'", ":", " ", "--"};
    int taken = 0;
    for (int i = 0; i < 20000; ++i) {
        std::string body = seed;
        for (unsigned n = 1 + random() % 3; n > 0; --n) {
            const std::size_t at = random() % body.size();
            if (random() % 2)
                body.erase(at, 1 + random() % 4);
            else
                body.insert(at, bits[random() % std::size(bits)]);
            if (body.empty()) body = "-";
        }
        const auto fields = parse_multipart(body, "B");
        if (!fields) {
            CHECK_FALSE(fields.error().message.empty());
            continue;
        }
        ++taken;
        std::size_t end = fields->empty() ? 0 : fields->front().begin;
        for (const MultipartField& f : *fields) {
            CHECK(f.begin == end);
            CHECK(std::string_view(body).substr(f.begin).starts_with("--B\r\n"));
            CHECK(f.value.find("\n--B") == std::string_view::npos);
            end = f.end;
        }
        CHECK(std::string_view(body).substr(end + (fields->empty() && body[0] == '\r' ? 2 : 0)).starts_with("--B--"));
    }
    CHECK(taken > 1000);
}
