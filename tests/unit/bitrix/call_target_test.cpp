#include <doctest/doctest.h>

#include <string>

#include <b24gate/bitrix/call.hpp>
#include <b24gate/bitrix/call_target.hpp>

using namespace b24gate::bitrix;

namespace {

/// "v2 webhook user=1 key=K crm.deal.list.json portal=p", or "400"/"404".
std::string read(std::string_view target) {
    const auto call = parse_call({.verb = "GET", .target = target});
    if (!call) {
        CHECK_FALSE(call.error().message.empty());
        return call.error().code == GatewayCode::bad_request ? "400" : "404";
    }
    std::string out = call->api == Api::v2 ? "v2" : "v3";
    if (call->form == UrlForm::webhook) out += " user=" + call->user + " key=" + call->key.reveal();
    if (call->kind == CallKind::download) out += " download";
    if (call->kind == CallKind::upload) out += " upload";
    if (!call->method.empty()) out += " " + call->method;
    if (call->suffix == Suffix::json) out += " .json";
    if (call->suffix == Suffix::xml) out += " .xml";
    if (!call->portal_prefix.empty()) out += " portal=" + call->portal_prefix;
    if (!call->query.empty()) out += " ?" + call->query;
    CHECK((call->form == UrlForm::webhook) == (call->key_place == KeyPlace::path));
    return out;
}

}  // namespace

TEST_CASE("every form of a target") {
    const struct {
        const char* target;
        const char* want;
    } rows[] = {
        // As the clients send them.
        {"/rest/1/KEY/crm.deal.list?bx24_request_id=0f-1&bx24_sdk_ver=2.2.0&bx24_sdk_type=b24-js-sdk",
         "v2 user=1 key=KEY crm.deal.list ?bx24_request_id=0f-1&bx24_sdk_ver=2.2.0&bx24_sdk_type=b24-js-sdk"},
        {"/rest/api/1/KEY/tasks.task.list?bx24_request_id=x", "v3 user=1 key=KEY tasks.task.list ?bx24_request_id=x"},
        {"/portals/acme/rest/1/KEY/crm.deal.list", "v2 user=1 key=KEY crm.deal.list portal=acme"},
        {"/portals/acme/rest//crm.deal.list", "v2 crm.deal.list portal=acme"},
        {"/portals/acme/rest//api/tasks.task.get", "v3 tasks.task.get portal=acme"},
        {"/rest/1/KEY//crm.deal.list/?bx24_request_id=x", "v2 user=1 key=KEY crm.deal.list ?bx24_request_id=x"},
        {"/rest/1/KEY/crm.deal.list/", "v2 user=1 key=KEY crm.deal.list"},
        {"/rest/api/1/KEY/crm.item.list/", "v3 user=1 key=KEY crm.item.list"},
        {"/rest/crm.deal.list?x=1", "v2 crm.deal.list ?x=1"},
        {"/rest/1/KEY/crm.deal.list.json", "v2 user=1 key=KEY crm.deal.list .json"},
        {"/rest/crm.deal.list.json", "v2 crm.deal.list .json"},
        {"/rest/1/KEY/profile", "v2 user=1 key=KEY profile"},
        {"/rest/1/KEY/profile.json", "v2 user=1 key=KEY profile .json"},
        {"/rest/1/KEY/batch", "v2 user=1 key=KEY batch"},
        {"/rest/user.current.json", "v2 user.current .json"},
        // v2
        {"/rest/1/KEY/crm.deal.list.xml", "v2 user=1 key=KEY crm.deal.list .xml"},
        {"/rest/1/KEY/crm.deal.list.JSON", "v2 user=1 key=KEY crm.deal.list .json"},
        {"/rest/1/KEY/CRM.Deal.List", "v2 user=1 key=KEY CRM.Deal.List"},
        {"/rest/1/KEY/tasks.flow.Flow.get", "v2 user=1 key=KEY tasks.flow.Flow.get"},
        {"/rest/1/KEY/im.v2.Chat.list", "v2 user=1 key=KEY im.v2.Chat.list"},
        {"/rest/1/KEY/entity.item.property_x-y", "v2 user=1 key=KEY entity.item.property_x-y"},
        {"//rest//1//KEY//user.get//", "v2 user=1 key=KEY user.get"},
        {"/rest/ivan.petrov/KEY/user.get", "v2 user=ivan.petrov key=KEY user.get"},
        {"/rest/ivan@acme.com/KEY/user.get", "v2 user=ivan@acme.com key=KEY user.get"},
        {"/rest/ivan%40acme.com/KEY/user.get", "v2 user=ivan@acme.com key=KEY user.get"},
        {"/rest/%D0%B8/KEY/user.get", "v2 user=\xD0\xB8 key=KEY user.get"},
        {"/rest/1/b24g_aZ09-_.~/user.get", "v2 user=1 key=b24g_aZ09-_.~ user.get"},
        {"/rest/1/KEY/%63rm%2Edeal.list", "v2 user=1 key=KEY crm.deal.list"},
        {"/%72est/1/KEY/user.get", "v2 user=1 key=KEY user.get"},
        {"/rest/1/K%45Y/user.get", "v2 user=1 key=KEY user.get"},
        {"/rest/batch", "v2 batch"},
        {"/rest/api", "404"},
        {"/rest/API/user.get", "404"},
        {"/rest/1/KEY/api", "v2 user=1 key=KEY api"},
        {"/rest/1c.exchange", "v2 1c.exchange"},
        // v3
        {"/rest/api/tasks.task.get", "v3 tasks.task.get"},
        {"/rest/api/x", "v3 x"},
        {"/rest/api/batch", "v3 batch"},
        {"/rest/api/KEY/user.get", "404"},  // not a v2 webhook of a user called api
        {"/rest/api/1/KEY/crm.item.list.json", "v3 user=1 key=KEY crm.item.list.json"},
        {"/rest/api/1/KEY/download", "v3 user=1 key=KEY download"},
        {"/portals/acme/rest/api/1/KEY/batch", "v3 user=1 key=KEY batch portal=acme"},
        {"/rest/api/api/KEY/user.get", "v3 user=api key=KEY user.get"},
        // Portals
        {"/portals/ACME-1_x/rest/user.get", "v2 user.get portal=ACME-1_x"},
        {"/portals//acme//rest//user.get", "v2 user.get portal=acme"},
        {"/portals/ac.me/rest/user.get", "404"},
        {"/portals/rest/user.get", "404"},
        {"/portals/acme", "404"},
        {"/portals/", "404"},
        {"/Portals/acme/rest/user.get", "404"},
        {"/portals/acme/portals/acme/rest/user.get", "404"},
        // Signed links
        {"/rest/download.json?auth=K&token=disk%7Cabc%7Csig", "v2 download .json ?token=disk%7Cabc%7Csig"},
        {"/rest/download/?auth=K&token=t", "v2 download ?token=t"},
        {"/rest/1/KEY/download/?token=t", "v2 user=1 key=KEY download ?token=t"},
        {"/rest/1/KEY/download/?token=t&auth=x", "v2 user=1 key=KEY download ?token=t"},
        {"/rest/1/KEY/Download?token=t", "v2 user=1 key=KEY download ?token=t"},
        {"/rest/upload.json?token=t&auth=K", "v2 upload .json ?token=t"},
        {"/portals/a/rest/1/KEY/upload/?token=t", "v2 user=1 key=KEY upload portal=a ?token=t"},
        {"/rest/1/KEY/user.get?token=t", "v2 user=1 key=KEY user.get"},
        {"/rest/api/1/KEY/download?token=t", "v3 user=1 key=KEY download"},
        // No call
        {"/", "404"},
        {"/healthz", "404"},
        {"/rest", "404"},
        {"/rest/", "404"},
        {"/rest/1/KEY", "404"},
        {"/rest/1/KEY/", "404"},
        {"/rest/api/1/KEY/", "404"},
        {"/rest/1/KEY/user.get/more", "404"},
        {"/rest/api/1/KEY/user.get/more", "404"},
        {"/REST/1/KEY/user.get", "404"},
        {"/b24/rest/1/KEY/user.get", "404"},
        {"/bitrix/services/rest/user.get", "404"},
        // Malformed
        {"", "400"},
        {"*", "400"},
        {"rest/1/KEY/user.get", "400"},
        {"http://acme/rest/user.get", "400"},
        {"/rest/1/KEY/user.get#x", "400"},
        {"/rest/1/KEY/user.get?a=#x", "400"},
        {"/rest/1/KEY/user.get?a=b c", "400"},
        {"/rest/1/KEY/user.get?a=\x01", "400"},
        {"/rest/1/KEY/user.get?a=\x7f", "400"},
        {"/rest/1/KEY/user.get?a=\xD0\xB8", "v2 user=1 key=KEY user.get ?a=\xD0\xB8"},
        {"/rest/1/K%2FY/user.get", "400"},
        {"/rest/1/K%2fY/user.get", "400"},
        {"/rest/1/K%5CY/user.get", "400"},
        {"/rest/1/K\\Y/user.get", "400"},
        {"/rest/1/K%00Y/user.get", "400"},
        {"/rest/1/K%0D%0AY/user.get", "400"},
        {"/rest/1/K%0aY/user.get", "400"},
        {"/rest/1/K%7FY/user.get", "400"},
        {"/rest/1/K%252FY/user.get", "400"},
        {"/rest/1/K%25Y/user.get", "400"},
        {"/rest/1/K;x=y/user.get", "400"},
        {"/rest/1/K%3Bx/user.get", "400"},
        {"/rest/1/K%3Fx/user.get", "400"},
        {"/rest/1/K%23x/user.get", "400"},
        {"/rest/1/K%/user.get", "400"},
        {"/rest/1/K%4/user.get", "400"},
        {"/rest/1/K%zz/user.get", "400"},
        {"/rest/1/KEY/user.get%", "400"},
        {"/rest/1/KEY/user.get%2", "400"},
        {"/rest/1/KEY/../user.get", "400"},
        {"/rest/1/KEY/./user.get", "400"},
        {"/rest/1/KEY/%2e%2e/user.get", "400"},
        {"/rest/1/KEY/.%2E", "400"},
        {"/rest/..", "400"},
        {"/rest/1/KEY/user.get/..", "400"},
        {"/rest/1/K Y/user.get", "400"},
        {"/rest/1/K\tY/user.get", "400"},
        {"/rest/\xD0\xB8/KEY/user.get", "400"},
        {"/rest/1/KEY/user get", "400"},
        {"/rest/1/KEY/user%20get", "400"},
        {"/rest/1/KEY/user:get", "400"},
        {"/rest/1/KEY/user..get", "400"},
        {"/rest/1/KEY/.get", "400"},
        {"/rest/1/KEY/get.", "400"},
        {"/rest/1/KEY/.json", "400"},
        {"/rest/1/KEY/user.get.json.json", "400"},
        {"/rest/1/KEY/user.get.xml.json", "400"},
        {"/rest/1/KEY/user.get.JSON.xml", "400"},
        {"/rest/123", "400"},
        {"/rest/1/KEY/42", "400"},
        {"/rest/1/KEY/a%00", "400"},
    };
    for (const auto& row : rows) {
        CAPTURE(std::string(row.target));
        CHECK(read(row.target) == row.want);
    }
}

TEST_CASE("refusals say what would be right and hold no key") {
    const auto message = [](std::string_view target) {
        return parse_call({.verb = "GET", .target = target}).error().message;
    };
    CHECK(message("/rest/1/SECRETKEY/").find("method") != std::string::npos);
    CHECK(message("/rest/1/SECRETKEY/").find("/rest/{user}/{key}/{method}") != std::string::npos);
    CHECK(message("/rest/1/K%2FY/user.get").find("slash") != std::string::npos);
    CHECK(message("/rest/1/KEY/user.get.json.json").find("suffix") != std::string::npos);
    for (const char* target : {"/rest/1/SECRETKEY/", "/rest/1/SECRETKEY/a b", "/rest/1/SECRETKEY/x/y/z",
                               "/rest/SECRETKEY%00", "/rest/1/SECRETKEY/user:get", "/x/SECRETKEY"})
        CHECK(message(target).find("SECRETKEY") == std::string::npos);
}

TEST_CASE("a path that two readers could take for two is told from one that they cannot") {
    for (const auto* sound :
         {"/", "/rest/1/k/crm.deal.add", "//rest///x/", "/a?b=../%2e;", "/operations/01%2D02", "/..."})
        CHECK_MESSAGE(path_fault(sound).empty(), sound);
    for (const auto* target : {"/..", "/a/./b", "/a/%2e%2E", "/a%2fb", "/a%5Cb", "/a\\b", "/a;b", "/a%3b", "/a%00",
                               "/a%0d", "/a%252e", "/a%", "/a%2", "/a%zz", "/a%3F", "/\xC3\xB6"})
        CHECK_MESSAGE(!path_fault(target).empty(), target);
}

TEST_CASE("names of methods") {
    for (const char* name : {"a", "user.get", "CRM.deal.LIST", "a-b_c.d1", "im.v2.Chat", "1c.exchange", "_x", "x1"}) {
        CAPTURE(std::string(name));
        CHECK(is_method_name(name));
    }
    for (const char* name : {"",      ".",   "..", "a.",  ".a", "a..b", "a b",      "a/b", "/a",  "a?b",
                             "a%2eb", "a:b", "1",  "1.2", "-",  "a\n",  "\xD0\xB8", "a,b", "a@b", "b24g_0123456789",
                             "B24G_x"}) {
        CAPTURE(std::string(name));
        CHECK_FALSE(is_method_name(name));
    }
    CHECK(is_method_name(std::string(128, 'a')));
    CHECK_FALSE(is_method_name(std::string(129, 'a')));
    CHECK_FALSE(is_method_name(std::string_view("a\0b", 3)));
}
