// Which methods read, which may run twice, and the names that lie about it.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <b24gate/bitrix/methods.hpp>

namespace {

using namespace b24gate::bitrix;

const Methods builtin;

void check_all(const std::vector<std::string>& names, Effect effect) {
    for (const std::string& name : names) {
        CAPTURE(name);
        CHECK(builtin.effect(name) == effect);
        CHECK(builtin.repeat_is_safe(name, "", "") == (effect != Effect::unsafe));
        std::string upper = name;
        for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        CHECK(builtin.effect(upper) == effect);
    }
}

TEST_CASE("reads by their last segment") {
    check_all({"crm.deal.get",
               "crm.deal.list",
               "lists.element.getlist",
               "crm.deal.fields",
               "sale.order.getFields",
               "crm.activity.types",
               "crm.x.getTypes",
               "user.search",
               "x.count",
               "main.eventlog.tail",
               "landing.block.getmanifest",
               "tasks.task.aggregate",
               "x.y.isActionAllowed",
               "x.getAllowedActions",
               "x.getById",
               "disk.folder.getChildren",
               "disk.file.getVersions",
               "landing.site.getPreview",
               "landing.site.getRights",
               "catalog.product.getFieldsByFilter",
               "sale.x.getFieldsByType",
               "tasks.task.field.list",
               "tasks.task.field.get",
               "tasks.task.access.get",
               "crm.timeline.comment.list",
               "sale.order.list",
               "sale.order.get",
               "imopenlines.config.list.get",
               "mail.message.list",
               "bizproc.task.list"},
              Effect::read);
}

TEST_CASE("reads by their whole name") {
    check_all(
        {"methods", "scope", "events", "profile", "server.time", "app.info", "access.name", "user.current",
         "user.admin", "user.access", "method.get", "feature.get", "rest.scope.list", "rest.documentation.openapi",
         "user.option.get", "app.option.get", "voximplant.user.get", "telephony.externalCall.searchCrmEntities"},
        Effect::read);
}

TEST_CASE("reads that look like writes") {
    check_all({"crm.duplicate.findbycomm",
               "crm.enum.ownertype",
               "crm.enum.activitytype",
               "crm.enum.settings.mode",
               "crm.status.entity.items",
               "crm.status.entity.types",
               "crm.dealcategory.status",
               "crm.calllist.statuslist",
               "crm.requisite.preset.countries",
               "crm.requisite.preset.field.availabletoadd",
               "crm.item.productrow.getAvailableForPayment",
               "crm.activity.call.getTranscript",
               "catalog.catalog.isOffers",
               "catalog.document.mode.status",
               "catalog.enum.getRoundTypes",
               "bizproc.workflow.instances",
               "calendar.event.get.nearest",
               "disk.storage.getChildren",
               "disk.rights.getTasks",
               "humanresources.node.children",
               "humanresources.node.search",
               "humanresources.node.count",
               "humanresources.employee.subordinates",
               "humanresources.employee.multidepartment",
               "humanresources.employee.count",
               "im.dialog.messages.search",
               "im.notify.history.search",
               "imconnector.status",
               "imopenlines.crm.chat.getLastId",
               "landing.landing.resolveIdByPublicUrl",
               "landing.site.getadditionalfields",
               "landing.landing.getadditionalfields",
               "landing.repo.checkContent",
               "landing.site.fullExport",
               "lists.get.iblock.type.id",
               "lists.element.get.file.url",
               "log.blogpost.getusers.important",
               "mail.mailbox.senders",
               "mail.message.thread",
               "mail.recipient.listcontacts",
               "mail.recipient.listemployees",
               "rpa.stage.listForType",
               "rpa.timeline.listForItem",
               "rpa.item.getTasks",
               "sonet_group.feature.access",
               "sonet_group.user.groups",
               "task.item.getdata",
               "task.item.getdescription",
               "task.item.getfiles",
               "task.item.getallowedtaskactionsasstrings",
               "task.stages.canmovetask",
               "tasks.flow.Flow.isExists",
               "tasks.task.getaccess",
               "timeman.status",
               "timeman.settings",
               "timeman.networkrange.check",
               "userconsent.agreement.text",
               "vote.AttachedVote.getMany",
               "vote.AttachedVote.getWithVoted",
               "vote.AttachedVote.getAnswerVoted",
               "voximplant.sip.status",
               "voximplant.sip.connector.status"},
              Effect::read);
}

TEST_CASE("changes whose second run changes nothing") {
    check_all({"crm.deal.update", "crm.deal.delete", "user.option.set", "app.option.set", "tasks.task.update",
               "im.chat.mute", "x.unmute", "im.recent.pin", "x.unpin", "x.unset", "disk.file.rename",
               "department.delete", "landing.site.update", "booking.v1.booking.update"},
              Effect::idempotent);
}

TEST_CASE("changes that look like reads") {
    check_all({"imbot.v2.Event.get", "im.v2.Event.get", "im.notify.read.list", "im.dialog.read", "im.dialog.read.all",
               "im.notify.read", "im.notify.read.all", "disk.storage.getForApp", "disk.file.getExternalLink",
               "disk.folder.getExternalLink", "salescenter.payment.getPublicUrl", "crm.invoice.getexternallink",
               "crm.documentgenerator.document.enablepublicurl", "imopenlines.session.open", "entity.rights",
               "crm.timeline.note.save", "telephony.externalCall.show", "telephony.externalCall.hide",
               "telephony.externalCall.attachRecord"},
              Effect::idempotent);
    check_all({"event.offline.get", "event.test"}, Effect::unsafe);
}

TEST_CASE("what is never sent twice") {
    check_all({"crm.deal.add",
               "crm.item.import",
               "crm.item.batchImport",
               "x.create",
               "imbot.register",
               "mail.message.send",
               "bizproc.workflow.start",
               "disk.file.copyto",
               "disk.file.moveto",
               "disk.folder.uploadfile",
               "tasks.task.files.attach",
               "tasks.task.complete",
               "imopenlines.operator.answer",
               "telephony.externalCall.finish",
               "telephony.externalCall.register",
               "x.transfer",
               "x.vote",
               "crm.item.payment.pay",
               "x.confirm",
               "x.execute",
               "crm.deal.recurring.expose",
               "crm.entity.mergeBatch",
               "voximplant.infocall.startwithtext",
               "voximplant.callback.start",
               "im.message.add",
               "imbot.message.add",
               "im.notify",
               "im.notify.system.add",
               "im.notify.delete",
               "imconnector.send.messages",
               "messageservice.message.status.update",
               "sale.order.update",
               "sale.basketitem.delete",
               "sale.delivery.request.sendmessage",
               "crm.timeline.comment.add",
               "crm.timeline.comment.update",
               "log.blogpost.add",
               "tasks.task.start",
               "tasks.task.pause",
               "tasks.task.renew",
               "timeman.open",
               "timeman.close",
               "timeman.pause",
               "catalog.document.conduct",
               "catalog.document.cancelList",
               "placement.bind",
               "event.bind",
               "userfieldtype.add",
               "bizproc.activity.log",
               "bizproc.event.send",
               "crm.automation.trigger",
               "crm.automation.trigger.delete",
               "bizproc.task.complete",
               "batch",
               "upload",
               "no.such.method",
               "get",
               "list",
               "update",
               "",
               ".",
               "crm.deal.",
               "forget",
               "crm.deal.budget",
               "crm.deal.addlist"},
              Effect::unsafe);
}

TEST_CASE("an update of a field with several values appends, unless each entry names the value it changes") {
    struct Row {
        const char *method, *query, *body;
        bool safe;
    };
    const Row rows[] = {
        {"crm.contact.update", "", R"({"id":1,"fields":{"NAME":"x"}})", true},
        {"crm.contact.update", "", R"({"id":1,"fields":{"PHONE":[{"VALUE":"1"}]}})", false},
        {"CRM.Contact.Update", "", R"({"ID":1,"FIELDS":{"phone":[{"VALUE":"1"}]}})", false},
        {"crm.contact.update", "", R"({"id":1,"fields":{"EMAIL":[{"ID":"12","VALUE":"a@b"}]}})", true},
        {"crm.contact.update", "", R"({"id":1,"fields":{"EMAIL":[{"ID":12,"VALUE":"a"},{"VALUE":"b"}]}})", false},
        {"crm.contact.update", "", R"({"id":1,"fields":{"EMAIL":[{"ID":"","VALUE":"a"}]}})", false},
        {"crm.contact.update", "", R"({"id":1,"fields":{"EMAIL":[{"ID":null,"VALUE":"a"}]}})", false},
        {"crm.contact.update", "", R"({"id":1,"fields":{"EMAIL":"a"}})", false},
        {"crm.contact.update", "", R"({"id":1,"fields":{"EMAIL":[]}})", true},
        {"crm.company.update", "", R"({"id":1,"fields":{"WEB":{"0":{"VALUE":"x"}}}})", false},
        {"crm.lead.update", "", R"({"id":1,"fields":{"IM":[{"VALUE":"x"}]}})", false},
        {"crm.item.update", "", R"({"id":1,"fields":{"fm":{"n0":{"value":"1"}}}})", false},
        {"crm.item.update", "", R"({"id":1,"fields":{"fm":{"15":{"value":"1"}}}})", true},
        {"crm.item.update", "", R"({"id":1,"fields":{"fm":[{"value":"1"}]}})", false},
        {"crm.item.update", "", R"({"id":1,"fields":{"fm":[{"id":15,"value":"1"}]}})", true},
        {"crm.contact.update", "", R"([1,{"PHONE":[{"VALUE":"1"}]}])", false},
        {"crm.contact.update", "", R"({"id":1,"fields":{"PHONE")", false},
        {"crm.contact.update", "", "ID=1&fields[NAME]=x", true},
        {"crm.contact.update", "", "ID=1&fields[PHONE][0][VALUE]=1", false},
        {"crm.contact.update", "", "id=1&fields%5BPHONE%5D%5B0%5D%5BVALUE%5D=1", false},
        {"crm.contact.update", "", "fields[PHONE][0][ID]=5&fields[PHONE][0][VALUE]=1", true},
        {"crm.contact.update", "", "fields[PHONE][0][ID]=&fields[PHONE][0][VALUE]=1", false},
        {"crm.contact.update", "", "fields[PHONE][0][ID]=5&fields[PHONE][1][VALUE]=1", false},
        {"crm.contact.update", "", "fields[PHONE][][VALUE]=1", false},
        {"crm.contact.update", "fields[EMAIL][0][VALUE]=a", "", false},
        {"crm.contact.update", "id=1&fields[NAME]=a", "", true},
        {"crm.contact.update", "", "--b\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n1\r\n--b--", false},
        {"crm.contact.list", "", R"({"filter":{"PHONE":"1"},"fields":{"PHONE":[{"VALUE":"1"}]}})", true},
        {"user.update", "", R"({"fields":{"PHONE":[{"VALUE":"1"}]}})", true},
        {"crm.contact.add", "", R"({"fields":{}})", false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.method);
        CAPTURE(row.query);
        CAPTURE(row.body);
        CHECK(builtin.repeat_is_safe(row.method, row.query, row.body) == row.safe);
    }
}

TEST_CASE("parameters that turn a read into a write") {
    CHECK(builtin.repeat_is_safe("entity.rights", "ENTITY=x", ""));
    CHECK(builtin.repeat_is_safe("entity.rights", "", R"({"ENTITY":"x"})"));
    CHECK_FALSE(builtin.repeat_is_safe("entity.rights", "ENTITY=x&ACCESS[U1]=W", ""));
    CHECK_FALSE(builtin.repeat_is_safe("entity.rights", "", R"({"ENTITY":"x","ACCESS":{"U1":"W"}})"));
    CHECK_FALSE(builtin.repeat_is_safe("entity.rights", "", "access%5BU1%5D=W"));
    CHECK_FALSE(builtin.repeat_is_safe("entity.rights", "", R"(["x"])"));
    CHECK(builtin.repeat_is_safe("crm.deal.get", "id=1", ""));
    CHECK_FALSE(builtin.repeat_is_safe("crm.deal.get", "id=1&token=abc", ""));
    CHECK(builtin.repeat_is_safe("crm.deal.get", "tokens=1", ""));
    CHECK(builtin.repeat_is_safe("download", "token=abc", ""));
}

TEST_CASE("the configuration adds to the table, and goes before it") {
    const Methods methods({"my.app.*", "event.test"}, {"crm.contact.update", "crm.deal.add"});
    CHECK(methods.effect("My.App.Anything") == Effect::read);
    CHECK(methods.effect("event.test") == Effect::read);
    CHECK(methods.effect("crm.deal.add") == Effect::idempotent);
    CHECK(methods.repeat_is_safe("crm.deal.add", "", ""));
    CHECK(methods.repeat_is_safe("crm.contact.update", "", R"({"fields":{"PHONE":[{"VALUE":"1"}]}})"));
    CHECK(methods.effect("crm.lead.add") == Effect::unsafe);
}

TEST_CASE("what may stand in a batch") {
    for (const char* name :
         {"batch", "Batch", "upload", "download", "catalog.product.download", "event.offline.get", "task.item.getdata",
          "task.commentitem.add", "rest.documentation.openapi", "vote.AttachedVote.download", "voximplant.user.get"}) {
        CAPTURE(name);
        CHECK_FALSE(builtin.batchable(name));
    }
    for (const char* name : {"crm.deal.list", "tasks.task.list", "user.current", "crm.deal.add", "unknown.method"}) {
        CAPTURE(name);
        CHECK(builtin.batchable(name));
    }
}

TEST_CASE("files, and names that exist") {
    for (const char* name : {"download", "catalog.product.download", "catalog.product.sku.download",
                             "crm.documentgenerator.document.getPdf", "rest.documentation.openapi"}) {
        CAPTURE(name);
        CHECK(builtin.file_answer(name));
    }
    for (const char* name : {"crm.deal.list", "upload", "disk.folder.uploadfile", "im.v2.File.download", "batch", ""})
        CHECK_FALSE(builtin.file_answer(name));
    for (const char* name : {"crm.deal.add", "CRM.Deal.Add", "batch", "server.time", "tasks.task.list", "user.current",
                             "crm.item.list", "profile", "im.notify.system.add", "imbot.v2.Event.get"}) {
        CAPTURE(name);
        CHECK(builtin.known(name));
    }
    for (const char* name : {"crm.deal.addd", "", "x", "crm", "crm.deal", "crm.deal.add.json"}) {
        CAPTURE(name);
        CHECK_FALSE(builtin.known(name));
    }
    CHECK_FALSE(builtin.known(std::string(100000, 'a')));
}

}  // namespace
