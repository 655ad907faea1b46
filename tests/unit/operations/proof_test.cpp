#include <doctest/doctest.h>

#include <string>

#include <b24gate/core/json_scan.hpp>
#include <b24gate/operations/proof.hpp>

using namespace b24gate;
using namespace b24gate::operations;
namespace json = core::json;

namespace {

constexpr UnixMs now = 1'772'355'600'000;  // 2026-03-01T12:00:00+03:00

struct Text {
    std::string target, body, content_type = "application/json";
};

/// Keeps what the call looks into.
struct Parsed {
    explicit Parsed(Text text) : text_(std::move(text)) {
        bitrix::RawCall raw;
        raw.verb = "POST";
        raw.target = text_.target;
        if (!text_.body.empty()) raw.content_type = text_.content_type;
        raw.body = text_.body;
        auto parsed = bitrix::parse_call(raw);
        const std::string problem = parsed ? std::string() : parsed.error().message;
        INFO(problem);
        REQUIRE(parsed.has_value());
        call = std::move(*parsed);
    }
    bitrix::Call call;

private:
    Text text_;
};

Text v2(std::string method, std::string body) { return {"/rest/1/KEY/" + method, std::move(body)}; }

Kind kind_of_text(const Text& text) { return kind_of(Parsed(text).call, bitrix::Methods()); }

Origin lead() {
    Origin out;
    out.list_method = "crm.lead.list";
    out.originator = "shop";
    out.origin = "42";
    return out;
}
Origin item(unsigned type) {
    Origin out;
    out.list_method = "crm.item.list";
    out.entity_type = type;
    if (type <= 4) {
        out.originator = "shop";
        out.origin = "42";
    } else {
        out.xml_id = "x-1";
    }
    return out;
}

const std::string form = "application/x-www-form-urlencoded";

}  // namespace

TEST_CASE("the kind of a call, decided at its hand-over") {
    struct Row {
        Text text;
        Kind kind;
    };
    const std::string origin = R"({"fields":{"TITLE":"x","OPENED":true,"ORIGINATOR_ID":"shop","ORIGIN_ID":"42"}})";
    const Row rows[] = {
        {v2("crm.lead.list", "{}"), Kind::read},
        {v2("crm.lead.update", R"({"id":1,"fields":{"TITLE":"x"}})"), Kind::repeatable},
        // Appends a phone each time.
        {v2("crm.lead.update", R"({"id":1,"fields":{"PHONE":[{"VALUE":"1"}]}})"), Kind::unsafe},
        {v2("crm.lead.delete", R"({"id":1})"), Kind::repeatable},
        {v2("crm.lead.add", R"({"fields":{"TITLE":"x"}})"), Kind::unsafe},
        {v2("crm.lead.add", origin), Kind::checkable},
        {v2("CRM.Deal.Add.json", origin), Kind::checkable},
        {v2("crm.contact.add", origin), Kind::checkable},
        {v2("crm.company.add", origin), Kind::checkable},
        {v2("crm.lead.add.xml", origin), Kind::unsafe},
        {v2("crm.quote.add", origin), Kind::unsafe},
        {v2("tasks.task.add", origin), Kind::unsafe},
        {v2("crm.lead.add", R"({"fields":{"ORIGINATOR_ID":"shop","ORIGIN_ID":42}})"), Kind::checkable},
        {v2("crm.lead.add", R"({"fields":{"ORIGIN_ID":"42"}})"), Kind::unsafe},
        {v2("crm.lead.add", R"({"fields":{"ORIGINATOR_ID":"shop","ORIGIN_ID":""}})"), Kind::unsafe},
        {v2("crm.lead.add", R"({"fields":{"ORIGINATOR_ID":"shop","ORIGIN_ID":" 42"}})"), Kind::unsafe},
        {v2("crm.lead.add", R"({"fields":{"ORIGINATOR_ID":"shop","ORIGIN_ID":"<b>"}})"), Kind::unsafe},
        {v2("crm.lead.add", R"({"fields":{"ORIGINATOR_ID":"shop","ORIGIN_ID":["42"]}})"), Kind::unsafe},
        {v2("crm.lead.add", R"({"fields":{"ORIGINATOR_ID":"shop","ORIGIN_ID":1.5}})"), Kind::unsafe},
        {v2("crm.lead.add",
            "{\"fields\":{\"ORIGINATOR_ID\":\"shop\",\"ORIGIN_ID\":\"" + std::string(256, 'x') + "\"}}"),
         Kind::unsafe},
        {{"/rest/1/KEY/crm.lead.add", "fields[ORIGINATOR_ID]=shop&fields[ORIGIN_ID]=4%3A2", form}, Kind::checkable},
        {{"/rest/1/KEY/crm.lead.add?fields[ORIGINATOR_ID]=shop&fields[ORIGIN_ID]=42", ""}, Kind::checkable},
        // The body's fields replace the query's as a whole.
        {{"/rest/1/KEY/crm.lead.add?fields[ORIGINATOR_ID]=shop&fields[ORIGIN_ID]=42", "fields[TITLE]=x", form},
         Kind::unsafe},
        {v2("crm.item.add", R"({"entityTypeId":2,"fields":{"originatorId":"shop","originId":"42"}})"), Kind::checkable},
        {v2("crm.item.add", R"({"entityTypeId":"31","fields":{"xmlId":"x-1"}})"), Kind::checkable},
        {v2("crm.item.add", R"({"entityTypeId":1030,"fields":{"xmlId":"x-1"}})"), Kind::checkable},
        {v2("crm.item.add", R"({"entityTypeId":7,"fields":{"xmlId":"x-1","originId":"1","originatorId":"s"}})"),
         Kind::unsafe},
        {v2("crm.item.add", R"({"entityTypeId":2,"fields":{"xmlId":"x-1"}})"), Kind::unsafe},
        {v2("crm.item.add", R"({"fields":{"xmlId":"x-1"}})"), Kind::unsafe},
        {{"/rest/api/1/KEY/tasks.task.add", R"({"fields":{"title":"x"}})"}, Kind::keyed},
        {{"/rest/api/1/KEY/tasks.task.get", R"({"id":1})"}, Kind::read},
        {v2("batch", R"({"cmd":{"a":"crm.lead.list","b":"user.current"}})"), Kind::read},
        {v2("batch", R"({"cmd":{"a":"crm.lead.list","b":"crm.lead.add?fields[TITLE]=x"}})"), Kind::unsafe},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text.target);
        CAPTURE(row.text.body);
        CHECK(to_string(kind_of_text(row.text)) == to_string(row.kind));
    }
}

TEST_CASE("the call that looks asks for the origin, and for what it will be compared with") {
    const LookupCall one = lookup_call(lead());
    CHECK(one.method == "crm.lead.list");
    CHECK(one.body == R"({"filter":{"=ORIGINATOR_ID":"shop","=ORIGIN_ID":"42"},)"
                      R"("select":["ID","ORIGINATOR_ID","ORIGIN_ID","DATE_CREATE"],"order":{"ID":"ASC"},"start":-1})");
    CHECK(lookup_call(item(2)).body ==
          R"({"entityTypeId":2,"filter":{"=originatorId":"shop","=originId":"42"},"select":["*"],)"
          R"("order":{"id":"ASC"},"start":-1})");
    CHECK(lookup_call(item(31)).body ==
          R"({"entityTypeId":31,"filter":{"=xmlId":"x-1"},"select":["*"],"order":{"id":"ASC"},"start":-1})");
    Origin quoted = lead();
    quoted.origin = "a\n\xd0\xb0";
    CHECK_FALSE(json::validate(lookup_call(quoted).body));
    const Parsed parsed(v2("crm.item.add", R"({"entityTypeId":1030,"fields":{"xmlId":"x-1"}})"));
    CHECK(origin_of(parsed.call) == item(1030));
}

TEST_CASE("what the portal's answer proves") {
    const UnixMs first = now - 600'000;  // 11:50
    const std::string row =
        R"({"ID":"7","ORIGINATOR_ID":"shop","ORIGIN_ID":"42","DATE_CREATE":"2026-03-01T11:50:01+03:00"})";
    const std::string time = R"(,"time":{"start":1772355599.5,"finish":1772355600.0})";
    struct Row {
        std::string answer;
        Found found;
        std::string result;
    };
    const auto replaced = [&](const std::string& from, const std::string& to) {
        std::string text = row;
        return text.replace(text.find(from), from.size(), to);
    };
    const Row rows[] = {
        {R"({"result":[])" + time + "}", Found::none, ""},
        {R"({"result":[)" + row + "]" + time + "}", Found::one, "7"},
        {R"({"result":[)" + row + "]}", Found::one, "7"},
        {R"({"result":[)" + replaced("\"7\"", "7") + "]}", Found::one, "7"},
        {R"({"result":[)" + replaced("\"42\"", "42") + "]}", Found::one, "7"},
        {R"({"result":[)" + row + "," + row + "]}", Found::several, ""},
        {R"({"result":[)" + replaced("11:50:01+03:00", "08:49:59+00:00") + "]}", Found::one, "7"},
        {R"({"result":[)" + replaced("11:50:01", "11:49:57") + "]}", Found::older, ""},
        // A portal whose clock is five minutes behind ours says so itself.
        {R"({"result":[)" + replaced("11:50:01", "11:45:01") + R"(],"time":{"finish":1772355300.0}})", Found::one, "7"},
        {R"({"result":[)" + replaced("11:50:01", "11:54:00") + R"(],"time":{"finish":1772355900.0}})", Found::older,
         ""},
        // The filter was not understood: a list of something.
        {R"({"result":[)" + replaced("\"42\"", "\"43\"") + "]}", Found::unreadable, ""},
        {R"({"result":[)" + replaced("\"42\"", "null") + "]}", Found::unreadable, ""},
        {R"({"result":[)" + replaced("\"shop\"", "\"Shop\"") + "]}", Found::unreadable, ""},
        {R"({"result":[{"ID":"7"}]})", Found::unreadable, ""},
        {R"({"result":[)" + replaced("\"7\"", "\"7a\"") + "]}", Found::unreadable, ""},
        {R"({"result":[)" + replaced("2026-03-01T11:50:01+03:00", "yesterday") + "]}", Found::unreadable, ""},
        {R"({"result":{"items":[]}})", Found::unreadable, ""},
        {R"({"result":null})", Found::unreadable, ""},
        {R"({"result":[7]})", Found::unreadable, ""},
        {R"({"result":[],"error":"X"})", Found::unreadable, ""},
        {R"({"time":{}})", Found::unreadable, ""},
        {R"({"result":[)", Found::unreadable, ""},
        {"", Found::unreadable, ""},
    };
    for (const Row& each : rows) {
        CAPTURE(each.answer);
        const Judgement judgement = judge_lookup(lead(), each.answer, first, now);
        CHECK(static_cast<int>(judgement.found) == static_cast<int>(each.found));
        CHECK(judgement.result == each.result);
    }

    const std::string found = R"({"id":9,"xmlId":"x-1","createdTime":"2026-03-01T12:00:00+03:00","title":"T"})";
    const Judgement judgement = judge_lookup(item(31), R"({"result":{"items":[)" + found + "]}}", first, now);
    CHECK(judgement.found == Found::one);
    CHECK(judgement.result == "{\"item\":" + found + "}");
    CHECK(judge_lookup(item(31), R"({"result":{"items":[]},"total":0})", first, now).found == Found::none);
    CHECK(judge_lookup(item(31), R"({"result":[]})", first, now).found == Found::unreadable);
}

TEST_CASE("times as portals write them") {
    CHECK(parse_iso_time("2026-03-01T12:00:00+03:00") == now);
    CHECK(parse_iso_time("2026-03-01T09:00:00Z") == now);
    CHECK(parse_iso_time("2026-03-01T04:30:00-04:30") == now);
    CHECK(parse_iso_time("1970-01-01T00:00:00Z") == 0);
    for (const char* wrong : {"", "2026-03-01", "2026-03-01 12:00:00+03:00", "2026-13-01T12:00:00+03:00",
                              "2026-02-30T12:00:00+03:00", "2026-03-01T24:00:00+03:00", "2026-03-01T12:00:00",
                              "2026-03-01T12:00:00+0300", "2026-03-01T12:00:00+03:0x"}) {
        CAPTURE(wrong);
        CHECK_FALSE(parse_iso_time(wrong).has_value());
    }
}

TEST_CASE("a keyed write has one key for all its repeats, and another when a person begins anew") {
    const std::string key = idempotency_key("01960000-0000-7000-8000-000000000000", 0);
    CHECK(key == idempotency_key("01960000-0000-7000-8000-000000000000", 0));
    CHECK(key != idempotency_key("01960000-0000-7000-8000-000000000000", 1));
    CHECK(key != idempotency_key("01960000-0000-7000-8000-000000000001", 0));
    CHECK(key.size() == 36);
    CHECK(key[8] == '-');
    CHECK(key[23] == '-');
}
