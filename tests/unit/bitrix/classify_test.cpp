// Codes, statuses, shapes: what each answer is taken for.
#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <string>
#include <vector>

#include <b24gate/bitrix/classify.hpp>

namespace {

using namespace b24gate::bitrix;
using enum ErrorClass;

const CallFacts v2_read{Api::v2, "crm.deal.list", false, false};
const CallFacts v2_write{Api::v2, "crm.deal.add", true, false};
const CallFacts v3_read{Api::v3, "tasks.task.get", false, false};
const CallFacts v3_write{Api::v3, "tasks.task.add", true, false};
const CallFacts download{Api::v2, "download", false, true};

WireAnswer answer(unsigned status, std::string_view body, std::string_view type = "application/json; charset=utf-8") {
    WireAnswer wire;
    wire.status = status;
    wire.body = body;
    wire.content_type = type;
    return wire;
}

struct CodeCase {
    std::vector<unsigned> statuses;
    std::string code, text;
    ErrorClass error_class;
    Executed executed = Executed::no;
};

std::string v2_body(const CodeCase& c) {
    return R"({"error":")" + c.code + R"(","error_description":")" + c.text + R"("})";
}

TEST_CASE("v2 codes decide, with every status they come with and in any case of letters") {
    const std::vector<CodeCase> cases{
        {{500}, "INTERNAL_SERVER_ERROR", "Internal server error", server, Executed::unknown},
        {{500}, "ERROR_UNEXPECTED_ANSWER", "Server returned an unexpected response", server, Executed::unknown},
        {{503, 429, 200}, "QUERY_LIMIT_EXCEEDED", "Too many requests", rate_limit},
        {{429, 503}, "OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", operating_limit},
        {{405, 200}, "ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage", method_unknown},
        {{400, 200}, "ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded", validation},
        {{401}, "NO_AUTH_FOUND", "Wrong authorization data", auth_invalid},
        {{400, 401}, "INVALID_REQUEST", "Https required", validation},
        {{503, 401}, "OVERLOAD_LIMIT", "REST API is blocked due to overload", overload},
        {{403, 401}, "ACCESS_DENIED", "REST API is available only on commercial plans", plan},
        {{403, 401}, "ACCESS_DENIED", "REST is available only by subscription.", plan},
        {{403}, "ACCESS_DENIED", "REST доступен только на коммерческих тарифах", plan},
        {{401}, "ACCESS_DENIED", "Current user can't be authorized in this context", auth_invalid},
        {{403, 400, 401}, "ACCESS_DENIED", "Access denied!", permission},
        {{403, 400}, "ACCESS_DENIED", "", permission},
        {{400}, "ACCESS_DENIED", "Application context required", permission},
        {{401}, "access_denied", "Access denied", permission},
        {{403, 401}, "INVALID_CREDENTIALS", "Invalid request credentials", auth_invalid},
        {{404}, "ERROR_MANIFEST_IS_NOT_AVAILABLE", "Manifest is not available", not_found},
        {{403, 401, 400}, "insufficient_scope", "The request requires higher privileges", permission},
        {{401}, "expired_token", "The access token provided has expired", auth_expired},
        {{403, 401}, "user_access_error", "The user does not have access to the application", permission},
        {{500, 403, 410, 200}, "PORTAL_DELETED", "Portal was deleted", portal_gone},
        {{401}, "invalid_token", "Unable to get application by token", auth_invalid},
        {{401}, "ERROR_OAUTH", "Application not installed", auth_invalid},
        {{401}, "APPLICATION_NOT_FOUND", "Application not found", auth_invalid},
        {{401}, "NOT_INSTALLED", "Application not installed", auth_invalid},
        {{401}, "PAYMENT_REQUIRED", "Subscription has been ended", plan},
        {{401}, "authorization_error", "Unable to authorize user", auth_invalid},
        {{401}, "CONNECTION_ERROR", "Error connecting to authorization server", server},
        {{401}, "METHOD_CONFIRM_WAITING", "Waiting for confirmation", permission},
        {{403}, "METHOD_CONFIRM_DENIED", "Method call denied", permission},
        {{403}, "WRONG_AUTH_TYPE", "Current authorization type is denied for this method", permission},
        {{403, 400}, "insufficient_auth_type", "requires higher privileges than provided", permission},
        {{403}, "WRONG_LICENSE", "This feature is not enabled for the current license", plan},
        {{403, 400}, "ACCESS_ERROR", "", permission},
        {{403, 400}, "DOCGEN_ACCESS_ERROR", "", permission},
        {{403, 400}, "allowed_only_intranet_user", "", permission},
        {{403, 400}, "CONFIG_WRONG_USER_PERMISSION", "", permission},
        {{403}, "AUTHORIZE_ERROR", "", permission},
        {{404, 400}, "ERROR_METHOD_NOT_FOUND", "Method not found!", method_unknown},
        {{404, 400, 200}, "NOT_FOUND", "", not_found},
        {{404, 400}, "ERROR_NOT_FOUND", "", not_found},
        {{404, 400}, "ERROR_ENTITY_NOT_FOUND", "", not_found},
        {{400, 404}, "", "Not found", not_found},
        {{400}, "", "The deal does not exist.", not_found},
        {{400}, "", "Элемент не найден", not_found},
        {{400, 200}, "0", "Access denied", permission},
        {{400}, "ERROR_ARGUMENT", "", validation},
        {{400}, "INVALID_ARG_VALUE", "", validation},
        {{400}, "INVALID_FORMAT", "", validation},
        {{400}, "WRONG_REQUEST", "", validation},
        {{400}, "WRONG_ARGUMENTS", "", validation},
        {{400}, "MISSING_PARAMS", "", validation},
        {{400}, "MESSAGE_EMPTY", "Message can't be empty", validation},
        {{400}, "100", "Could not find value for parameter {id}", validation},
        {{400}, "BX_EMPTY_REQUIRED", "", validation},
        {{400}, "CRM_FIELD_ERROR_VALUE_NOT_VALID", "", validation},
        {{400}, "403", "", permission},
        {{400}, "404", "", not_found},
        {{400}, "400", "", business},
        {{400}, "0", "Something else", business},
        {{400}, "", "", business},
        {{500}, "", "", server, Executed::unknown},
        {{500}, "0", "Not found", server, Executed::unknown},
        {{400, 200}, "ERROR_CORE", "Required field is empty", business, Executed::unknown},
        {{500}, "ERROR_CORE", "SQL query error!", server, Executed::unknown},
        {{400}, "ERROR_CORE", "Unable to set event handler: Handler already binded", business},
        {{400}, "ERROR_HANDLER_ALREADY_EXIST", "", business},
        {{400}, "ERROR_ENTITY_ALREADY_EXISTS", "", business},
        {{400}, "ERROR_PROPERTY_ALREADY_EXISTS", "", business},
        {{400}, "ERROR_ACTIVITY_ALREADY_INSTALLED", "", business},
        {{400}, "CREATE_DYNAMIC_TYPE_RESTRICTED", "", plan},
        {{400}, "CREATE_DYNAMIC_ITEM_RESTRICTED", "", plan},
        {{200, 400}, "NO_APPLICATION_ID", "Application context required", business},
        {{200}, "SIGN_HCMLINK_WHATEVER", "", business},
        {{200}, "WRONG_ENCODING", "Wrong request encoding", business, Executed::yes},
        {{500}, "INTERNAL_WRONG_TRANSPORT", "", server},
        {{500}, "INTERNAL_WRONG_HANDLER_CLASS", "", server},
        {{500}, "INTERNAL_WRONG_FILE_HANDLER", "", server},
        {{400, 401}, "invalid_grant", "", auth_invalid},
        {{400, 401}, "invalid_client", "", auth_invalid},
        // codes of which no table knows anything
        {{200, 400, 405, 409, 418}, "SOMETHING_NEW", "", business},
        {{401}, "SOMETHING_NEW", "", auth_invalid},
        {{402}, "SOMETHING_NEW", "", plan},
        {{403}, "SOMETHING_NEW", "", permission},
        {{404}, "SOMETHING_NEW", "", not_found},
        {{413, 422}, "SOMETHING_NEW", "", validation},
        {{429}, "SOMETHING_NEW", "", rate_limit},
        {{500, 502, 503, 504}, "SOMETHING_NEW", "", server, Executed::unknown},
    };
    for (const CodeCase& c : cases)
        for (const unsigned status : c.statuses)
            for (const bool upper : {false, true}) {
                CodeCase spelled = c;
                for (char& letter : spelled.code)
                    letter = static_cast<char>(upper ? std::toupper(letter) : std::tolower(letter));
                CAPTURE(spelled.code);
                CAPTURE(status);
                const std::string body = v2_body(spelled);
                const Outcome outcome = classify(answer(status, body), v2_write);
                CHECK(to_string(outcome.error_class) == to_string(c.error_class));
                CHECK(to_string(outcome.executed) == to_string(c.executed));
                CHECK(outcome.code == spelled.code);
                CHECK(outcome.has_code);
                CHECK(outcome.json_error);
                CHECK(outcome.origin == Origin::portal);
                CHECK(outcome.upstream_status == status);
                CHECK(outcome.description == c.text);
            }
}

TEST_CASE("ERROR_CORE leaves nothing in doubt when the call only reads") {
    const std::string body = R"({"error":"ERROR_CORE","error_description":"x"})";
    CHECK(classify(answer(400, body), v2_read).executed == Executed::no);
    CHECK(classify(answer(400, body), v2_write).executed == Executed::unknown);
    CHECK(classify(answer(500, body), v2_read).executed == Executed::unknown);
}

TEST_CASE("v3 codes") {
    const std::vector<CodeCase> cases{
        {{401}, "EXCEPTION_ACCESSDENIEDEXCEPTION", "", auth_expired},
        {{403}, "EXCEPTION_ACCESSDENIEDEXCEPTION", "", permission},
        {{402}, "EXCEPTION_ACCESSDENIEDEXCEPTION", "", plan},
        {{400, 500}, "EXCEPTION_ACCESSDENIEDEXCEPTION", "", portal_gone},
        {{402}, "EXCEPTION_RESTUNAVAILABLEEXCEPTION", "", plan},
        {{402}, "EXCEPTION_MARKETSUBSCRIPTIONREQUIREDEXCEPTION", "", plan},
        {{403}, "EXCEPTION_INSUFFICIENTSCOPEEXCEPTION", "", permission},
        {{403}, "EXCEPTION_LICENSEEXCEPTION", "", plan},
        {{404}, "EXCEPTION_METHODNOTFOUNDEXCEPTION", "", method_unknown},
        {{404}, "REALISATION_EXCEPTION_FIELDNOTFOUNDEXCEPTION", "", not_found},
        {{404}, "REALISATION_EXCEPTION_FIELDWRONGTYPEEXCEPTION", "", validation},
        {{400}, "EXCEPTION_ENTITYNOTFOUNDEXCEPTION", "", not_found},
        {{400}, "EXCEPTION_ENTITYALREADYEXISTSEXCEPTION", "", business},
        {{400}, "EXCEPTION_VALIDATION_REQUESTVALIDATIONEXCEPTION", "", validation},
        {{400}, "EXCEPTION_VALIDATION_DTOVALIDATIONEXCEPTION", "", validation},
        {{400}, "EXCEPTION_VALIDATION_REQUESTFILTERVALIDATIONEXCEPTION", "", validation},
        {{400}, "EXCEPTION_VALIDATION_INVALIDFILEEXCEPTION", "", validation},
        {{400}, "EXCEPTION_INVALIDJSONEXCEPTION", "", validation},
        {{400}, "EXCEPTION_INVALIDFILTEREXCEPTION", "", validation},
        {{400}, "EXCEPTION_INVALIDSELECTEXCEPTION", "", validation},
        {{400}, "EXCEPTION_INVALIDORDEREXCEPTION", "", validation},
        {{400}, "EXCEPTION_INVALIDPAGINATIONEXCEPTION", "", validation},
        {{400}, "EXCEPTION_UNKNOWNDTOPROPERTYEXCEPTION", "", validation},
        {{400}, "EXCEPTION_UNKNOWNFILTEROPERATOREXCEPTION", "", validation},
        {{400}, "EXCEPTION_UNKNOWNAGGREGATEFUNCTIONEXCEPTION", "", validation},
        {{400}, "EXCEPTION_WRONGHTTPREQUESTMETHODEXCEPTION", "", validation},
        {{400}, "EXCEPTION_INVALIDIDEMPOTENCYKEYEXCEPTION", "", validation},
        {{422}, "EXCEPTION_IDEMPOTENCYKEYREUSEDEXCEPTION", "", business},
        {{429}, "EXCEPTION_RATELIMITEXCEPTION", "", operating_limit},
        {{500}, "EXCEPTION_INTERNAL_INTERNALEXCEPTION", "", server, Executed::unknown},
        {{500}, "EXCEPTION_INTERNAL_ORMSAVEEXCEPTION", "", server, Executed::unknown},
        {{400}, "EXCEPTION_LOGICEXCEPTION", "", server},
        {{400}, "EXCEPTION_CLASSREQUIREATTRIBUTEEXCEPTION", "", server},
        {{400}, "EXCEPTION_TOOMANYATTRIBUTESEXCEPTION", "", server},
        {{400}, "EXCEPTION_INVALIDCLASSINSTANCEPROVIDEDEXCEPTION", "", server},
        {{400}, "EXCEPTION_NEWEXCEPTION", "", business},
        {{500}, "EXCEPTION_NEWEXCEPTION", "", server, Executed::unknown},
    };
    for (const CodeCase& c : cases)
        for (const unsigned status : c.statuses) {
            CAPTURE(c.code);
            CAPTURE(status);
            const std::string code = "BITRIX_REST_V3_" + c.code;
            const std::string body = R"({"error":{"code":")" + code + R"(","message":"told so"}})";
            const Outcome outcome = classify(answer(status, body), v3_write);
            CHECK(to_string(outcome.error_class) == to_string(c.error_class));
            CHECK(to_string(outcome.executed) == to_string(c.executed));
            CHECK(outcome.code == code);
            CHECK(outcome.description == "told so");
            CHECK(outcome.json_error);
        }
}

TEST_CASE("v3: codes of v2 inside of the v3 shape, and the front's v2 shape on a v3 url") {
    const Outcome core = classify(answer(400, R"({"error":{"code":"ERROR_CORE","message":"m"}})"), v3_write);
    CHECK(core.error_class == business);
    CHECK(core.executed == Executed::unknown);
    const Outcome limit =
        classify(answer(503, R"({"error":"QUERY_LIMIT_EXCEEDED","error_description":"Too many requests"})"), v3_read);
    CHECK(limit.error_class == rate_limit);
    CHECK(limit.code == "QUERY_LIMIT_EXCEEDED");
    CHECK(limit.json_error);
}

TEST_CASE("a v3 batch that fails has run the commands before, unless the code comes before all of them") {
    const auto executed = [](unsigned status, const std::string& code, bool writes) {
        const std::string body = R"({"error":{"code":")" + code + R"(","message":""}})";
        return classify(answer(status, body), {Api::v3, "Batch", writes, false}).executed;
    };
    const std::string v3 = "BITRIX_REST_V3_EXCEPTION_";
    CHECK(executed(400, v3 + "ENTITYNOTFOUNDEXCEPTION", true) == Executed::unknown);
    CHECK(executed(400, v3 + "ENTITYNOTFOUNDEXCEPTION", false) == Executed::no);
    CHECK(executed(400, v3 + "INVALIDSELECTEXCEPTION", true) == Executed::unknown);
    CHECK(executed(403, v3 + "ACCESSDENIEDEXCEPTION", true) == Executed::unknown);
    CHECK(executed(429, v3 + "RATELIMITEXCEPTION", true) == Executed::unknown);
    CHECK(executed(400, "SOMETHING_NEW", true) == Executed::unknown);
    CHECK(executed(401, v3 + "ACCESSDENIEDEXCEPTION", true) == Executed::no);
    CHECK(executed(404, v3 + "METHODNOTFOUNDEXCEPTION", true) == Executed::no);
    CHECK(executed(400, v3 + "INVALIDJSONEXCEPTION", true) == Executed::no);
    CHECK(executed(402, v3 + "MARKETSUBSCRIPTIONREQUIREDEXCEPTION", true) == Executed::no);
    CHECK(executed(422, v3 + "IDEMPOTENCYKEYREUSEDEXCEPTION", true) == Executed::no);
    CHECK(executed(503, "QUERY_LIMIT_EXCEEDED", true) == Executed::no);
}

TEST_CASE("answers without a code go by their status") {
    struct Row {
        unsigned status;
        ErrorClass error_class;
        Executed executed;
    };
    const std::vector<Row> rows{
        {200, server, Executed::unknown},  {204, server, Executed::unknown}, {400, validation, Executed::no},
        {401, auth_invalid, Executed::no}, {402, plan, Executed::no},        {403, permission, Executed::no},
        {404, portal_gone, Executed::no},  {405, validation, Executed::no},  {408, timeout, Executed::unknown},
        {409, business, Executed::no},     {410, portal_gone, Executed::no}, {413, validation, Executed::no},
        {414, validation, Executed::no},   {429, rate_limit, Executed::no},  {431, validation, Executed::no},
        {451, permission, Executed::no},   {500, server, Executed::unknown}, {502, server, Executed::unknown},
        {503, overload, Executed::no},     {504, server, Executed::unknown}, {521, server, Executed::unknown},
        {100, server, Executed::unknown},  {0, server, Executed::unknown},
    };
    const std::vector<std::string> bodies{"",
                                          "  \n",
                                          "<html><body>no</body></html>",
                                          "Service unavailable",
                                          "[]",
                                          R"("text")",
                                          "{}",
                                          R"({"message":"no route"})",
                                          "null",
                                          "12"};
    for (const Row& row : rows)
        for (const std::string& body : bodies) {
            CAPTURE(row.status);
            CAPTURE(body);
            const Outcome outcome = classify(answer(row.status, body, "text/html"), v2_write);
            CHECK(to_string(outcome.error_class) == to_string(row.error_class));
            CHECK(to_string(outcome.executed) == to_string(row.executed));
            CHECK(outcome.code == "GATEWAY_BAD_ANSWER");
            CHECK_FALSE(outcome.has_code);
            CHECK_FALSE(outcome.json_error);
            CHECK(outcome.description.find("no route") == std::string::npos);
            CHECK(outcome.description.find('<') == std::string::npos);
            CHECK(outcome.upstream_status == row.status);
        }
    CHECK(classify(answer(404, "<html></html>", "text/html"), download).error_class == not_found);
}

TEST_CASE("redirects that were not followed") {
    const auto of = [](unsigned status, std::string_view location) {
        WireAnswer wire = answer(status, "<html></html>", "text/html");
        wire.location = location;
        return classify(wire, v2_write);
    };
    for (const unsigned status : {301u, 302u, 307u, 308u}) {
        const Outcome renamed = of(status, "https://new-name.bitrix24.com/rest/1/s3cr3t/crm.deal.add");
        CHECK(renamed.error_class == portal_gone);
        CHECK(renamed.executed == Executed::no);
        CHECK(renamed.code == "GATEWAY_BAD_ANSWER");
        CHECK(renamed.description.find("s3cr3t") == std::string::npos);
        for (const char* login : {"https://acme.bitrix24.com/auth/?backurl=/rest/", "/login", "https://acme.example",
                                  "//acme.example/x", "?login=yes"}) {
            CAPTURE(login);
            const Outcome outcome = of(status, login);
            CHECK(outcome.error_class == auth_invalid);
            CHECK(outcome.executed == Executed::no);
        }
    }
    CHECK(of(302, "").error_class == server);
    CHECK(of(302, "").executed == Executed::unknown);
    CHECK(of(302, "/rest/crm.deal.add").error_class == portal_gone);
}

TEST_CASE("what counts as a success") {
    for (const char* body :
         {R"({"result":true})", R"({"result":false})", R"({"result":null})", R"({"result":[]})", R"({"result":0})",
          R"( {"time":{},"result":{"error":"inner"}} )", R"({"result":{},"error":null})",
          R"({"error":null,"result":1})", R"({"error":"","result":1})", R"({"error":[],"result":1})",
          R"({"result":1,"error":"LATE"})", "\xEF\xBB\xBF{\"result\":1}", R"({"result":{"result_error":[]}})",
          R"({"result":1,"next":0,"total":null})", R"({"result":{"a":"}]{[\""}})"}) {
        CAPTURE(body);
        CHECK(classify(answer(200, body), v2_write).ok());
        CHECK(classify(answer(200, body, "text/html"), v2_write).ok());
        CHECK(classify(answer(200, body), v2_write).executed == Executed::yes);
    }
    for (const char* body :
         {R"({"error":"X","result":1})", R"({"error":"X"})", R"({"error":""})", R"({"error":0})", R"({"error":null})",
          R"({"error":{"code":"X","message":"m"}})", R"({"\u0065rror":"X"})", R"({"time":{},"error":"X"})"}) {
        CAPTURE(body);
        const Outcome outcome = classify(answer(200, body), v2_write);
        CHECK(outcome.error_class == business);
        CHECK(outcome.has_code);
    }
    // With a status of failure, an error counts wherever it stands, and a result does not help.
    CHECK(classify(answer(401, R"({"result":1,"error":"expired_token"})"), v2_write).error_class == auth_expired);
    CHECK(classify(answer(500, R"({"result":1})"), v2_write).error_class == server);
}

TEST_CASE("a complete body that breaks off, or goes on, is no answer") {
    for (const char* body : {R"({"result":1)", R"({"result":[1,2)", R"({"result":"a)", R"({)", R"({"result":1}})",
                             R"({"result":1} <br>Warning)", R"({"result":1,})", R"({"error":"expired_token")",
                             R"({"result")", R"({"result":)"}) {
        CAPTURE(body);
        for (const unsigned status : {200u, 401u, 503u}) {
            const Outcome outcome = classify(answer(status, body), v2_write);
            CHECK(outcome.error_class == server);
            CHECK(outcome.executed == Executed::unknown);
            CHECK(outcome.code == "GATEWAY_BAD_ANSWER");
        }
    }
    CHECK(classify(answer(200, "<br>Warning: x{\"result\":1}", "text/html"), v2_write).error_class == server);
}

TEST_CASE("the beginning of a streamed body") {
    const auto of = [](unsigned status, std::string_view body) {
        WireAnswer wire = answer(status, body);
        wire.body_complete = false;
        return classify(wire, v2_write);
    };
    CHECK(of(200, R"({"result":[{"ID":"1"},)").ok());
    CHECK(of(200, R"({"result":{"error":"X"},)").ok());
    CHECK(of(200, R"({"resu)").ok());
    CHECK(of(200, "{").ok());
    CHECK(of(200, R"({"error":"","result":[1,)").ok());
    CHECK(of(200, R"({"result":1,"time":{"duration":0.5},"next)").timing.duration == 0.5);
    const Outcome error = of(200, R"({"error":"NO_APPLICATION_ID","error_description":"abc)");
    CHECK(error.error_class == business);
    CHECK(error.code == "NO_APPLICATION_ID");
    CHECK_FALSE(error.json_error);  // it cannot be extended
    CHECK(of(200, R"({"error":{"code":"X","mess)").error_class == business);
    CHECK(of(401, R"({"error":"expired_token","x":")").error_class == auth_expired);
    CHECK(of(502, "<html>").error_class == server);
    CHECK(of(200, "<html>").error_class == server);
}

TEST_CASE("files") {
    CHECK(classify(answer(200, "%PDF-1.7 ...", "application/pdf"), download).ok());
    CHECK(classify(answer(200, "", ""), download).ok());
    CHECK(classify(answer(200, "<html>a file</html>", "text/html"), download).ok());
    CHECK(classify(answer(200, R"({"a":1})"), download).ok());
    CHECK(classify(answer(200, R"({"a":)"), download).ok());
    CHECK(classify(answer(200, R"({"error":"x","rows":[]})"), download).ok());
    CHECK(classify(answer(200, "[1,2]"), download).ok());
    CHECK(classify(answer(200, R"({"result":1,"time":{"duration":2}})"), download).timing.duration == 2);
    CHECK(classify(answer(200, R"({"error":"ACCESS_DENIED","error_description":"Link check failed"})"), download)
              .error_class == permission);
    CHECK(classify(answer(403, R"({"error":"ACCESS_DENIED","error_description":"Link check failed"})"), download)
              .error_class == permission);
    // A method that streams although no table says so.
    CHECK(classify(answer(200, "\x89PNG", "image/png"), v2_read).ok());
    CHECK(classify(answer(200, R"({"error":"X","error_description":"y"})", "application/x-javascript"), v2_read)
              .error_class == business);
}

TEST_CASE("xml") {
    const auto of = [](unsigned status, std::string_view body) {
        return classify(answer(status, body, "text/xml; charset=utf-8"), v2_write);
    };
    const Outcome expired = of(401,
                               "<?xml version=\"1.0\"?>\n<response><error>expired_token</error>"
                               "<error_description>a &lt;b&gt;bold&lt;/b&gt; &amp; old</error_description></response>");
    CHECK(expired.error_class == auth_expired);
    CHECK(expired.code == "expired_token");
    CHECK(expired.description == "a bold & old");
    CHECK(expired.has_code);
    CHECK_FALSE(expired.json_error);
    CHECK(of(200, "<response><error>NO_APPLICATION_ID</error></response>").error_class == business);
    CHECK(of(400, "<response><error/><error_description>Not found</error_description></response>").error_class ==
          not_found);
    CHECK(of(200, "<response><result>1</result></response>\n").ok());
    CHECK(of(200, "<response><result><error>X</error></result></response>").ok());
    CHECK(of(200, "<response><result>1</resu").error_class == server);
    CHECK(of(500, "<response><result>1</result></response>").error_class == server);
}

TEST_CASE("transport") {
    struct Row {
        Transport transport;
        TransportError error;
        ErrorClass error_class;
        Executed executed;
        const char* code;
    };
    using T = Transport;
    using E = TransportError;
    const Row rows[] = {
        {T::not_sent, E::resolve, network, Executed::no, "GATEWAY_UPSTREAM_UNREACHABLE"},
        {T::not_sent, E::connect, network, Executed::no, "GATEWAY_UPSTREAM_UNREACHABLE"},
        {T::not_sent, E::tls, network, Executed::no, "GATEWAY_UPSTREAM_UNREACHABLE"},
        {T::not_sent, E::timeout, network, Executed::no, "GATEWAY_UPSTREAM_UNREACHABLE"},
        {T::not_sent, E::reset, network, Executed::no, "GATEWAY_UPSTREAM_UNREACHABLE"},
        {T::sent_no_reply, E::reset, network, Executed::unknown, "GATEWAY_UPSTREAM_UNREACHABLE"},
        {T::sent_no_reply, E::timeout, timeout, Executed::unknown, "GATEWAY_UPSTREAM_TIMEOUT"},
        {T::sent_no_reply, E::truncated, network, Executed::unknown, "GATEWAY_BAD_ANSWER"},
        {T::sent_no_reply, E::bad_message, network, Executed::unknown, "GATEWAY_BAD_ANSWER"},
        {T::sent_no_reply, E::too_large, network, Executed::unknown, "GATEWAY_BAD_ANSWER"},
    };
    for (const Row& row : rows) {
        WireAnswer wire;
        wire.transport = row.transport;
        wire.transport_error = row.error;
        const Outcome outcome = classify(wire, v2_read);
        CHECK(outcome.error_class == row.error_class);
        CHECK(outcome.executed == row.executed);
        CHECK(outcome.code == row.code);
        CHECK(outcome.origin == Origin::network);
        CHECK(outcome.upstream_status == 0);
        CHECK_FALSE(outcome.description.empty());
    }
}

TEST_CASE("odd errors: numbers, blanks, extra members, broken texts") {
    const auto of = [](std::string_view body) { return classify(answer(400, body), v2_write); };
    CHECK(of(R"({"error":0,"error_description":"Access denied"})").error_class == permission);
    CHECK(of(R"({"error":0,"error_description":"Access denied"})").code == "0");
    CHECK(of(R"({"error":100})").error_class == validation);
    CHECK(of(R"({"error":100})").code == "100");
    CHECK(of(R"({"error":true})").code == "true");
    CHECK(of(R"({"error":["a"]})").code.empty());
    CHECK(of(R"({"error":null,"error_description":null})").description.empty());
    CHECK(of(R"({"error":{}})").error_class == business);
    CHECK(of(R"({"error":"A","error":"expired_token"})").error_class == auth_expired);  // parsers keep the last
    // Not well-formed inside, though it closes: understood, but not handed on.
    const Outcome broken = of("{\"error\":\"expired_token\",\"x\":nonsense}");
    CHECK(broken.error_class == auth_expired);
    CHECK_FALSE(broken.json_error);
    CHECK_FALSE(of("{\"error\":\"expired_token\",\"x\":\"\xff\"}").json_error);
}

TEST_CASE("timing and Retry-After") {
    const Outcome outcome = classify(
        answer(200,
               R"({"result":1,"time":{"start":1,"duration":"0.25","operating":7,"operating_reset_at":1790000600}})"),
        v2_read);
    CHECK(outcome.timing.duration == 0.25);
    CHECK(outcome.timing.operating == 7);
    CHECK(outcome.timing.operating_reset_at == 1790000600);
    CHECK_FALSE(classify(answer(200, R"({"result":1,"time":[]})"), v2_read).timing.duration);
    CHECK_FALSE(classify(answer(200, R"({"result":1,"time":{"duration":null}})"), v2_read).timing.duration);

    const auto retry_after = [](std::string_view value) {
        WireAnswer wire = answer(503, "");
        wire.retry_after = value;
        return classify(wire, v2_read).retry_after;
    };
    CHECK(retry_after("17") == std::chrono::seconds(17));
    CHECK(retry_after(" 0 ") == std::chrono::seconds(0));
    CHECK(retry_after("99999999999999999999") == std::chrono::seconds(86400));
    CHECK_FALSE(retry_after("Wed, 21 Oct 2026 07:28:00 GMT"));
    CHECK_FALSE(retry_after("-1"));
    CHECK_FALSE(retry_after(""));
}

TEST_CASE("entries of a batch's result_error") {
    const Outcome limit = classify_batch_error(R"({"error":"OPERATION_TIME_LIMIT","error_description":"x"})", true);
    CHECK(limit.error_class == operating_limit);
    CHECK(limit.executed == Executed::no);
    CHECK(limit.upstream_status == 0);
    CHECK(classify_batch_error(R"({"error":"ERROR_CORE"})", true).executed == Executed::unknown);
    CHECK(classify_batch_error(R"({"error":"ERROR_CORE"})", false).executed == Executed::no);
    CHECK(classify_batch_error(R"({"error":"NEW_ONE"})", true).error_class == business);
    CHECK(classify_batch_error(R"({"error":"INTERNAL_SERVER_ERROR"})", true).executed == Executed::unknown);
    CHECK(classify_batch_error(R"({"error":"","error_description":"Not found"})", true).error_class == not_found);
    for (const char* odd : {"", "null", "[]", "\"text\"", "{", "{}", "12"})
        CHECK_FALSE(classify_batch_error(odd, true).ok());
}

TEST_CASE("any bytes get a verdict") {
    std::mt19937 random(20260921);  // the same bytes each run
    const std::string alphabet = "{}[]\",:\\<>errorsultime0123456789 \n\xff\xd0";
    const auto pick = [&random](std::size_t below) { return static_cast<std::size_t>(random()) % below; };
    int failures = 0;
    for (int i = 0; i < 20000; ++i) {
        std::string body = i % 3 == 0 ? "{\"error\":" : i % 3 == 1 ? "{\"result\":" : "";
        for (std::size_t n = pick(60); n > 0; --n) body += alphabet[pick(alphabet.size())];
        WireAnswer wire = answer(static_cast<unsigned>(100 + pick(500)), body);
        wire.body_complete = i % 2 == 0;
        const Outcome outcome = classify(wire, i % 5 == 0 ? v3_write : i % 7 == 0 ? download : v2_write);
        failures += outcome.ok() ? 0 : 1;
        (void)classify_batch_error(body, true);
        const std::string plain = plain_text(body);
        if (plain_text(plain) != plain) FAIL(body);
    }
    CHECK(failures > 10000);
}

}  // namespace
