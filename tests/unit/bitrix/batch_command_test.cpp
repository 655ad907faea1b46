// What travels in a batch, and that the portal reads back exactly what the single call would have said.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <b24gate/bitrix/batch_command.hpp>
#include <b24gate/core/json_scan.hpp>

using namespace b24gate::bitrix;
namespace json = b24gate::core::json;

namespace {

const Methods methods;

/// The views in a Call are of these texts.
struct Sent {
    std::string target, type, body;
    Call call;
};

constexpr std::string_view json_type = "application/json";
constexpr std::string_view form_type = "application/x-www-form-urlencoded";

void send(Sent& sent, std::string target, std::string_view type = {}, std::string body = {}) {
    sent.target = std::move(target);
    sent.type = type;
    sent.body = std::move(body);
    RawCall raw;
    raw.verb = type.empty() ? "GET" : "POST";
    raw.target = sent.target;
    raw.content_type = sent.type;
    raw.body = sent.body;
    auto call = parse_call(raw);
    INFO(sent.target, " ", sent.body);
    REQUIRE(call.has_value());
    sent.call = *std::move(call);
}

/// "method?query", or the reason in brackets.
std::string encoded(std::string target, std::string_view type = {}, std::string body = {}, bool with_writes = false) {
    Sent sent;
    send(sent, std::move(target), type, std::move(body));
    const auto command = encode_command(sent.call, methods, with_writes);
    if (!command) return "<" + std::string(to_string(command.error())) + ">";
    CHECK(command->method == sent.call.method);
    return command->text;
}

std::string of_json(std::string body) { return encoded("/rest/1/key/crm.deal.list", json_type, std::move(body)); }
std::string of_form(std::string body) { return encoded("/rest/1/key/crm.deal.list", form_type, std::move(body)); }
std::string of_query(const std::string& query) { return encoded("/rest/1/key/crm.deal.list?" + query); }

/// As a portal reads it: the outer JSON, PHP's parse_url, parse_str.
FormNode portal_reads(const Command& command) {
    const Command* const one[] = {&command};
    const std::string body = batch_body(one);
    REQUIRE(!json::validate(body));
    REQUIRE(batch_body_size(one) == body.size());
    const auto cmd = json::find(body, "cmd");
    REQUIRE(cmd.has_value());
    const auto literal = json::find(*cmd, "c0");
    REQUIRE(literal.has_value());
    const auto text = json::decode_string(*literal);
    REQUIRE(text.has_value());
    REQUIRE(text->find_first_of("#:\\\" ") == std::string::npos);
    REQUIRE(text->substr(0, text->find('?')) == command.method);
    const std::size_t mark = text->find('?');
    return parse_form(mark == std::string::npos ? "" : std::string_view(*text).substr(mark + 1),
                      {.max_variables = max_command_variables});
}

}  // namespace

TEST_CASE("every reason has a label of its own") {
    std::set<std::string_view> labels;
    for (int i = 0; i < kept_out_count; ++i) {
        const std::string_view label = to_string(static_cast<KeptOut>(i));
        CHECK(label.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") == std::string_view::npos);
        CHECK(!label.empty());
        labels.insert(label);
    }
    CHECK(labels.size() == kept_out_count);
    CHECK(to_string(KeptOut::encoding_differs) == "encoding_differs");
    CHECK(to_string(KeptOut::v3) == "v3");
    CHECK(to_string(KeptOut::null_value) == "null_value");
    CHECK(to_string(KeptOut::security_filter) == "security_filter");
}

TEST_CASE("which calls, before their parameters") {
    CHECK(encoded("/rest/1/key/crm.deal.get?id=5") == "crm.deal.get?id=5");
    CHECK(encoded("/rest/crm.deal.get?auth=token&id=5") == "crm.deal.get?id=5");
    CHECK(encoded("/rest/1/key/crm.deal.fields") == "crm.deal.fields");
    CHECK(encoded("/rest/1/key/crm.deal.fields.json") == "crm.deal.fields");
    CHECK(encoded("/rest/1/key/User.Current") == "User.Current");
    CHECK(encoded("/rest/1/key/crm.deal.fields", json_type, "{}") == "crm.deal.fields");
    CHECK(encoded("/rest/1/key/crm.deal.fields", json_type, "[]") == "crm.deal.fields");
    CHECK(encoded("/rest/crm.deal.get", json_type, R"({"auth":"token"})") == "crm.deal.get");

    CHECK(encoded("/rest/api/1/key/tasks.task.get?id=5") == "<v3>");
    CHECK(encoded("/rest/1/key/download/?token=x") == "<not_a_method>");
    CHECK(encoded("/rest/1/key/batch") == "<batch_itself>");
    CHECK(encoded("/rest/1/key/Batch") == "<batch_itself>");
    CHECK(encoded("/rest/1/key/event.offline.get") == "<not_batchable>");
    CHECK(encoded("/rest/1/key/task.item.getdata?0=12") == "<not_batchable>");
    CHECK(encoded("/rest/1/key/app.info") == "<depends_on_webhook>");
    CHECK(encoded("/rest/1/key/App.Info") == "<depends_on_webhook>");
    CHECK(encoded("/rest/1/key/crm.deal.list.xml") == "<xml_suffix>");
    CHECK(encoded("/rest/1/key/crm.deal.list", "multipart/form-data; boundary=b",
                  "--b\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n5\r\n--b--\r\n") == "<multipart>");
}

TEST_CASE("writes travel only where they are asked for, and say so") {
    const std::string body = R"({"fields":{"TITLE":"Deal"}})";
    CHECK(encoded("/rest/1/key/crm.deal.add", json_type, body) == "<write>");
    CHECK(encoded("/rest/1/key/crm.deal.add", json_type, body, true) == "crm.deal.add?fields%5BTITLE%5D=Deal");
    Sent sent;
    send(sent, "/rest/1/key/crm.deal.add", json_type, body);
    const auto add = encode_command(sent.call, methods, true);
    REQUIRE(add.has_value());
    CHECK(add->writes);
    send(sent, "/rest/1/key/crm.deal.get?id=1");
    const auto get = encode_command(sent.call, methods, true);
    REQUIRE(get.has_value());
    CHECK(!get->writes);
}

TEST_CASE("JSON parameters") {
    CHECK(of_json(R"({"id":5})") == "crm.deal.list?id=5");
    CHECK(of_json(R"({"id":"5"})") == "crm.deal.list?id=5");
    CHECK(of_json(R"( { "start" : -1 } )") == "crm.deal.list?start=-1");
    CHECK(of_json(R"({"start":50,"filter":{">ID":100,"STAGE_ID":["NEW","WON"]},"select":["ID","TITLE"]})") ==
          "crm.deal.list?start=50&filter%5B%3EID%5D=100&filter%5BSTAGE_ID%5D%5B0%5D=NEW&filter%5BSTAGE_ID%5D%5B1%5D="
          "WON&select%5B0%5D=ID&select%5B1%5D=TITLE");
    CHECK(of_json(R"({"q":"a&b=c+d e%f#?\"'"})") == "crm.deal.list?q=a%26b%3Dc%2Bd%20e%25f%23%3F%22%27");
    CHECK(of_json(R"({"q":"\u0416\ud83d\ude00"})") == "crm.deal.list?q=%D0%96%F0%9F%98%80");
    CHECK(of_json("{\"q\":\"\xD0\x96\\n\"}") == "crm.deal.list?q=%D0%96%0A");
    CHECK(of_json(R"({"q":""})") == "crm.deal.list?q=");
    CHECK(of_json(R"({"filter":{"=CONTACT_ID":7,"!STATUS":"X","%TITLE":"a"}})") ==
          "crm.deal.list?filter%5B%3DCONTACT_ID%5D=7&filter%5B%21STATUS%5D=X&filter%5B%25TITLE%5D=a");
    CHECK(of_json(R"({"n":9223372036854775807,"m":-9223372036854775808,"z":0})") ==
          "crm.deal.list?n=9223372036854775807&m=-9223372036854775808&z=0");
    CHECK(of_json(R"({"filter":{"5":"a","05":"b","-3":"c"}})") ==
          "crm.deal.list?filter%5B5%5D=a&filter%5B05%5D=b&filter%5B-3%5D=c");

    CHECK(of_json(R"({"a":null})") == "<null_value>");
    CHECK(of_json(R"({"a":{"b":[null]}})") == "<null_value>");
    CHECK(of_json(R"({"a":true})") == "<boolean>");
    CHECK(of_json(R"({"a":[false]})") == "<boolean>");
    for (const char* number : {"1.0", "1e3", "-0", "0.5", "9223372036854775808", "-9223372036854775809", "1E+2"})
        CHECK(of_json(std::string("{\"a\":") + number + "}") == "<float_number>");
    CHECK(of_json(R"({"a":[]})") == "<empty_array>");
    CHECK(of_json(R"({"a":{"b":[ ]}})") == "<empty_array>");
    CHECK(of_json(R"({"a":{}})") == "<empty_object>");
    CHECK(of_json(R"({"a":1,"a":2})") == "<duplicate_key>");
    CHECK(of_json(R"({"x":{"a":1,"b":3,"\u0061":2}})") == "<duplicate_key>");
}

TEST_CASE("names that form text cannot carry") {
    for (const char* name : {"a.b", "a b", " a", "a[b", "a[b]", "", "[", "a]b[c]", "__Host-x[", "a["}) {
        CAPTURE(name);
        CHECK(of_json("{" + json::quoted(name) + ":1}") == "<encoding_differs>");
    }
    CHECK(of_json(R"({"a]b":1})") == "crm.deal.list?a%5Db=1");
    for (const char* name : {"", "]", "a]b", "x]["}) {
        CAPTURE(name);
        CHECK(of_json("{\"f\":{" + json::quoted(name) + ":1}}") == "<encoding_differs>");
    }
    CHECK(of_json(R"({"f":{"a.b c":1}})") == "crm.deal.list?f%5Ba.b%20c%5D=1");
    // Numbers as names of the top level: a portal renumbers them for a single call, and a list is by position.
    CHECK(of_json(R"({"0":1})") == "<positional>");
    CHECK(of_json(R"(["a"])") == "<positional>");
    CHECK(of_query("7=a") == "<positional>");
    CHECK(of_query("-7=a") == "<positional>");
}

TEST_CASE("form parameters are text already") {
    CHECK(of_form("a=true&b=null&c=1.0&d=") == "crm.deal.list?a=true&b=null&c=1.0&d=");
    CHECK(of_query("a=1&a=2") == "crm.deal.list?a=2");
    CHECK(of_query("s[]=x&s[]=y&f%5B%3EID%5D=1") == "crm.deal.list?s%5B0%5D=x&s%5B1%5D=y&f%5B%3EID%5D=1");
    CHECK(of_query("a.b=1") == "crm.deal.list?a_b=1");
    CHECK(of_query("q=a+b%2Bc") == "crm.deal.list?q=a%20b%2Bc");
    CHECK(of_query("a=%zz") == "crm.deal.list?a=%25zz");
    CHECK(of_query("bx24_request_id=0b5f&bx24_sdk_ver=1.0.1&id=5") ==
          "crm.deal.list?bx24_request_id=0b5f&bx24_sdk_ver=1.0.1&id=5");
    // Without a Content-Type the portal would have trimmed it.
    CHECK(of_form("a=1\n") == "<encoding_differs>");
    CHECK(of_form("\ta=1") == "<encoding_differs>");
}

TEST_CASE("a body goes over the query, name by name") {
    CHECK(encoded("/rest/1/key/crm.deal.list?a=1&b[x]=2&c=3", json_type, R"({"b":{"y":"4"},"d":5})") ==
          "crm.deal.list?a=1&b%5By%5D=4&c=3&d=5");
    CHECK(encoded("/rest/1/key/crm.deal.list?a=1&b=2", form_type, "b=3&e=4") == "crm.deal.list?a=1&b=3&e=4");
    // What the body hides is not sent, and judged as little.
    CHECK(encoded("/rest/1/key/crm.deal.list?a=$result[x]", json_type, R"({"a":"1"})") == "crm.deal.list?a=1");
}

TEST_CASE("no dollar in any spelling that something could decode") {
    for (const char* text : {"$", "a$b", "$result[c0]", "%24", "%2524", "x%252524result[c0]", "%25%24"}) {
        CAPTURE(text);
        CHECK(of_json("{\"a\":" + json::quoted(text) + "}") == "<dollar>");
        CHECK(of_json("{\"f\":{" + json::quoted(text) + ":1}}") == "<dollar>");
        CHECK(of_json("{\"f\":[[" + json::quoted(text) + "]]}") == "<dollar>");
    }
    CHECK(of_json(R"({"a":"\u0024result[c0]"})") == "<dollar>");
    CHECK(of_query("a=%24result[c0]") == "<dollar>");
    CHECK(of_query("a=%2524") == "<dollar>");
    CHECK(of_query("f[%24]=1") == "<dollar>");
    CHECK(of_query("$a=1") == "<dollar>");
    CHECK(of_json(R"({"a":"25%"})") == "crm.deal.list?a=25%25");
}

TEST_CASE("names that a portal keeps for itself") {
    for (const char* name : {"state", "auth_connector", "method", "AUTH_FORM", "logout", "clear_cache"}) {
        CAPTURE(name);
        CHECK(of_query(std::string(name) + "=1") == "<reserved_name>");
        CHECK(of_query(std::string(name) + "[x]=1") == "<reserved_name>");
        CHECK(of_json(std::string("{\"") + name + "\":1}") == "<reserved_name>");
        CHECK(of_json(std::string("{\"f\":{\"") + name + "\":1}}") != "<reserved_name>");
    }
    CHECK(of_query("start=50&halt=1&cmd=x") == "crm.deal.list?start=50&halt=1&cmd=x");
    // A passthrough client's credential stays in its call, and must not reach other calls' batch.
    RawCall raw;
    raw.verb = "GET";
    raw.target = "/rest/crm.deal.get?id=1&auth=token";
    raw.passthrough = true;
    const auto call = parse_call(raw);
    REQUIRE(call.has_value());
    const auto command = encode_command(*call, methods);
    REQUIRE(command.has_error());
    CHECK(command.error() == KeptOut::reserved_name);
}

TEST_CASE("what a portal's filter could change travels alone") {
    for (const char* text :
         {"<b>",           "a < b",      "java\\nscript:x", "javascript:alert(1)", "vb script:",
          "/../etc",       "..\\..\\x",  "&lt;b&gt;",       "%6aavascript",        "\\x6a",
          "onclick = 1",   "x onload=1", "expression (1)",  "union all select 1",  "select * from b_user",
          "drop  table x", "load_file(", "'data:text",      "%2e%2e%2f",           "ex/**/pression"}) {
        CAPTURE(text);
        CHECK(of_json("{\"a\":" + json::quoted(text) + "}") == "<security_filter>");
    }
    for (const char* text :
         {"2026-09-21T16:13:24+03:00", ">=DATE_CREATE", "=CONTACT_ID", "a@b.example", "50%", "+7 (900) 000-00-00",
          "R&D", "a/b", "https://a.example/x?y=1", "Select all", "\"quoted\""}) {
        CAPTURE(text);
        CHECK(of_json("{\"a\":" + json::quoted(text) + "}").starts_with("crm.deal.list?a="));
    }
    // Seen only when fields stand beside each other.
    CHECK(of_query("select1=a&b=.from") == "<security_filter>");
    CHECK(of_query("javascript=a") == "<security_filter>");
    CHECK(of_query("select[]=ID&filter[>DATE_FROM]=1&order[ID]=ASC").starts_with("crm.deal.list?select"));
}

TEST_CASE("bytes") {
    CHECK(of_json(R"({"a":"x\u0000y"})") == "<bad_text>");
    CHECK(of_query("a=%00") == "<bad_text>");
    CHECK(of_query("a=%FF") == "<bad_text>");
    CHECK(of_query("a=%C0%80") == "<bad_text>");
    CHECK(of_query("f[%ED%A0%80]=1") == "<bad_text>");
    CHECK(of_query("a=%EF%BF%BD") == "crm.deal.list?a=%EF%BF%BD");
}

TEST_CASE("sizes") {
    const auto list = [](std::size_t n) {
        std::string out = "{\"a\":[";
        for (std::size_t i = 0; i < n; ++i) out += i == 0 ? "1" : ",1";
        return out + "]}";
    };
    CHECK(of_json(list(max_command_variables)).starts_with("crm.deal.list?"));
    CHECK(of_json(list(max_command_variables + 1)) == "<too_many_variables>");
    CHECK(of_json(list(20'000)) == "<too_many_variables>");
    std::string pieces = "a=1";
    for (std::size_t i = 1; i < max_command_variables; ++i) pieces += "&a=1";
    CHECK(of_query(pieces) == "crm.deal.list?a=1");
    CHECK(of_query(pieces + "&a=1") == "<too_many_variables>");
    CHECK(of_form(pieces + "&a=1") == "<too_many_variables>");

    const auto nested = [](std::size_t depth) {
        return "{\"a\":" + std::string(depth, '[') + '1' + std::string(depth, ']') + '}';
    };
    CHECK(of_json(nested(php_nesting_limit)).starts_with("crm.deal.list?"));
    CHECK(of_json(nested(php_nesting_limit + 1)) == "<too_deep>");
    CHECK(of_json(nested(500)) == "<too_deep>");

    const std::size_t rest = std::string_view("crm.deal.list?a=").size();
    CHECK(of_json("{\"a\":\"" + std::string(max_command_text - rest, 'x') + "\"}").size() == max_command_text);
    CHECK(of_json("{\"a\":\"" + std::string(max_command_text - rest + 1, 'x') + "\"}") == "<too_long>");
    CHECK(of_json("{\"a\":\"" + std::string(max_call_parameters, 'x') + "\"}") == "<too_long>");
}

TEST_CASE("the batch's body") {
    std::vector<Command> commands(12);
    std::vector<const Command*> list;
    for (std::size_t i = 0; i < commands.size(); ++i) {
        commands[i].text = "m?i=" + std::to_string(i * i);
        list.push_back(&commands[i]);
        CHECK(batch_body_size(list) == batch_body(list).size());
    }
    CHECK(batch_body({}) == R"({"halt":0,"cmd":{}})");
    CHECK(batch_body_size({}) == batch_body({}).size());
    CHECK(batch_body(std::span(list).first(2)) == R"({"halt":0,"cmd":{"c0":"m?i=0","c1":"m?i=1"}})");
    CHECK(batch_body(list).ends_with(R"("c10":"m?i=100","c11":"m?i=121"}})"));
}

namespace {

/// Random calls whose parameters are known as a tree before they are written.
class Maker {
public:
    explicit Maker(unsigned seed) : random_(seed) {}

    std::size_t below(std::size_t n) { return random_() % n; }

    std::string text(bool key) {
        static const std::vector<std::string> pieces{
            "ID",
            "TITLE",
            ">",
            "=",
            "!",
            "%",
            "&",
            "+",
            " ",
            "a",
            "7",
            "-",
            ".",
            "_",
            "[",
            "]",
            "\"",
            "'",
            "\\",
            "/",
            "#",
            "?",
            "\n",
            "\t",
            "%20",
            "%5B",
            "\xD0\x96",
            "\xF0\x9F\x98\x80",
            "\xE2\x82\xAC",
            ":",
            ";",
            "{",
            "}",
            "(",
            "@",
            "05",
            "true",
            "null",
            "%",
            "=",
            "on",
            "from",
            "\x01",
            "\x7F",
            "$",
            "%24",
            "<",
        };
        std::string out;
        if (key && below(3) != 0) out = below(2) == 0 ? "KEY" : "filter";
        // Ordinary text more often than not, so that enough is accepted.
        const std::size_t many = below(key ? 2 : 4);
        const std::size_t last = below(8) == 0 ? pieces.size() : pieces.size() - 7;
        for (std::size_t i = 0; i < many; ++i) out += pieces[below(last)];
        return out;
    }

    void fill(FormNode& node, std::size_t depth) {
        node.is_array = true;
        const std::size_t many = 1 + below(4);
        const bool list = depth != 0 && below(2) == 0;
        for (std::size_t i = 0; i < many; ++i) {
            FormNode item;
            item.key = list ? std::to_string(i) : text(true) + (below(2) == 0 ? std::to_string(i) : "");
            if (node.find(item.key)) continue;
            if (depth < 5 && below(4) == 0)
                fill(item, depth + 1);
            else
                item.value = below(3) == 0 ? std::to_string(static_cast<int>(random_())) : text(false);
            node.items.push_back(std::move(item));
        }
    }

    void deepen(FormNode& node, std::size_t levels) {
        FormNode* at = &node;
        for (std::size_t i = 0; i < levels; ++i) {
            at->is_array = true;
            at->value.clear();
            at->items.resize(1);
            at->items[0].key = "d";
            at = &at->items[0];
        }
        *at = FormNode{at->key, "x", {}, false};
    }

    void write_json(std::string& out, const FormNode& node, bool root) {
        if (!node.is_array) {
            const bool integer = !node.value.empty() &&
                                 node.value.find_first_not_of("0123456789") == std::string::npos &&
                                 (node.value == "0" || node.value[0] != '0') && node.value.size() < 18;
            out += integer && below(2) == 0 ? node.value : quoted(node.value);
            return;
        }
        bool list = !root;
        for (std::size_t i = 0; i < node.items.size(); ++i) list = list && node.items[i].key == std::to_string(i);
        out += list ? '[' : '{';
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            if (i != 0) out += below(5) == 0 ? " ,\n" : ",";
            if (!list) out += quoted(node.items[i].key) + (below(5) == 0 ? " : " : ":");
            write_json(out, node.items[i], false);
        }
        out += list ? ']' : '}';
    }

    /// Sometimes with escapes where none are needed.
    std::string quoted(const std::string& text) {
        if (below(4) != 0) return json::quoted(text);
        std::string out = "\"";
        for (const char c : text) {
            if (static_cast<unsigned char>(c) < 0x80 && below(2) == 0) {
                static constexpr char hex[] = "0123456789abcdef";
                out += "\\u00";
                out += hex[static_cast<unsigned char>(c) >> 4];
                out += hex[static_cast<unsigned char>(c) & 15];
            } else if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20) {
                const std::string one = json::quoted(std::string(1, c));
                out.append(one, 1, one.size() - 2);
            } else {
                out += c;
            }
        }
        return out + '"';
    }

    /// Percent signs or not, as clients write it.
    std::string form_piece(const std::string& text) {
        std::string out;
        if (below(2) == 0) {
            append_form_encoded(out, text);
            return out;
        }
        for (const char c : text) {
            if (c == ' ')
                out += '+';
            else if (c == '&' || c == '+' || c == '%' || c == '=' || c == '#')
                append_form_encoded(out, std::string_view(&c, 1));
            else
                out += c;
        }
        return out;
    }

    void write_form(std::string& out, const FormNode& node, const std::string& name) {
        for (const FormNode& item : node.items) {
            const std::string full = name.empty() ? item.key : name + '[' + item.key + ']';
            if (item.is_array) {
                write_form(out, item, full);
                continue;
            }
            if (!out.empty()) out += '&';
            out += form_piece(full) + '=' + form_piece(item.value);
        }
    }

private:
    std::mt19937 random_;
};

}  // namespace

TEST_CASE("whatever is accepted, the portal reads the single call's parameters") {
    Maker maker(20260921);
    std::map<std::string, std::size_t> reasons;
    std::size_t accepted_json = 0, accepted_form = 0;
    for (std::size_t round = 0; round < 30'000; ++round) {
        FormNode tree;
        maker.fill(tree, 0);
        if (maker.below(50) == 0) maker.deepen(tree.items[0], 1 + maker.below(70));
        Sent sent;
        FormNode single = tree;
        const bool as_json = maker.below(2) == 0;
        if (as_json) {
            std::string body;
            maker.write_json(body, tree, true);
            send(sent, "/rest/1/key/crm.deal.list", json_type, body);
        } else {
            std::string form;
            maker.write_form(form, tree, "");
            single = parse_form(form);  // what the client meant is one thing, what it said another
            if (form.find_first_of("\n\t\r\x01\x7F ") == std::string::npos && maker.below(2) == 0)
                send(sent, "/rest/1/key/crm.deal.list?" + form);
            else
                send(sent, "/rest/1/key/crm.deal.list", form.empty() ? "" : form_type, form);
        }
        const auto command = encode_command(sent.call, methods);
        if (!command) {
            ++reasons[std::string(to_string(command.error()))];
            continue;
        }
        ++(as_json ? accepted_json : accepted_form);
        INFO(sent.target, " ", sent.body, " -> ", command->text);
        CHECK(portal_reads(*command) == single);
        CHECK(command->text.find('$') == std::string::npos);
        CHECK(command->text.find("%24") == std::string::npos);
        CHECK(command->text.find("%2524") == std::string::npos);
    }
    std::string told;
    for (const auto& [reason, count] : reasons) told += ' ' + reason + '=' + std::to_string(count);
    INFO("json ", accepted_json, ", form ", accepted_form, ", kept out:", told);
    // A generator that makes nothing but what is refused would prove nothing.
    CHECK(accepted_json > 4000);
    CHECK(accepted_form > 4000);
    CHECK(reasons["encoding_differs"] > 100);
    CHECK(reasons["dollar"] > 100);
    CHECK(reasons["too_deep"] > 10);
}
