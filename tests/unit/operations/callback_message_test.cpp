#include <doctest/doctest.h>

#include <b24gate/operations/callback_message.hpp>

using namespace b24gate;

namespace {

storage::DueCallback held() {
    storage::DueCallback out;
    out.webhook_id = "msg_1_held_3_0";
    out.event = "held";
    out.created = 1'772'355'600'250;
    out.operation.id = "0195-op";
    out.operation.state = storage::OperationState::held;
    out.operation.why = "outcome_unknown";
    out.operation.error_class = "timeout";
    out.operation.executed = "unknown";
    out.operation.tried = 2;
    out.operation.method = "crm.lead.add";
    out.operation.portal = "acme";
    out.operation.client = "erp \"x\"";
    out.operation.created = 1'772'355'500'000;
    return out;
}

}  // namespace

TEST_CASE("what a callback says") {
    CHECK(operations::callback_body(held()) ==
          R"({"type":"operation.held","timestamp":"2026-03-01T09:00:00.250Z","data":{"id":"0195-op","state":"held",)"
          R"("why":"outcome_unknown","class":"timeout","executed":"unknown","attempts":2,"method":"crm.lead.add",)"
          R"("portal":"acme","client":"erp \"x\"","created":"2026-03-01T08:58:20.000Z"}})");
    // Told late: the type is what has happened then, the data are what is now.
    storage::DueCallback late = held();
    late.operation.state = storage::OperationState::succeeded;
    late.operation.why.clear();
    late.operation.error_class = "ok";
    late.operation.executed = "yes";
    late.operation.status = 200;
    late.operation.finished = 1'772'355'700'001;
    CHECK(operations::callback_body(late) ==
          R"({"type":"operation.held","timestamp":"2026-03-01T09:00:00.250Z","data":{"id":"0195-op",)"
          R"("state":"succeeded","class":"ok","executed":"yes","status":200,"attempts":2,"method":"crm.lead.add",)"
          R"("portal":"acme","client":"erp \"x\"","created":"2026-03-01T08:58:20.000Z",)"
          R"("finished":"2026-03-01T09:01:40.001Z"}})");
}

// The signature was computed by another implementation.
TEST_CASE("the request that carries a callback") {
    config::Operations settings;
    settings.callback_hosts = {"*"};
    const auto url = operations::parse_callback_url("https://hooks.example.com:8443/b24?k=v", settings);
    REQUIRE(url.has_value());
    const core::Secret current("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), old("an older secret of some length");
    const std::string body = R"({"type":"operation.held"})";
    CHECK(operations::callback_head(*url, held(), body, 1'772'355'601, {current, core::Secret()}) ==
          "POST /b24?k=v HTTP/1.1\r\n"
          "Host: hooks.example.com:8443\r\n"
          "User-Agent: b24gate/" B24GATE_VERSION
          "\r\n"
          "Content-Type: application/json\r\n"
          "Content-Length: 25\r\n"
          "webhook-id: msg_1_held_3_0\r\n"
          "webhook-timestamp: 1772355601\r\n"
          "webhook-signature: v1,aqoMh881vX7z2uW+P/huMW+ZF9GN8Qh33qPqGOx+IQ8=\r\n"
          "Connection: close\r\n"
          "\r\n");
    const std::string both = operations::callback_head(*url, held(), body, 1'772'355'601, {current, old});
    CHECK(both.find("v1,aqoMh881vX7z2uW+P/huMW+ZF9GN8Qh33qPqGOx+IQ8= v1,") != std::string::npos);
}
