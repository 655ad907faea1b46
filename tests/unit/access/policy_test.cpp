#include <doctest/doctest.h>

#include <b24gate/access/policy.hpp>

using namespace b24gate;
using namespace b24gate::access;

namespace {

config::Client client(std::vector<std::string> allow, std::vector<std::string> deny = {}) {
    config::Client out;
    out.allow = std::move(allow);
    out.deny = std::move(deny);
    return out;
}

bitrix::Call call(std::string method, std::vector<bitrix::BatchCommand> commands = {}) {
    bitrix::Call out;
    out.method = std::move(method);
    out.is_batch = !commands.empty() || out.method == "batch";
    out.commands = std::move(commands);
    return out;
}

}  // namespace

TEST_CASE("allow and deny patterns") {
    const auto usual = client({"crm.*", "user.current"}, {"crm.*.delete"});
    const auto all = client({"*"});
    const auto no_batch = client({"*"}, {"batch", "crm.deal.delete"});
    const auto suffixed = client({"*"}, {"crm.deal.get.json"});
    struct {
        const config::Client* client;
        const char* method;
        bool allowed;
    } const cases[] = {
        {&usual, "crm.deal.list", true},
        {&usual, "CRM.Deal.List", true},
        {&usual, "user.current", true},
        {&usual, "User.Current", true},
        {&usual, "user.get", false},
        {&usual, "user.current.x", false},
        {&usual, "crm.deal.delete", false},
        {&usual, "crm.DEAL.Delete", false},
        {&usual, "crm.a.b.delete", false},
        {&usual, "crm.deal.delete.json", false},
        {&usual, "crm.deal.delete.JSON", false},
        {&usual, "crm.deal.delete.xml.json", false},
        {&usual, "user.current.json", true},
        {&usual, "crm", false},
        {&usual, "batch", false},
        {&all, "anything.at.all", true},
        {&all, "batch", true},
        {&all, "tasks.flow.Flow.get", true},
        {&all, "", false},
        {&all, "crm.deal.list?x=1", false},
        {&all, "crm.deal.list/", false},
        {&all, " crm.deal.list", false},
        {&all, "crm.deal.list\n", false},
        {&all, "crm%2edeal.list", false},
        {&all, "*", false},
        {&no_batch, "batch", false},
        {&no_batch, "crm.deal.get", true},
        {&suffixed, "crm.deal.get", true},
        {&suffixed, "crm.deal.get.json", false},
    };
    for (const auto& c : cases) {
        CAPTURE(c.method);
        CHECK(authorize(*c.client, c.method) == c.allowed);
    }
    CHECK_FALSE(authorize(all, std::string(129, 'a')));
    CHECK_FALSE(authorize(client({}), "crm.deal.list"));
}

TEST_CASE("a batch is refused at its first denied command") {
    const auto usual = client({"crm.*"}, {"crm.*.delete"});
    const std::vector<bitrix::BatchCommand> good{{"a", "crm.deal.get"}, {"b", "CRM.lead.list"}};
    CHECK(authorize_batch(usual, good) == nullptr);
    CHECK(authorize_batch(usual, {}) == nullptr);
    const std::vector<bitrix::BatchCommand> bad{
        {"a", "crm.deal.get"}, {"second", "crm.deal.delete"}, {"third", "user.get"}};
    REQUIRE(authorize_batch(usual, bad) != nullptr);
    CHECK(authorize_batch(usual, bad)->key == "second");
    const std::vector<bitrix::BatchCommand> nested{{"x", "crm.deal.get"}, {"inner", "batch"}};
    REQUIRE(authorize_batch(usual, nested) != nullptr);
    CHECK(authorize_batch(usual, nested)->key == "inner");
    CHECK(authorize_batch(client({"*"}), nested) == nullptr);
    const std::vector<bitrix::BatchCommand> broken{{"0", "/rest/crm.deal.get"}};
    REQUIRE(authorize_batch(client({"*"}), broken) != nullptr);
    CHECK(authorize_batch(client({"*"}), broken)->key == "0");
}

TEST_CASE("whole calls") {
    const auto usual = client({"crm.*"}, {"crm.*.delete"});
    const auto message = [](const std::optional<bitrix::Refusal>& refusal) {
        if (refusal) CHECK(refusal->code == bitrix::GatewayCode::forbidden);
        return refusal ? refusal->message : std::string();
    };
    CHECK(message(authorize_call(usual, call("crm.deal.get"))) == "");
    CHECK(message(authorize_call(usual, call("user.get"))) ==
          "this client may not call user.get; its allow and deny patterns decide that");
    // A batch needs no grant but those of its commands.
    CHECK(message(authorize_call(usual, call("batch", {{"a", "crm.deal.get"}}))) == "");
    CHECK(message(authorize_call(usual, call("batch"))) == "");
    CHECK(message(authorize_call(usual, call("batch", {{"a", "crm.deal.get"}, {"wipe", "crm.deal.delete"}}))) ==
          "the batch is refused as a whole: command \"wipe\" calls crm.deal.delete, which this client may not");
    CHECK(message(authorize_call(usual, call("batch", {{"a b", "x y"}}))) ==
          "the batch is refused as a whole: command \"a b\" names no method; write it as METHOD?PARAMETERS");
    CHECK(message(authorize_call(client({"*"}, {"batch"}), call("Batch", {{"a", "crm.deal.get"}}))) ==
          "this client may not call batch; send the commands one by one");
    const auto long_key = authorize_call(usual, call("batch", {{std::string(10'000, 'k'), "user.get"}}));
    REQUIRE(long_key);
    CHECK(long_key->message.size() < 300);

    bitrix::Call link = call("");
    link.kind = bitrix::CallKind::download;
    CHECK(message(authorize_call(usual, link)) == "");
}
