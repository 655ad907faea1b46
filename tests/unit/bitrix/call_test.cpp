#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include <b24gate/bitrix/call.hpp>
#include <b24gate/bitrix/call_batch.hpp>

using namespace b24gate::bitrix;
using namespace std::string_view_literals;

namespace {

constexpr std::string_view json = "application/json";
constexpr std::string_view form = "application/x-www-form-urlencoded";
constexpr std::string_view multipart = "multipart/form-data; boundary=B";

Call call_of(const RawCall& raw) {
    auto call = parse_call(raw);
    if (!call) FAIL("refused: " << call.error().message);
    return *std::move(call);
}

RawCall post(std::string_view content_type, std::string_view body, std::string_view target = "/rest/user.get") {
    return {.verb = "POST", .target = target, .content_type = content_type, .body = body};
}

/// What is forwarded.
std::string stripped(std::string_view content_type, std::string_view body, std::string_view target = "/rest/user.get") {
    const Call call = call_of(post(content_type, body, target));
    // An untouched body is not copied.
    if (call.body() == body) CHECK_FALSE(call.rewritten_body.has_value());
    return std::string(call.body());
}

std::string refusal(const RawCall& raw) {
    const auto call = parse_call(raw);
    if (call) return "taken";
    CHECK(call.error().code == GatewayCode::bad_request);
    return call.error().message;
}

std::string place(const RawCall& raw) {
    const Call call = call_of(raw);
    const char* places[] = {"none", "path", "query", "body", "bearer"};
    return places[static_cast<int>(call.key_place)] + (" " + call.key.reveal());
}

std::string field(std::string_view name, std::string_view value) {
    return "--B\r\nContent-Disposition: form-data; name=\"" + std::string(name) + "\"\r\n\r\n" + std::string(value) +
           "\r\n";
}
const std::string last = "--B--\r\n";

}  // namespace

TEST_CASE("where the key may stand, and which wins") {
    CHECK(place({.verb = "GET", .target = "/rest/user.get"}) == "none ");
    CHECK(place({.verb = "GET", .target = "/rest/1/P/user.get"}) == "path P");
    CHECK(place({.verb = "GET", .target = "/rest/user.get?auth=Q"}) == "query Q");
    CHECK(place({.verb = "GET", .target = "/rest/user.get?access_token=Q"}) == "query Q");
    CHECK(place({.verb = "GET", .target = "/rest/user.get?access_token=T&auth=Q"}) == "query Q");
    CHECK(place({.verb = "GET", .target = "/rest/user.get?auth=1&auth=Q"}) == "query Q");
    CHECK(place({.verb = "GET", .target = "/rest/user.get?auth=a%2Bb+c"}) == "query a+b c");
    CHECK(place({.verb = "GET", .target = "/rest/user.get?auth="}) == "none ");
    CHECK(place({.verb = "GET", .target = "/rest/user.get?auth[]=Q"}) == "none ");
    CHECK(place({.verb = "GET", .target = "/rest/user.get?ap=x&aplogin=1"}) == "none ");
    CHECK(place({.verb = "GET", .target = "/rest/user.get", .authorization = "Bearer H"}) == "bearer H");
    CHECK(place({.verb = "GET", .target = "/rest/user.get", .authorization = "bearer  H "}) == "bearer H");
    CHECK(place({.verb = "GET", .target = "/rest/user.get", .authorization = "Basic eDp5"}) == "none ");
    CHECK(place({.verb = "GET", .target = "/rest/user.get", .authorization = "Bearer"}) == "none ");
    CHECK(place({.verb = "GET", .target = "/rest/user.get", .authorization = "Bearer "}) == "none ");
    CHECK(place(post(form, "a=1&auth=B")) == "body B");
    CHECK(place(post("", "auth=B")) == "body B");
    CHECK(place(post(json, R"({"auth":"B"})")) == "body B");
    CHECK(place(post(json, R"({"\u0061uth":"B\u0021","x":1})")) == "body B!");
    CHECK(place(post(json, R"({"access_token":"T","auth":"B"})")) == "body B");
    CHECK(place(post(json, R"({"auth":"1","auth":"B"})")) == "body B");
    CHECK(place(post(json, R"({"auth":17})")) == "body 17");
    CHECK(place(post(json, R"({"auth":null})")) == "none ");
    CHECK(place(post(json, R"({"auth":{"x":"y"}})")) == "none ");
    CHECK(place(post(json, R"({"fields":{"auth":"B"}})")) == "none ");
    CHECK(place(post(json, R"(["auth","B"])")) == "none ");
    CHECK(place(post(multipart, field("x", "1") + field("auth", "B") + last)) == "body B");
    // Path, Bearer, body, query.
    const std::string_view body = R"({"auth":"B"})";
    CHECK(place({"POST", "/rest/1/P/user.get?auth=Q", json, "Bearer H", "", body}) == "path P");
    CHECK(place({"POST", "/rest/user.get?auth=Q", json, "Bearer H", "", body}) == "bearer H");
    CHECK(place({"POST", "/rest/user.get?auth=Q", json, "", "", body}) == "body B");
    CHECK(place({"POST", "/rest/user.get?auth=Q", json, "", "", "{}"}) == "query Q");
}

TEST_CASE("verbs") {
    CHECK_FALSE(call_of({.verb = "GET", .target = "/rest/user.get?a=1"}).send_as_post);
    CHECK_FALSE(call_of({.verb = "HEAD", .target = "/rest/user.get"}).send_as_post);
    CHECK(call_of({.verb = "POST", .target = "/rest/user.get"}).send_as_post);
    CHECK(call_of({.verb = "GET", .target = "/rest/user.get", .content_type = json, .body = "{}"}).send_as_post);
    CHECK(call_of({.verb = "HEAD", .target = "/rest/user.get", .body = "a=1"}).send_as_post);
    CHECK(refusal({.verb = "PUT", .target = "/rest/user.get"}).find("POST") != std::string::npos);
    CHECK(refusal({.verb = "", .target = "/rest/user.get"}) != "taken");
    CHECK(call_of({.verb = "GET", .target = "/rest/CRM.Deal.List"}).method_lower == "crm.deal.list");
}

TEST_CASE("an empty body is fine whatever its headers say") {
    for (const std::string_view type : {"", "text/plain", "application/json", "multipart/form-data", "x;;;"}) {
        const Call call =
            call_of({.verb = "POST", .target = "/rest/user.get", .content_type = type, .content_encoding = "gzip"});
        CHECK(call.body_kind == BodyKind::none);
        CHECK(call.body().empty());
        CHECK(call.send_as_post);
    }
}

TEST_CASE("a query loses the fields that could change the caller, and no other byte") {
    const struct {
        const char* query;
        const char* want;
    } rows[] = {
        {"", ""},
        {"a=1", "a=1"},
        {"a=1&b=%41+%zz&&c", "a=1&b=%41+%zz&&c"},
        {"auth=K", ""},
        {"auth", ""},
        {"auth=K&", ""},
        {"&auth=K", ""},
        {"&&auth=K", "&"},
        {"auth=K&&", "&"},
        {"auth=K&a=1", "a=1"},
        {"a=1&auth=K", "a=1"},
        {"a=1&auth=K&b=2", "a=1&b=2"},
        {"auth=K&a=1&access_token=T&b=2&ap=1&aplogin=2&sessid=3&token=4", "a=1&b=2"},
        {"ap=1&aplogin=1&a=1&auth=1&sessid=1&b=2&token=1", "a=1&b=2"},
        {"auth=1&auth=2&auth=3", ""},
        {"%61uth=K&a=1", "a=1"},
        {"+auth=K&a=1", "a=1"},
        {"%20+auth=K&a=1", "a=1"},
        {"auth[]=K&a=1", "a=1"},
        {"auth[x][y]=K&a=1", "a=1"},
        {"auth%5Bx%5D=K&a=1", "a=1"},
        {"access.token=K&a=1", "a=1"},
        {"access+token=K&a=1", "a=1"},
        {"access%20token[]=K&a=1", "a=1"},
        {"access[token=K&a=1", "a=1"},
        {"access%5btoken=K&a=1", "a=1"},
        {"auth[=K", "auth[=K"},  // auth_
        {"auth+=K", "auth+=K"},  // auth_
        {"auth.=K", "auth.=K"},  // auth_
        {"xauth=K", "xauth=K"},
        {"a[auth]=K", "a[auth]=K"},
        {"[auth]=K", "[auth]=K"},  // PHP drops it
        {"AUTH=K&Token=x", "AUTH=K&Token=x"},
        {"auth_connector=c&authx=1&apl=2&tokens=3&start=4", "auth_connector=c&authx=1&apl=2&tokens=3&start=4"},
        {"a=auth=K", "a=auth=K"},
        {"state=1&a=&auth==K", "state=1&a="},
        {"a=\xD0\xB8&auth=\xFF&b=\xFE", "a=\xD0\xB8&b=\xFE"},
        {"filter[>ID]=5&order%5BID%5D=ASC&auth=K&select[]=*", "filter[>ID]=5&order%5BID%5D=ASC&select[]=*"},
    };
    for (const auto& row : rows) {
        const std::string query = row.query;
        CAPTURE(query);
        const std::string application = "/rest/user.get?" + query;
        CHECK(call_of({.verb = "GET", .target = application}).query == row.want);
        // In the webhook form as well, although the key stands in the path.
        const std::string webhook = "/rest/1/P/user.get?" + query;
        CHECK(call_of({.verb = "GET", .target = webhook}).query == row.want);
        // A form body is read the same way.
        if (!query.empty()) {
            CHECK(stripped(form, query) == row.want);
            CHECK(stripped("", query) == row.want);
            const Call kept = call_of({.verb = "POST", .target = application, .body = query, .passthrough = true});
            CHECK(kept.query == query);
            CHECK(kept.body() == query);
        }
    }
    CHECK(call_of({.verb = "GET", .target = "/rest/1/P/download/?auth=K&token=t&sessid=1&x=1"}).query == "token=t&x=1");
    CHECK(call_of({.verb = "GET", .target = "/rest/upload?access_token=K&token[]=t"}).query == "token[]=t");
    for (const char* name : {"%00", "a%00b", "auth%00", "a[%00]", "%00auth"}) {
        const std::string query = std::string(name) + "=1", target = "/rest/user.get?x=1&" + query;
        CHECK(refusal({.verb = "GET", .target = target}).find("NUL") != std::string::npos);
        CHECK(refusal(post(form, query)).find("NUL") != std::string::npos);
    }
    CHECK(stripped(form, "a=%00") == "a=%00");
    CHECK(refusal(post(form, "a=\0"sv)).find("NUL") != std::string::npos);
}

TEST_CASE("a JSON body loses members and one comma each, and no other byte") {
    const struct {
        const char* body;
        const char* want;
    } rows[] = {
        {"{}", "{}"},
        {"[]", "[]"},
        {" {\n} ", " {\n} "},
        {R"({"auth":"K"})", "{}"},
        {R"( { "auth" : "K" } )", " {  } "},
        {R"({"auth":"K","a":1})", R"({"a":1})"},
        {R"({"a":1,"auth":"K"})", R"({"a":1})"},
        {R"({"a":1,"auth":"K","b":2})", R"({"a":1,"b":2})"},
        {R"({ "auth":"K" , "a":1 , "b":2 })", R"({ "a":1 , "b":2 })"},
        {R"({ "a":1 , "auth":"K" , "b":2 })", R"({ "a":1 , "b":2 })"},
        {R"({ "a":1 , "b":2 , "auth":"K" })", R"({ "a":1 , "b":2 })"},
        {R"({"auth":1,"token":2,"a":1,"sessid":3,"ap":4,"b":2,"aplogin":5,"access_token":6})", R"({"a":1,"b":2})"},
        {R"({"auth":{"a":[1,"}"]},"token":[{"auth":1}],"a":{"auth":1}})", R"({"a":{"auth":1}})"},
        {R"({"auth":1,"auth":2,"a":3,"auth":4,"auth":5})", R"({"a":3})"},
        {R"({"\u0061uth":1,"a":2,"a\u0070":3})", R"({"a":2})"},
        {R"({"a":1,"a":2})", R"({"a":1,"a":2})"},
        {R"({"auth\u0000":1})", R"({"auth\u0000":1})"},
        {R"({" auth":1,"AUTH":2,"auth[]":3,"access.token":4})", R"({" auth":1,"AUTH":2,"auth[]":3,"access.token":4})"},
        {R"({"n":[1.10,1e999,-0,123456789012345678901234567890,1E+2],"auth":"K"})",
         R"({"n":[1.10,1e999,-0,123456789012345678901234567890,1E+2]})"},
        {R"(["a",{"auth":1}])", R"(["a",{"auth":1}])"},
        {R"({"s":"\"auth\":1, \\","auth":"K"})", R"({"s":"\"auth\":1, \\"})"},
        {"{\"u\":\"\xD0\xB8\\u0438\",\"auth\":\"K\"}", "{\"u\":\"\xD0\xB8\\u0438\"}"},
    };
    for (const auto& row : rows) {
        CAPTURE(std::string(row.body));
        CHECK(stripped(json, row.body) == row.want);
        CHECK(stripped("Application/JSON ; charset=utf-8", row.body, "/rest/1/P/user.get") == row.want);
        const Call kept = call_of(
            {.verb = "POST", .target = "/rest/user.get", .content_type = json, .body = row.body, .passthrough = true});
        CHECK(kept.body() == row.body);
        CHECK_FALSE(kept.rewritten_body.has_value());
    }
}

TEST_CASE("a multipart body loses fields, and no other byte") {
    const std::string a = field("a", "1"), b = field("b[]", "2");
    CHECK(stripped(multipart, a + b + last) == a + b + last);
    CHECK(stripped(multipart, field("auth", "K") + a + last) == a + last);
    CHECK(stripped(multipart, a + field("auth", "K") + b + last) == a + b + last);
    CHECK(stripped(multipart, a + field("token", "K") + last) == a + last);
    CHECK(stripped(multipart, field(" access.token[x]", "K") + a + field("sessid", "") + last) == a + last);
    CHECK(stripped(multipart, field("auth", "K") + last) == last);
    CHECK(stripped(multipart, "\r\n" + field("ap", "K") + a + last) == "\r\n" + a + last);
    CHECK(stripped(multipart, field("%61uth", "1") + a + last) == field("%61uth", "1") + a + last);
    const std::string file = "--B\r\nContent-Disposition: form-data; name=\"token\"; filename=\"x\"\r\n\r\nf\r\n";
    CHECK(stripped(multipart, file + a + last) == a + last);
    CHECK(stripped(multipart, file + a + last, "/rest/1/P/upload/?token=t") == file + a + last);
    CHECK(call_of(post(multipart, a + last)).body_kind == BodyKind::multipart);
}

TEST_CASE("bodies that the portal would misread are refused") {
    const std::string deep_array = std::string(512, '[') + std::string(512, ']');
    std::string deep_object;
    for (int i = 0; i < 512; ++i) deep_object += "{\"a\":";
    deep_object += "1" + std::string(512, '}');
    const struct {
        std::string_view type;
        std::string_view body;
        std::string_view says;
    } rows[] = {
        {json, "{", "JSON"},
        {json, "{\"a\":1,}", "byte 7"},
        {json, "{'a':1}", "JSON"},
        {json, "{\"a\":01}", "JSON"},
        {json, "{\"a\":NaN}", "JSON"},
        {json, "{} x", "JSON"},
        {json, "/**/{}", "JSON"},
        {json, " ", "JSON"},
        {json, "a=1", "JSON"},
        {json, "\"text\"", "object or an array"},
        {json, "12", "object or an array"},
        {json, "null", "object or an array"},
        {json, "true", "object or an array"},
        {json, "\xEF\xBB\xBF{}", "byte order mark"},
        {json, "{\"a\":\"\xFF\"}", "UTF-8"},
        {json, "{\"a\":\"\xC0\xAF\"}", "UTF-8"},
        {json, "{\"a\":\"\xED\xA0\x80\"}", "UTF-8"},
        {json, "{\"a\":\"\\ud800\"}", "JSON"},
        {json, "{\"a\":\"\\udc00\"}", "JSON"},
        {json, "{\"\\ud800\":1}", "JSON"},
        {json, "{\"a\":\"\x01\"}", "JSON"},
        {json, "{}\0"sv, "JSON"},
        {json, deep_array, "JSON"},
        {json, deep_object, "JSON"},
        {form, "{\"a\":1}", "application/json"},
        {form, " [1,2]", "application/json"},
        {"", "{\"a\":1}", "application/json"},
        {"text/plain", "a=1", "application/x-www-form-urlencoded"},
        {"application/xml", "<a/>", "application/json"},
        {"application/json, text/plain", "{}", "application/json"},
        {"application/jsonx", "{}", "application/json"},
        {"text/json", "{}", "application/json"},
        {"application/octet-stream", "x", "multipart/form-data"},
        {"multipart/form-data", "x", "boundary"},
        {"multipart/mixed; boundary=B", "--B--", "multipart/form-data"},
        {multipart, "x", "multipart"},
        {multipart, "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n", "final boundary"},
    };
    for (const auto& row : rows) {
        CAPTURE(std::string(row.type));
        CAPTURE(std::string(row.body.substr(0, 80)));
        const std::string message = refusal(post(row.type, row.body));
        CHECK(message.find(row.says) != std::string::npos);
    }
    for (const std::string_view coding : {"gzip", "identity, gzip", "br"})
        CHECK(refusal({"POST", "/rest/user.get", json, "", coding, "{}"}).find("Content-Encoding") !=
              std::string::npos);
    CHECK(call_of({"POST", "/rest/user.get", json, "", " Identity ", "{}"}).body_kind == BodyKind::json);
    // The deepest that PHP reads.
    CHECK(stripped(json, deep_array.substr(1, 1022)).size() == 1022);
    // Forms that only look like JSON.
    CHECK(stripped(form, "{a}=1") == "{a}=1");
    CHECK(stripped(form, "[x") == "[x");
}

TEST_CASE("refusals hold nothing of the body") {
    const std::string_view secret = "topsecret";
    for (const std::string_view type : {json, form, multipart, "text/plain"sv}) {
        const std::string body = std::string("\0{", 2) + std::string(secret) + "\"auth\":topsecret";
        CHECK(refusal(post(type, body)).find(secret) == std::string::npos);
    }
}

namespace {

/// "key:method key:method"
std::string commands(const RawCall& raw) {
    const Call call = call_of(raw);
    CHECK(call.is_batch);
    std::string out;
    for (const BatchCommand& command : call.commands)
        out += (out.empty() ? "" : " ") + command.key + ":" + command.method;
    return call.batch_halt ? out + " halt" : out;
}

std::string v2(std::string_view body) { return commands(post(json, body, "/rest/1/P/batch")); }
std::string v3(std::string_view body) { return commands(post(json, body, "/rest/api/1/P/batch")); }

}  // namespace

TEST_CASE("the commands of a v2 batch") {
    CHECK(v2("{}") == "");
    CHECK(v2("[]") == "");
    CHECK(v2(R"({"cmd":{"u":"user.current","d":"department.get?ID=$result[u][UF_DEPARTMENT][0]"},"halt":0})") ==
          "u:user.current d:department.get");
    CHECK(v2(R"({"cmd":["a.b?x=1","c.d"],"halt":1})") == "0:a.b 1:c.d halt");
    CHECK(v2(R"({"cmd":["a.b",7,null,{"x":"c.d"},["e.f"],"g.h"]})") == "0:a.b 5:g.h");
    CHECK(v2(R"({"cmd":{"a":"x.y"},"z":1,"cmd":{"b":"crm.deal.delete"}})") == "a:x.y b:crm.deal.delete");
    CHECK(v2(R"({"cmd":{"a":"x.y","a":"crm.deal.delete?id=1"}})") == "a:x.y a:crm.deal.delete");
    CHECK(v2(R"({"\u0063md":{"\u0061":"\u0078.y"}})") == "a:x.y");
    CHECK(v2(R"({"cmd":"x.y"})") == "");
    CHECK(v2(R"({"CMD":{"a":"x.y"}})") == "");
    CHECK(commands(post(form, "cmd[a]=x.y%3Fid%3D1&halt=1&cmd[b]=z", "/rest/1/P/batch.json")) == "a:x.y b:z halt");
    CHECK(commands(post(form, "cmd[]=x.y&cmd[]=z.w&cmd[7]=u&cmd[]=v", "/rest/BATCH")) == "0:x.y 1:z.w 7:u 8:v");
    CHECK(commands(post(form, "+cmd%5Ba%5D=x.y&cmd=z&cmd[b][c]=w&cmd[d=u", "/rest/batch")) == "a:x.y");
    // The first of a name too: a portal that reads only so many variables keeps it.
    CHECK(commands(post(form, "cmd[a]=crm.deal.delete&cmd[a]=x.y", "/rest/batch")) == "a:crm.deal.delete a:x.y");
    CHECK(commands(post(multipart, field("cmd[a]", "x.y?b=1") + field("halt", "1") + field("cmd[]", "z") + last,
                        "/rest/batch")) == "a:x.y 0:z halt");
    CHECK(commands({.verb = "GET", .target = "/rest/1/P/batch?cmd[a]=x.y%3Fid%3D1&halt=1"}) == "a:x.y halt");
    CHECK(commands(post(json, R"({"cmd":{"a":"z.w"},"halt":false})", "/rest/batch?cmd[q]=x.y&halt=1")) ==
          "q:x.y a:z.w");
    CHECK(commands(post(form, "cmd[a]=z.w", "/rest/batch?cmd[q]=x.y&halt=1")) == "q:x.y a:z.w halt");
    CHECK_FALSE(call_of(post(json, R"({"cmd":{"a":"x.y"}})", "/rest/user.get")).is_batch);
    CHECK(call_of(post(json, R"({"cmd":{"a":"x.y"}})", "/rest/user.get")).commands.empty());
}

TEST_CASE("a command that names no plain method keeps its whole text") {
    const struct {
        const char* command;
        const char* method;
    } rows[] = {
        {"crm.deal.list", "crm.deal.list"},
        {"crm.deal.list?a=b:80/", "crm.deal.list"},
        {"crm.deal.list?", "crm.deal.list"},
        {"crm.deal.list#x?y", "crm.deal.list"},
        {"crm.deal.list?http://x", "crm.deal.list"},
        {"CRM.Deal.List?x", "CRM.Deal.List"},
        {"/crm.deal.list?x", "/crm.deal.list?x"},
        {"//h/crm.deal.list", "//h/crm.deal.list"},
        {"http:crm.deal.list?x", "http:crm.deal.list?x"},
        {"http://h/crm.deal.list", "http://h/crm.deal.list"},
        {"crm.deal.list:80/x", "crm.deal.list:80/x"},
        {"crm.deal.list ?x", "crm.deal.list ?x"},
        {" crm.deal.list", " crm.deal.list"},
        {"%63rm.deal.list", "%63rm.deal.list"},
        {"crm.deal\x01list", "crm.deal\x01list"},
        {"?x=1", "?x=1"},
        {"#", "#"},
        {"", ""},
    };
    for (const auto& row : rows) {
        CAPTURE(std::string(row.command));
        CHECK(command_method(row.command) == row.method);
    }
}

TEST_CASE("halt is read as PHP reads it") {
    for (const char* value : {"0", "0.0", "-0", "0e7", "\"\"", "\"0\"", "false", "null", "[]", "{}", " [ ] "})
        CHECK(v2(std::string("{\"halt\":") + value + "}") == "");
    for (const char* value :
         {"1", "-1", "0.1", "1e999", "\"1\"", "\"0.0\"", "\"false\"", "\" \"", "true", "[0]", "{\"a\":0}"})
        CHECK(v2(std::string("{\"halt\":") + value + "}") == " halt");
    CHECK(v2(R"({"halt":1,"halt":0})") == "");
    for (const char* text : {"halt=0", "halt=", "halt", "halt=1&halt=0", "x=1"})
        CHECK(commands(post(form, text, "/rest/batch")) == "");
    for (const char* text : {"halt=1", "halt=00", "halt=0&halt=1", "halt[]=0", "+halt=1"})
        CHECK(commands(post(form, text, "/rest/batch")) == " halt");
}

TEST_CASE("the commands of a v3 batch") {
    CHECK(v3(R"([{"method":"tasks.task.get","query":{"id":1},"as":"t"},{"method":"a.b","query":{}}])") ==
          "t:tasks.task.get 1:a.b");
    CHECK(v3(R"([{"query":{}},5,"x",{"method":7},{"method":"a.b","method":"c.d"}])") == "4:a.b 4:c.d");
    CHECK(v3(R"([{"method":"a/b"},{"method":""}])") == "0:a/b 1:");
    CHECK(v3(R"({"cmd":{"x":"a.b?c=1","y":{"method":"c.d"}}})") == "x:a.b y:c.d");
    CHECK(v3(R"({"cmd":[{"method":"c.d","as":"q"}],"auth":"K"})") == "q:c.d");
    CHECK(v3(R"({"0":{"method":"a.b"},"z":{"method":"c.d"}})") == "0:a.b z:c.d");
    CHECK(v3("[]") == "");
    const Call call = call_of(post(json, R"([{"method":"a.b","query":{"auth":1}}])", "/rest/api/batch"));
    CHECK(call.body() == R"([{"method":"a.b","query":{"auth":1}}])");
    CHECK(call.key_place == KeyPlace::none);
}

TEST_CASE("batches longer than a portal takes are seen whole, up to a bound") {
    const auto batch = [](std::size_t count) {
        std::string body = "{\"cmd\":[";
        for (std::size_t i = 0; i < count; ++i) body += i ? ",\"a.b\"" : "\"a.b\"";
        return body + "]}";
    };
    const std::string over = batch(51), most = batch(max_batch_commands), above = batch(max_batch_commands + 1);
    CHECK(call_of(post(json, over, "/rest/batch")).commands.size() == 51);
    CHECK(call_of(post(json, most, "/rest/batch")).commands.size() == max_batch_commands);
    CHECK(refusal(post(json, above, "/rest/batch")).find("50") != std::string::npos);
    std::string nested;
    for (std::size_t i = 0; i <= max_batch_commands; ++i) nested += "cmd[][x]=a&";
    CHECK(refusal(post(form, nested, "/rest/batch")).find("50") != std::string::npos);
}

TEST_CASE("huge bodies cost linear time") {
    std::string many;
    for (int i = 0; i < 1000000; ++i) many += "a[" + std::to_string(i) + "]=1&auth=K&";
    const Call form_call = call_of(post(form, many));
    CHECK(form_call.key.reveal() == "K");
    CHECK(form_call.body().find("auth") == std::string_view::npos);
    std::string members = "{";
    for (int i = 0; i < 300000; ++i) members += "\"auth\":1,\"a\":[{}],";
    members += "\"z\":1}";
    const Call json_call = call_of(post(json, members));
    CHECK(json_call.body().find("auth") == std::string_view::npos);
    const std::string name(8 << 20, '['), value = "a=" + std::string(8 << 20, '%');
    CHECK(stripped(form, name) == name);
    CHECK(stripped(form, value) == value);
}

TEST_CASE("mutated requests are taken or refused, and what is taken holds no credential") {
    const struct {
        std::string_view target;
        std::string_view type;
        std::string body;
    } seeds[] = {
        {"/rest/1/KEY/crm.deal.list.json?auth=Q&a=1&access_token=x", form, "a[b]=1&auth=B&cmd[x]=user.get&token=1"},
        {"/portals/acme/rest/api/batch?x=1", json, R"([{"method":"a.b","query":{"id":1},"as":"t"}])"},
        {"/rest/batch?halt=1&cmd[q]=x.y", json, R"({"auth":"K","cmd":{"a":"b.c?d=1","e":[1]},"token":{"x":"\u0041"}})"},
        {"/rest/1/KEY/download/?token=t&sessid=1", multipart, field("auth", "K") + field("a", "1") + last},
        {"/rest/batch.json", multipart, field("cmd[a]", "x.y") + field("sessid", "1") + last},
    };
    const std::string_view bits[] = {"auth=", "%", "%00", "[",    "]",          "&",   "=",  "\"",  "\\",
                                     "{",     "}", ",",   ":",    "\r\n",       "/",   "..", "--B", "token",
                                     "+",     ".", " ",   "\xFF", "\\u0061uth", "%61", "?"};
    std::mt19937 random(3);
    const auto mutate = [&](std::string text) {
        for (unsigned n = random() % 3; n > 0; --n) {
            const std::size_t at = random() % (text.size() + 1);
            switch (random() % 3) {
                case 0: text.insert(at, bits[random() % std::size(bits)]); break;
                case 1: text.erase(at, 1 + random() % 3); break;
                default:
                    if (at < text.size()) text[at] = static_cast<char>(random());
            }
        }
        return text;
    };
    int taken = 0;
    for (int i = 0; i < 30000; ++i) {
        const auto& seed = seeds[random() % std::size(seeds)];
        const std::string target = mutate(std::string(seed.target)), body = mutate(seed.body);
        const RawCall raw{.verb = "POST", .target = target, .content_type = seed.type, .body = body};
        const auto call = parse_call(raw);
        if (!call) {
            CHECK_FALSE(call.error().message.empty());
            continue;
        }
        ++taken;
        // What is forwarded, read again, has nothing left to strip.
        const std::string clean =
            call->kind == CallKind::method ? "/rest/user.get?" + call->query : "/rest/download?" + call->query;
        const RawCall again{.verb = "POST", .target = clean, .content_type = seed.type, .body = call->body()};
        const auto twice = parse_call(again);
        REQUIRE(twice.has_value());
        CHECK(twice->query == call->query);
        CHECK_FALSE(twice->rewritten_body.has_value());
        CHECK(twice->key_place == KeyPlace::none);
        CHECK(twice->body_kind == (call->body().empty() ? BodyKind::none : call->body_kind));
        CHECK((call->kind != CallKind::method || is_method_name(call->method)));
    }
    CHECK(taken > 3000);
}
