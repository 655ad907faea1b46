#include <b24gate/observe/log.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace b24gate;
using namespace std::chrono_literals;
namespace json = boost::json;
using observe::AttemptRecord;
using observe::CallRecord;
using observe::Level;
using observe::LineWriter;
using observe::Log;
using observe::Masker;
using observe::MaskRules;

namespace {

const observe::WallTime noon{std::chrono::sys_days{std::chrono::year{2026} / 1 / 31} + 12h + 5min + 7s + 89ms + 999us};

struct Folder {
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "b24gate-log-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string file(const char* name = "gate.log") const { return (path / name).string(); }
    std::filesystem::path path;
};

std::vector<std::string> lines_of(const std::string& file) {
    std::ifstream in(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

config::Log settings(std::string file, std::string level = "info") {
    config::Log log;
    log.file = std::move(file);
    log.level = std::move(level);
    return log;
}

std::shared_ptr<const Masker> masker_of(std::string secret) {
    MaskRules rules;
    rules.secrets.emplace_back(std::move(secret));
    rules.fields = {"PHONE"};
    return std::make_shared<Masker>(std::move(rules));
}

CallRecord success() {
    CallRecord r;
    r.time = noon;
    r.request_id = "0123456789abcdef";
    r.client = "warehouse";
    r.portal = "acme";
    r.method = "crm.deal.list";
    r.attempts = 1;
    r.status = 200;
    r.wait = 1500us;
    r.duration = 123456us;
    r.upstream = 120007us;
    r.bytes_in = 300;
    r.bytes_out = 636;
    r.peer = "10.1.2.3";
    r.path = "/rest/{user}/{key}/{method}";
    return r;
}

std::string line_of(const CallRecord& r, const Masker& masker = Masker(), bool params = false) {
    std::string out;
    append_line(out, r, masker, params);
    return out;
}

}  // namespace

TEST_CASE("times are RFC 3339 in UTC with milliseconds") {
    const auto text = [](observe::WallTime t) {
        std::string out;
        observe::append_time(out, t);
        return out;
    };
    CHECK(text(noon) == "2026-01-31T12:05:07.089Z");
    CHECK(text(observe::WallTime{}) == "1970-01-01T00:00:00.000Z");
    CHECK(text(observe::WallTime{-1ms}) == "1969-12-31T23:59:59.999Z");
    CHECK(text(observe::WallTime{std::chrono::sys_days{std::chrono::year{2028} / 2 / 29} + 24h - 1ns}) ==
          "2028-02-29T23:59:59.999Z");
}

TEST_CASE("the line of a call") {
    CHECK(line_of(success()) ==
          R"({"time":"2026-01-31T12:05:07.089Z","level":"info","event":"call","request_id":"0123456789abcdef",)"
          R"("client":"warehouse","portal":"acme","method":"crm.deal.list","api":"v2","attempts":1,"status":200,)"
          R"("class":"ok","executed":"yes","wait_ms":1.500,"duration_ms":123.456,"upstream_ms":120.007,)"
          R"("bytes_in":300,"bytes_out":636,"peer":"10.1.2.3","path":"/rest/{user}/{key}/{method}"})");
}

TEST_CASE("in observe mode the line says what enforcing would have done") {
    CallRecord r = success();
    r.would_wait = 2500us;
    CHECK(line_of(r).find(R"("upstream_ms":120.007,"would_wait_ms":2.500,"would_refuse":false,"bytes_in":300)") !=
          std::string::npos);
    r.would_wait = 0us;
    r.would_refuse = true;
    CHECK(line_of(r).find(R"("would_wait_ms":0.000,"would_refuse":true)") != std::string::npos);
}

TEST_CASE("the line of a failed call says why, and how bad it is") {
    struct {
        bitrix::ErrorClass error_class;
        std::string error, level;
    } const rows[] = {
        {bitrix::ErrorClass::validation, "ERROR_ARGUMENT", "info"},
        {bitrix::ErrorClass::rate_limit, "QUERY_LIMIT_EXCEEDED", "warn"},
        {bitrix::ErrorClass::server, "INTERNAL_SERVER_ERROR", "error"},
        {bitrix::ErrorClass::gateway, "GATEWAY_QUEUE_FULL", "warn"},
        {bitrix::ErrorClass::gateway, "GATEWAY_FORBIDDEN", "info"},
    };
    for (const auto& row : rows) {
        CallRecord r = success();
        r.error_class = row.error_class;
        r.error = row.error;
        r.message = "what \"happened\"\n";
        r.executed = bitrix::Executed::unknown;
        r.api = bitrix::Api::v3;
        r.batch_size = 7;
        r.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        const json::object o = json::parse(line_of(r)).as_object();
        CHECK(o.at("level").as_string() == row.level);
        CHECK(o.at("error").as_string() == row.error);
        CHECK(o.at("message").as_string() == "what \"happened\"\n");
        CHECK(o.at("class").as_string() == std::string(to_string(row.error_class)));
        CHECK(o.at("executed").as_string() == "unknown");
        CHECK(o.at("api").as_string() == "v3");
        CHECK(o.at("batch_size").as_int64() == 7);
        CHECK(o.at("traceparent").as_string() == std::string(r.traceparent));
    }
}

TEST_CASE("what is not known is left out, and odd numbers stay numbers") {
    CallRecord r;
    r.time = noon;
    r.request_id = "x";
    r.duration = -5us;
    const json::object o = json::parse(line_of(r)).as_object();
    for (const char* name :
         {"client", "portal", "method", "error", "message", "batch_size", "path", "traceparent", "query", "params"})
        CHECK_FALSE(o.contains(name));
    CHECK(o.at("duration_ms").as_double() == 0);
    CHECK(o.at("status").as_int64() == 0);
}

TEST_CASE("whatever a client or a portal writes, the line stays one line of JSON, short and without secrets") {
    const std::string secret = "abcdefghijklmnop";
    const auto masker = masker_of(secret);
    for (const std::string& foreign :
         {secret, "a" + secret + "b", std::string("b24g_clientkey"), std::string("\"\\\n\r\x01\xFF\xC3"),
          std::string(100'000, 'x'), std::string(250, 'x') + secret, std::string(2000, '\xFF')}) {
        CallRecord r = success();
        r.request_id = r.method = r.error = r.message = r.traceparent = r.query = r.params = foreign;
        r.error_class = bitrix::ErrorClass::business;
        AttemptRecord a;
        a.time = noon;
        a.request_id = a.method = a.error = a.message = foreign;
        std::string attempt;
        append_line(attempt, a, *masker);
        for (const std::string& line : {line_of(r, *masker, true), attempt}) {
            boost::system::error_code error;
            json::parse(line, error);
            CHECK_FALSE(error);
            CHECK(line.find('\n') == std::string::npos);
            CHECK(line.find("abcdefgh") == std::string::npos);
            CHECK(line.find("clientkey") == std::string::npos);
            CHECK(line.size() < 120'000);
        }
    }
}

TEST_CASE("parameters stand in the line only on request, and masked") {
    CallRecord r = success();
    r.query = "filter[PHONE]=1&ID=2";
    r.params = R"({"fields":{"PHONE":"1","TITLE":"x"}})";
    r.params_encoding = observe::ParamsEncoding::json;
    const auto masker = masker_of("abcdefghijklmnop");
    CHECK_FALSE(json::parse(line_of(r, *masker, false)).as_object().contains("params"));
    const json::object o = json::parse(line_of(r, *masker, true)).as_object();
    CHECK(o.at("query").as_string() == "filter[PHONE]=***&ID=2");
    CHECK(o.at("params").as_string() == R"({"fields":{"PHONE":"***","TITLE":"x"}})");
}

TEST_CASE("the line of an attempt") {
    AttemptRecord a;
    a.time = noon;
    a.request_id = "r1";
    a.client = "c";
    a.portal = "p";
    a.method = "crm.deal.add";
    a.attempt = 2;
    a.status = 502;
    a.error = "GATEWAY_BAD_ANSWER";
    a.message = "at /rest/1/key/x";
    a.duration = 5ms;
    a.next = AttemptRecord::Next::retry;
    a.retry_in = 750ms;
    std::string out;
    append_line(out, a, Masker());
    CHECK(
        out ==
        R"({"time":"2026-01-31T12:05:07.089Z","level":"warn","event":"attempt","request_id":"r1","client":"c",)"
        R"("portal":"p","method":"crm.deal.add","attempt":2,"status":502,"class":"server","error":"GATEWAY_BAD_ANSWER",)"
        R"("message":"at /rest/1/***/x","executed":"unknown","duration_ms":5.000,"next":"retry","retry_in_ms":750})");
    for (const auto& [next, word] : {std::pair{AttemptRecord::Next::stop, "stop"},
                                     {AttemptRecord::Next::requeue, "requeue"},
                                     {AttemptRecord::Next::refresh, "refresh"}}) {
        a.next = next;
        out.clear();
        append_line(out, a, Masker());
        CHECK(json::parse(out).as_object().at("next").as_string() == word);
        CHECK_FALSE(json::parse(out).as_object().contains("retry_in_ms"));
    }
}

TEST_CASE("levels") {
    for (const char* name : {"trace", "debug", "info", "warn", "error", "off"}) {
        REQUIRE(observe::parse_level(name));
        CHECK(to_string(*observe::parse_level(name)) == name);
    }
    CHECK_FALSE(observe::parse_level("warning"));
    CHECK_FALSE(observe::parse_level(""));
}

TEST_CASE("what is written goes by level and settings") {
    const Folder folder;
    CallRecord failed = success();
    failed.error_class = bitrix::ErrorClass::server;
    failed.error = "X";
    struct {
        std::string level;
        bool calls;
        std::size_t lines;
    } const rows[] = {{"trace", true, 5}, {"info", true, 4}, {"warn", true, 2},
                      {"error", true, 1}, {"off", true, 0},  {"info", false, 2}};
    for (const auto& row : rows) {
        config::Log s = settings(folder.file((row.level + (row.calls ? "1" : "0")).c_str()), row.level);
        s.calls = row.calls;
        Log log(s);
        log.call(success());
        log.call(failed);
        log.attempt({});
        log.event(Level::info, "start");
        log.event(Level::debug, "detail");
        log.event(Level::off, "never");
        REQUIRE(log.flush());
        CAPTURE(row.level);
        CHECK(lines_of(s.file).size() == row.lines);
    }
}

TEST_CASE("events carry facts of every kind, masked") {
    const Folder folder;
    Log log(settings(folder.file()), masker_of("abcdefghijklmnop"));
    log.event(Level::warn, "tls_handshake_failed",
              {{"portal", "acme"},
               {"why", std::string("key abcdefghijklmnop\n")},
               {"tries", 3},
               {"size", std::size_t{7}},
               {"ratio", 0.25},
               {"nan", std::numeric_limits<double>::quiet_NaN()},
               {"again", true}});
    REQUIRE(log.flush());
    const json::object o = json::parse(lines_of(folder.file()).at(0)).as_object();
    CHECK(o.at("level").as_string() == "warn");
    CHECK(o.at("event").as_string() == "tls_handshake_failed");
    CHECK(o.at("portal").as_string() == "acme");
    CHECK(o.at("why").as_string() == "key ***\n");
    CHECK(o.at("tries").as_int64() == 3);
    CHECK(o.at("size").as_int64() == 7);
    CHECK(o.at("ratio").as_double() == 0.25);
    CHECK(o.at("nan").is_null());
    CHECK(o.at("again").as_bool());
    CHECK(o.at("time").as_string().size() == 24);
    log.set_masker(masker_of("another-secret"));
    log.event(Level::info, "reload", {{"text", "another-secret"}});
    REQUIRE(log.flush());
    CHECK(lines_of(folder.file()).at(1).find("another-secret") == std::string::npos);
}

TEST_CASE("after a rotation the log goes on in a new file") {
    const Folder folder;
    Log log(settings(folder.file()));
    log.event(Level::info, "one");
    REQUIRE(log.flush());
    std::filesystem::rename(folder.file(), folder.file("gate.log.1"));
    log.event(Level::info, "two");
    REQUIRE(log.flush());
    CHECK_FALSE(log.reopen());
    REQUIRE(log.flush());
    log.event(Level::info, "three");
    REQUIRE(log.flush());
    CHECK(lines_of(folder.file("gate.log.1")).size() == 2);
    REQUIRE(lines_of(folder.file()).size() == 1);
    CHECK(lines_of(folder.file())[0].find("three") != std::string::npos);
    struct stat info {};
    REQUIRE(::stat(folder.file().c_str(), &info) == 0);
    CHECK((info.st_mode & 07) == 0);
}

TEST_CASE("a file that cannot be opened is said clearly, and a reload that fails changes nothing") {
    const Folder folder;
    CHECK_THROWS_WITH_AS(
        Log(settings("/nonexistent/folder/x.log")),
        "the log file /nonexistent/folder/x.log cannot be opened for writing: No such file or directory",
        std::runtime_error);
    CHECK_THROWS_WITH_AS(Log(settings("-", "loud")),
                         "log.level is \"loud\"; it takes trace, debug, info, warn, error or off", std::runtime_error);
    Log log(settings(folder.file()));
    CHECK(log.reconfigure(settings("/nonexistent/folder/x.log", "off")));
    CHECK(log.reconfigure(settings(folder.file(), "loud")));
    CHECK(log.enabled(Level::info));
    CHECK_FALSE(log.reopen());
    CHECK_FALSE(log.reconfigure(settings(folder.file("other.log"), "error")));
    CHECK_FALSE(log.enabled(Level::info));
    REQUIRE(log.flush());
    log.event(Level::error, "boom");
    REQUIRE(log.flush());
    CHECK(lines_of(folder.file("other.log")).size() == 1);
    CHECK(lines_of(folder.file()).empty());
}

TEST_CASE("lines of many threads arrive whole, each once, in their thread's order") {
    const Folder folder;
    constexpr int threads = 4, each = 2000;
    {
        Log log(settings(folder.file()));
        std::vector<std::thread> all;
        for (int t = 0; t < threads; ++t)
            all.emplace_back([&log, t] {
                for (int i = 0; i < each; ++i) {
                    log.event(Level::info, "line", {{"t", t}, {"i", i}});
                    if (i % 500 == 499) log.set_masker(std::make_shared<Masker>());
                }
            });
        for (std::thread& t : all) t.join();
        CHECK(log.dropped() == 0);
    }  // the rest is written at the end
    std::vector<int> next(threads, 0);
    for (const std::string& line : lines_of(folder.file())) {
        const json::object o = json::parse(line).as_object();
        CHECK(o.at("i").as_int64() == next[static_cast<std::size_t>(o.at("t").as_int64())]++);
    }
    CHECK(next == std::vector<int>(threads, each));
}

TEST_CASE("when the reader stops, the oldest lines go and are counted") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    constexpr std::uint64_t lines = 20000;
    auto writer = std::make_unique<LineWriter>(LineWriter::Target{ends[1], true}, 4096);
    for (std::uint64_t i = 0; i < lines; ++i) writer->push("line " + std::to_string(i) + "\n");
    writer->push(std::string(5000, 'x') + "\n");  // longer than all the room
    const std::uint64_t dropped = writer->dropped();
    CHECK(dropped > 1000);

    std::string got;
    std::thread reader([&] {
        char buffer[8192];
        for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
            got.append(buffer, static_cast<std::size_t>(n));
    });
    CHECK(writer->flush(10s));
    CHECK(writer->dropped() == dropped);
    writer.reset();  // closes its end of the pipe, which ends the reader
    reader.join();
    ::close(ends[0]);

    std::istringstream in(got);
    std::uint64_t count = 0;
    long last = -1;
    for (std::string line; std::getline(in, line); ++count) {
        REQUIRE(line.starts_with("line "));
        const long number = std::stol(line.substr(5));
        CHECK(number > last);
        last = number;
    }
    CHECK(last == lines - 1);
    CHECK(count + dropped == lines + 1);
}

TEST_CASE("a reader that never comes back does not hold up the end") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    {
        LineWriter writer({ends[1], true}, 1 << 20);
        for (int i = 0; i < 1000; ++i) writer.push(std::string(500, 'x') + "\n");
        CHECK_FALSE(writer.flush(1ms));
    }
    ::close(ends[0]);
}

TEST_CASE("a file that takes nothing costs lines, not the process") {
    const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    REQUIRE(full >= 0);
    LineWriter writer({full, true}, 4096);
    writer.push("one\n");
    writer.push("two\n");
    REQUIRE(writer.flush(10s));
    CHECK(writer.dropped() == 2);

    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    ::close(ends[0]);
    LineWriter broken({ends[1], true}, 4096);
    broken.push("one\n");
    REQUIRE(broken.flush(10s));
    CHECK(broken.dropped() == 1);
}
