#include <b24gate/bitrix/families.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include <b24gate/bitrix/methods.hpp>

using namespace b24gate::bitrix;

namespace {

/// Whether a kept answer of `read` is given up when `write` passes.
bool drops(std::string_view write, std::string_view read) {
    const Touched touched = touched_by(write, Methods().known(write));
    if (touched.everything) return true;
    for (const std::string_view family : touched.families)
        if (concerns(family, family_of(read))) return true;
    return false;
}

}  // namespace

TEST_CASE("the family of a read") {
    CHECK(family_of("crm.deal.list") == "crm.deal");
    CHECK(family_of("crm.deal.userfield.list") == "crm.deal");
    CHECK(family_of("crm.stagehistory") == "crm.stagehistory");
    CHECK(family_of("user.current") == "user");
    CHECK(family_of("profile") == "user");
    CHECK(family_of("tasks.task.list") == "tasks");
    CHECK(family_of("task.item.getdata") == "tasks");
    CHECK(family_of("scope") == "scope");
    CHECK(family_of("crm") == "crm");
    CHECK(family_of("crm.") == "crm.");
    CHECK(family_of("") == "");
}

TEST_CASE("a write gives up what it may have changed, and leaves the rest") {
    struct Case {
        const char *write, *read;
        bool dropped;
    };
    const Case cases[] = {
        // its own family
        {"crm.deal.add", "crm.deal.list", true},
        {"crm.deal.add", "crm.deal.fields", true},
        {"crm.deal.update", "crm.deal.get", true},
        {"user.update", "user.current", true},
        {"user.userfield.add", "user.fields", true},
        {"user.update", "profile", true},
        {"tasks.task.add", "task.item.list", true},
        {"task.item.add", "tasks.task.list", true},
        {"im.message.add", "im.dialog.get", true},
        // two doors to the same rows
        {"crm.item.update", "crm.deal.list", true},
        {"crm.item.update", "crm.item.list", true},
        {"crm.deal.update", "crm.item.get", true},
        {"crm.lead.update", "crm.deal.list", true},
        {"catalog.product.add", "crm.product.list", true},
        {"crm.product.update", "catalog.product.list", true},
        // settings of the CRM show everywhere in it
        {"crm.deal.userfield.add", "crm.contact.fields", true},
        {"crm.status.update", "crm.deal.fields", true},
        {"crm.type.add", "crm.item.fields", true},
        {"crm.deal.productrows.set", "crm.productrow.list", true},
        {"crm.item.import", "crm.status.list", true},
        {"telephony.externalcall.register", "crm.lead.list", true},
        // processes, and what nobody knows
        {"bizproc.workflow.start", "crm.deal.list", true},
        {"crm.automation.trigger.execute", "tasks.task.list", true},
        {"mycompany.do.something", "crm.status.list", true},
        {"mycompany.do.something", "user.current", true},
        {"upload", "disk.folder.getchildren", true},
        // what stays
        {"crm.deal.add", "crm.status.list", false},
        {"crm.deal.add", "crm.contact.fields", false},
        {"crm.deal.add", "crm.dealcategory.list", false},
        {"crm.deal.add", "user.current", false},
        {"crm.contact.update", "crm.deal.list", false},
        {"user.update", "crm.deal.list", false},
        {"user.update", "userconsent.agreement.list", false},
        {"im.message.add", "crm.deal.list", false},
        {"tasks.task.update", "crm.deal.fields", false},
        {"disk.file.delete", "user.get", false},
        {"lists.element.add", "crm.status.list", false},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.write));
        CAPTURE(std::string(c.read));
        CHECK(drops(c.write, c.read) == c.dropped);
    }
}

TEST_CASE("several commands touch what each of them touches") {
    Touched all;
    merge(all, touched_by("crm.deal.add", true));
    merge(all, touched_by("user.update", true));
    CHECK_FALSE(all.everything);
    CHECK(std::find(all.families.begin(), all.families.end(), "crm.deal") != all.families.end());
    CHECK(std::find(all.families.begin(), all.families.end(), "user") != all.families.end());
    const std::size_t before = all.families.size();
    merge(all, touched_by("crm.deal.update", true));
    CHECK(all.families.size() == before);
    merge(all, touched_by("bizproc.workflow.start", true));
    CHECK(all.everything);
    CHECK(all.families.empty());
}

TEST_CASE("any name has a family and touches something") {
    for (const std::string name : {"", ".", "..", "crm..", "crm.deal", "crm.deal.", "a", "add", ".add", "crm.x.add"}) {
        CAPTURE(name);
        static_cast<void>(family_of(name));
        for (const bool known : {false, true}) {
            const Touched touched = touched_by(name, known);
            const bool something = touched.everything || !touched.families.empty();
            CHECK(something);
        }
    }
    CHECK_FALSE(concerns("user", "userconsent"));
    CHECK(concerns("crm", "crm.deal"));
    CHECK_FALSE(concerns("crm.deal", "crm"));
    CHECK(answers_once("server.time"));
    CHECK_FALSE(answers_once("user.current"));
}
