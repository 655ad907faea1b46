#include "world.hpp"

#include <doctest/doctest.h>

using namespace b24gate::simulator;

namespace {
std::string ids(const json::value& rows, const char* key = "ID") {
    std::string out;
    for (const json::value& row : rows.as_array()) out += (out.empty() ? "" : ",") + php::to_string(row.at(key));
    return out;
}
}  // namespace

TEST_CASE("add, get, update, delete") {
    World world;
    CHECK(world.text("crm.deal.add",
                     R"({"fields":{"TITLE":"A","OPPORTUNITY":1500.5,"ORIGINATOR_ID":"erp","ORIGIN_ID":"7"}})") ==
          "174");
    const json::value deal = world.result("crm.deal.get", R"({"id":174})");
    CHECK(deal.at("ID") == "174");
    CHECK(deal.at("OPPORTUNITY") == "1500.5");
    CHECK(deal.at("ORIGIN_ID") == "7");
    CHECK(deal.at("STAGE_ID") == "NEW");
    CHECK(world.text("crm.deal.update", R"({"id":"174","fields":{"TITLE":"B"}})") == "true");
    CHECK(world.result("crm.deal.get", R"({"ID":"174"})").at("TITLE") == "B");
    CHECK(world.text("crm.deal.delete", R"({"id":174})") == "true");
    for (const char* method : {"crm.deal.get", "crm.deal.delete", "crm.deal.update"}) {
        const Response gone = world.post(method, R"({"id":174,"fields":{"TITLE":"C"}})");
        CHECK(gone.status == 400);
        CHECK(gone.body == R"({"error":"","error_description":"Not found"})");
    }
    CHECK(world.post("crm.deal.add", "{}").status == 400);
}

TEST_CASE("list: filter operators") {
    World world(R"({"seed":{}})");
    Table table;
    for (int i = 1; i <= 20; ++i)
        table.add({{"TITLE", "Deal " + std::to_string(i)},
                   {"SUM", std::to_string(i * 10)},
                   {"STAGE", i % 2 ? "NEW" : "WON"}});
    struct Row {
        const char *key, *value, *ids;
    };
    const Row rows[] = {{">ID", "\"18\"", "19,20"},
                        {">=ID", "19", "19,20"},
                        {"<ID", "3", "1,2"},
                        {"<=ID", "\"2\"", "1,2"},
                        {"ID", "5", "5"},
                        {"=ID", "[5,7]", "5,7"},
                        {"@ID", "[\"5\",\"7\",\"99\"]", "5,7"},
                        {"!ID", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]", "18,19,20"},
                        {"!@ID", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18]", "19,20"},
                        {">SUM", "95", "10,11,12,13,14,15,16,17,18,19,20"},
                        {"%TITLE", "\"deal 1\"", "1,10,11,12,13,14,15,16,17,18,19"},
                        {"=TITLE", "\"Deal 1\"", "1"},
                        {"TITLE", "\"nothing\"", ""},
                        {"!%TITLE", "\"1\"", "2,3,4,5,6,7,8,9,20"},
                        {"MISSING", "\"\"", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20"}};
    for (const Row& row : rows) {
        CAPTURE(row.key);
        ListQuery query;
        query.filter = {parse_condition(row.key, json::parse(row.value))};
        std::string got;
        for (const json::object* found : table.list(query).rows)
            got += (got.empty() ? "" : ",") + php::to_string(found->at("ID"));
        CHECK(got == row.ids);
    }
    ListQuery both;
    both.filter = {parse_condition(">ID", 10), parse_condition("STAGE", "WON"), parse_condition("<=ID", 14)};
    CHECK(table.list(both).total == 2);
}

TEST_CASE("list: pages, order, select and start=-1") {
    World world;
    json::value page = world.json_of(world.post("crm.deal.list", R"({"select":["ID","TITLE"]})"));
    CHECK(page.at("result").as_array().size() == 50);
    CHECK(page.at("next") == 50);
    CHECK(page.at("total") == 173);
    CHECK(encode(page.at("result").at(0)) == R"({"ID":"1","TITLE":"deal 1"})");
    page = world.json_of(world.post("crm.deal.list", R"({"start":150})"));
    CHECK(page.at("result").as_array().size() == 23);
    CHECK_FALSE(page.as_object().contains("next"));
    CHECK(page.at("total") == 173);
    page = world.json_of(world.post("crm.deal.list", R"({"start":-1,"filter":{">ID":120},"order":{"ID":"ASC"}})"));
    CHECK(page.at("result").as_array().size() == 50);
    CHECK(page.at("result").at(0).at("ID") == "121");
    CHECK(page.at("total") == 0);
    CHECK_FALSE(page.as_object().contains("next"));
    CHECK(ids(world.result("crm.deal.list", R"({"order":{"ID":"DESC"},"filter":{"<ID":4}})")) == "3,2,1");
    CHECK(ids(world.result("crm.deal.list", R"({"order":{"ID":"DESC"},"start":-1})")).substr(0, 11) == "173,172,171");
    CHECK(ids(world.result("crm.deal.list", R"({"order":{"TITLE":"ASC"},"filter":{"@ID":[9,10,2]}})")) == "10,2,9");
    CHECK(world.text("crm.deal.list", R"({"filter":{"ID":"none"}})") == "[]");
    CHECK(world.text("crm.deal.list", R"({"start":5000})") == "[]");
}

TEST_CASE("multi-fields append on update") {
    World world;
    const std::string id =
        world.text("crm.contact.add", R"({"fields":{"NAME":"A","PHONE":[{"VALUE":"1","VALUE_TYPE":"HOME"}]}})");
    world.post("crm.contact.update", R"({"id":)" + id + R"(,"fields":{"PHONE":[{"VALUE":"2"}]}})");
    json::value phones = world.result("crm.contact.get", "{\"id\":" + id + "}").at("PHONE");
    REQUIRE(phones.as_array().size() == 2);
    CHECK(phones.at(0).at("VALUE_TYPE") == "HOME");
    CHECK(phones.at(1).at("TYPE_ID") == "PHONE");
    const std::string item = php::to_string(phones.at(0).at("ID"));
    world.post("crm.contact.update",
               R"({"id":)" + id + R"(,"fields":{"PHONE":[{"ID":")" + item + R"(","VALUE":""}]}})");
    phones = world.result("crm.contact.get", "{\"id\":" + id + "}").at("PHONE");
    REQUIRE(phones.as_array().size() == 1);
    CHECK(phones.at(0).at("VALUE") == "2");
    CHECK(ids(world.result("crm.contact.list", R"({"filter":{"PHONE":"2"}})")) == id);
}

TEST_CASE("names of fields both ways") {
    for (const auto& [upper, camel] : {std::pair{"ORIGIN_ID", "originId"},
                                       {"ID", "id"},
                                       {"UF_CRM_1", "ufCrm_1"},
                                       {"XML_ID", "xmlId"},
                                       {"ASSIGNED_BY_ID", "assignedById"},
                                       {"TITLE", "title"}}) {
        CHECK(to_camel(upper) == camel);
        CHECK(to_upper_snake(camel) == upper);
    }
}

TEST_CASE("crm.item sees the same rows in its own way") {
    World world;
    json::value item =
        world
            .result("crm.item.add",
                    R"({"entityTypeId":2,"fields":{"title":"T","xmlId":"x-1","opportunity":12.5,"assignedById":"3"}})")
            .at("item");
    CHECK(item.at("id") == 174);
    CHECK(item.at("xmlId") == "x-1");
    CHECK(item.at("opportunity") == 12.5);
    CHECK(item.at("assignedById") == 3);
    CHECK(item.at("entityTypeId") == 2);
    CHECK(world.result("crm.deal.get", R"({"id":174})").at("XML_ID") == "x-1");
    const json::value page = world.json_of(
        world.post("crm.item.list", R"({"entityTypeId":2,"filter":{"xmlId":"x-1"},"select":["id","xmlId"]})"));
    CHECK(encode(page.at("result")) == R"({"items":[{"id":174,"xmlId":"x-1","entityTypeId":2}]})");
    CHECK(page.at("total") == 1);
    CHECK(world.result("crm.item.update", R"({"entityTypeId":2,"id":174,"fields":{"title":"U"}})")
              .at("item")
              .at("title") == "U");
    CHECK(world.text("crm.item.delete", R"({"entityTypeId":2,"id":174})") == "[]");
    CHECK(world.post("crm.item.get", R"({"entityTypeId":2,"id":174})").status == 400);
    CHECK(world.post("crm.item.get", R"({"entityTypeId":77,"id":1})").status == 400);
    CHECK(world.result("crm.item.add", R"({"entityTypeId":150,"fields":{"title":"smart"}})").at("item").at("id") == 1);
}

TEST_CASE("adds with the same marker are duplicates") {
    World world;
    world.post("crm.deal.add", R"({"fields":{"TITLE":"same","ORIGIN_ID":"1"}})");
    world.post("crm.deal.add", R"({"fields":{"TITLE":"same","ORIGIN_ID":"2"}})");
    CHECK(world.acme().stats.duplicates == 0);
    world.post("crm.deal.add", R"({"fields":{"TITLE":"other","ORIGIN_ID":"2"}})");
    world.post("crm.lead.add", R"({"fields":{"TITLE":"other","ORIGIN_ID":"2"}})");
    CHECK(world.acme().stats.duplicates == 1);
    world.post("tasks.task.add", R"({"fields":{"TITLE":"t"}})");
    world.post("tasks.task.add", R"({"fields":{"title":"t"}})");
    CHECK(world.acme().stats.duplicates == 2);
}

TEST_CASE("classic tasks") {
    World world;
    const json::value task =
        world.result("tasks.task.add", R"({"fields":{"TITLE":"Do","RESPONSIBLE_ID":2}})").at("task");
    CHECK(task.at("id") == "121");
    CHECK(task.at("responsibleId") == "2");
    CHECK(world.result("tasks.task.get", R"({"taskId":121,"select":["ID","TITLE"]})").at("task") ==
          json::parse(R"({"id":"121","title":"Do"})"));
    const json::value page =
        world.json_of(world.post("tasks.task.list", R"({"filter":{">ID":100},"order":{"ID":"asc"}})"));
    CHECK(ids(page.at("result").at("tasks"), "id").substr(0, 7) == "101,102");
    CHECK(page.at("total") == 21);
    CHECK(encode(world.result("tasks.task.delete", R"({"taskId":121})")) == R"({"task":true})");
    CHECK(world.post("tasks.task.get", R"({"taskId":121})").status == 400);
}
