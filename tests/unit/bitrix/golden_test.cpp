// The golden answers: real shapes of a portal's answers as data (tests/data/golden/*.http), and what becomes of each
// (expected.txt). Every case stands there once for a read and once for a write that may not be repeated.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/bitrix/oauth_errors.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>

namespace {

using namespace b24gate;
using namespace b24gate::bitrix;

std::string golden_path(const std::string& name) {
    return std::string(B24GATE_SOURCE_DIR) + "/tests/data/golden/" + name;
}

std::string file_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    REQUIRE_MESSAGE(in, path);
    return {std::istreambuf_iterator<char>(in), {}};
}

struct Golden {
    std::string first_line;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
    unsigned status = 0;
};

Golden load(const std::string& name) {
    const std::string text = file_text(golden_path(name + ".http"));
    const std::size_t end = text.find("\n\n");
    REQUIRE(end != std::string::npos);
    Golden golden;
    std::istringstream head(text.substr(0, end));
    std::getline(head, golden.first_line);
    for (std::string line; std::getline(head, line);) {
        const std::size_t colon = line.find(": ");
        REQUIRE(colon != std::string::npos);
        golden.headers[core::to_lower(line.substr(0, colon))] = line.substr(colon + 2);
    }
    golden.body = text.substr(end + 2);
    if (golden.first_line.starts_with("HTTP/1.1 ")) golden.status = std::stoul(golden.first_line.substr(9, 3));
    return golden;
}

WireAnswer wire(const Golden& golden) {
    WireAnswer answer;
    answer.status = golden.status;
    answer.body = golden.body;
    const auto header = [&](const char* name) -> std::string_view {
        const auto found = golden.headers.find(name);
        return found == golden.headers.end() ? std::string_view() : found->second;
    };
    answer.content_type = header("content-type");
    answer.location = header("location");
    return answer;
}

/// One block of expected.txt: a line of words and the body behind it.
struct Case {
    std::string file, api, kind, method;
    unsigned portal_status = 0;  // another than the file's, behind '@'; 0: the file's
    bool ok = false;
    unsigned status = 0;
    std::string error_class, origin, executed, retry_after, code, body;
};

std::vector<Case> cases() {
    std::vector<Case> out;
    std::istringstream text(file_text(golden_path("expected.txt")));
    for (std::string line; std::getline(text, line);) {
        if (line.empty() || line.starts_with('#')) continue;
        Case c;
        std::string status;
        std::istringstream words(line);
        words >> c.file >> c.api >> c.kind >> c.method >> status;
        if (const std::size_t at = c.file.find('@'); at != std::string::npos) {
            c.portal_status = std::stoul(c.file.substr(at + 1));
            c.file.resize(at);
        }
        c.ok = status == "ok";
        if (!c.ok) {
            c.status = std::stoul(status);
            words >> c.error_class >> c.origin >> c.executed >> c.retry_after >> c.code;
            if (c.code == "\"\"") c.code.clear();
        }
        REQUIRE(std::getline(text, c.body));
        out.push_back(std::move(c));
    }
    return out;
}

std::string written(const Timing& timing) {
    std::ostringstream out;
    out.precision(15);
    const auto add = [&](const char* name, std::optional<double> value) {
        out << name << '=';
        if (value)
            out << *value;
        else
            out << '-';
    };
    add("duration", timing.duration);
    add(" operating", timing.operating);
    add(" reset", timing.operating_reset_at);
    return out.str();
}

Outcome verdict(const Case& c, const Golden& golden) {
    WireAnswer answer = wire(golden);
    if (c.portal_status != 0) answer.status = c.portal_status;
    if (c.api == "oauth") return classify_oauth(answer.status, answer.content_type, answer.body);
    if (c.api == "v2-cut") {
        answer.transport = Transport::sent_no_reply;
        answer.transport_error = TransportError::truncated;
    }
    CallFacts call;
    call.api = c.api == "v3" ? Api::v3 : Api::v2;
    call.method = c.method;
    call.writes = c.kind == "write";
    return classify(answer, call);
}

TEST_CASE("every golden answer gets its class, status, executed, retryable and exact body") {
    const std::vector<Case> all = cases();
    REQUIRE(all.size() > 80);
    for (const Case& c : all) {
        CAPTURE(c.file);
        CAPTURE(c.portal_status);
        CAPTURE(c.kind);
        const Golden golden = load(c.file);
        const Outcome outcome = verdict(c, golden);
        CHECK(outcome.ok() == c.ok);
        if (c.ok) {
            CHECK(written(outcome.timing) == c.body);
            CHECK(outcome.executed == Executed::yes);
            continue;
        }
        EnvelopeFacts facts;
        facts.api = c.api == "v3" ? Api::v3 : Api::v2;
        facts.portal = "acme";
        facts.method = c.method;
        facts.request_id = "r-1";
        facts.attempts = 1;
        facts.repeat_is_safe = c.kind == "read";
        const ErrorAnswer answer = error_answer(outcome, facts, golden.body);
        CHECK(answer.status == c.status);
        CHECK(to_string(answer.error_class) == c.error_class);
        CHECK(to_string(outcome.origin) == c.origin);
        CHECK(to_string(outcome.executed) == c.executed);
        CHECK(answer.retryable == (c.retry_after != "-"));
        CHECK((answer.retry_after ? std::to_string(answer.retry_after->count()) : "-") == c.retry_after);
        CHECK(answer.code == c.code);
        CHECK(answer.body == c.body);
        CHECK_FALSE(core::json::validate(answer.body));
    }
}

TEST_CASE("no golden answer is left out") {
    std::set<std::string> expected, present;
    for (const Case& c : cases()) expected.insert(c.file);
    for (const auto& entry : std::filesystem::directory_iterator(golden_path("")))
        if (entry.path().extension() == ".http") present.insert(entry.path().stem().string());
    std::set<std::string> numbers;
    for (const std::string& name : present) numbers.insert(name.substr(0, 3));
    CHECK(numbers.size() == 47);
    present.erase("G47");  // a request to the gateway, not an answer
    CHECK(expected == present);
    CHECK(load("G47").first_line == "POST /b24/install HTTP/1.1");
    CHECK(load("G47").body.starts_with("event=ONAPPINSTALL&"));
}

using MethodsByKey = std::map<std::string, std::string>;

/// Commands by key: what a gateway would know of a client's batch.
class Commands : public BatchMethods {
public:
    explicit Commands(MethodsByKey methods) : methods_(std::move(methods)) {}
    std::string_view method(std::string_view key) const override {
        const auto found = methods_.find(std::string(key));
        return found == methods_.end() ? std::string_view() : found->second;
    }
    bool writes(std::string_view key) const override { return method(key).ends_with(".add"); }
    bool repeat_is_safe(std::string_view key) const override { return !writes(key); }

private:
    MethodsByKey methods_;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

TEST_CASE("a client's batch: each failed command gains its gateway object, and no other byte changes") {
    EnvelopeFacts facts;
    facts.portal = "acme";
    facts.method = "batch";
    facts.request_id = "r-1";
    facts.attempts = 1;

    SUBCASE("G24: string keys") {
        const std::string body = load("G24").body;
        const auto out = annotate_batch(body, facts, Commands(MethodsByKey{{"c1", "user.get"}}));
        REQUIRE(out);
        CHECK(*out ==
              replaced(body, R"({"error":"insufficient_scope","error_description":""})",
                       R"({"error":"insufficient_scope","error_description":"","gateway":{"class":"permission",)"
                       R"("origin":"portal","retryable":false,"executed":"no","attempts":1,"portal":"acme",)"
                       R"("method":"user.get","request_id":"r-1"}})"));
    }
    SUBCASE("G25: all went well, so there is nothing to add") {
        CHECK_FALSE(annotate_batch(load("G25").body, facts, Commands(MethodsByKey{})));
    }
    SUBCASE("G26: numeric keys became a list") {
        const std::string body = load("G26").body;
        const auto out = annotate_batch(body, facts, Commands(MethodsByKey{{"0", "crm.nonsense"}, {"1", "wrong.one"}}));
        REQUIRE(out);
        CHECK(*out == replaced(body, R"("error_description":"Method not found!"})",
                               R"("error_description":"Method not found!","gateway":{"class":"method_unknown",)"
                               R"("origin":"portal","retryable":false,"executed":"no","attempts":1,"portal":"acme",)"
                               R"("method":"crm.nonsense","request_id":"r-1"}})"));
    }
    SUBCASE("G27: a blocked method, one that batch does not take, one too many") {
        const std::string body = load("G27").body;
        const auto out = annotate_batch(
            body, facts, Commands(MethodsByKey{{"c0", "crm.deal.add"}, {"c49", "batch"}, {"c50", "crm.deal.list"}}));
        REQUIRE(out);
        std::string expected = replaced(body, R"(time limit."})",
                                        R"(time limit.","gateway":{"class":"operating_limit","origin":"portal",)"
                                        R"("retryable":true,"executed":"no","retry_after_ms":60000,"attempts":1,)"
                                        R"("portal":"acme","method":"crm.deal.add","request_id":"r-1"}})");
        expected = replaced(expected, R"(batch usage"})",
                            R"(batch usage","gateway":{"class":"method_unknown","origin":"portal",)"
                            R"("retryable":false,"executed":"no","attempts":1,"portal":"acme","method":"batch",)"
                            R"("request_id":"r-1"}})");
        expected = replaced(expected, R"(length exceeded"})",
                            R"(length exceeded","gateway":{"class":"validation","origin":"portal",)"
                            R"("retryable":false,"executed":"no","attempts":1,"portal":"acme",)"
                            R"("method":"crm.deal.list","request_id":"r-1"}})");
        CHECK(*out == expected);
    }
}

TEST_CASE("every beginning of every golden answer gets a verdict and a well-formed answer") {
    std::set<std::string> files;
    for (const Case& c : cases()) files.insert(c.file);
    const Commands commands(MethodsByKey{{"c1", "user.get"}});
    EnvelopeFacts facts;
    facts.request_id = "r-1";
    for (const std::string& file : files) {
        CAPTURE(file);
        const Golden golden = load(file);
        WireAnswer answer = wire(golden);
        for (std::size_t length = 0; length < golden.body.size(); ++length) {
            answer.body = std::string_view(golden.body).substr(0, length);
            for (const bool complete : {true, false}) {
                answer.body_complete = complete;
                for (const Api api : {Api::v2, Api::v3}) {
                    const Outcome outcome = classify(answer, {api, "crm.deal.add", true, false});
                    // A complete JSON body that breaks off is never taken for a success.
                    if (complete && golden.body.starts_with('{')) {
                        if (outcome.ok()) FAIL("taken for a success");
                        if (length > 0 && outcome.error_class != ErrorClass::server) FAIL("not the portal's fault");
                        if (length > 0 && outcome.executed != Executed::unknown) FAIL("known to be not executed");
                    }
                    if (outcome.ok()) continue;
                    facts.api = api;
                    const ErrorAnswer out = error_answer(outcome, facts, answer.body);
                    if (core::json::validate(out.body)) FAIL(out.body);
                    if (out.status < 400 || out.status > 599) FAIL(out.status);
                }
            }
            (void)annotate_batch(answer.body, facts, commands);
            (void)classify_oauth(golden.status, "application/json", answer.body);
        }
    }
}

}  // namespace
