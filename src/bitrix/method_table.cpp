#include <b24gate/bitrix/method_table.hpp>

#include <algorithm>
#include <array>

#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

using Name = std::string_view;

template <std::size_t n>
constexpr bool has(const std::array<Name, n>& sorted, Name name) noexcept {
    return std::ranges::binary_search(sorted, name);
}

template <std::size_t n>
constexpr bool matches(const std::array<Name, n>& globs, Name name) noexcept {
    return std::ranges::any_of(globs, [name](Name glob) { return core::glob_match(glob, name); });
}

// --- by the whole name; these win over everything below ---

// clang-format off
/// Reads whose last segment does not say so, and reads inside of a family that acts.
constexpr auto reads = std::to_array<Name>({
    "access.name", "app.info", "app.option.get",
    "bizproc.workflow.instances",
    "calendar.event.get.nearest",
    "catalog.catalog.isoffers", "catalog.document.mode.status", "catalog.pricetypelang.getlanguages",
    "catalog.product.download", "catalog.product.offer.download", "catalog.product.service.download",
    "catalog.product.sku.download", "catalog.productpropertyfeature.getavailablefeaturesbyproperty",
    "crm.activity.call.gettranscript", "crm.calllist.statuslist", "crm.controller.item.getfile",
    "crm.dealcategory.status", "crm.documentgenerator.document.download", "crm.documentgenerator.document.getimage",
    "crm.documentgenerator.document.getpdf", "crm.documentgenerator.template.download", "crm.duplicate.findbycomm",
    "crm.item.productrow.getavailableforpayment", "crm.requisite.preset.countries",
    "crm.requisite.preset.field.availabletoadd", "crm.status.entity.items", "crm.status.entity.types",
    "crm.type.getbyentitytypeid",
    "disk.folder.getchildren", "disk.rights.gettasks", "disk.storage.getchildren",
    "documentgenerator.api.document.getfile", "documentgenerator.api.document.getimage",
    "documentgenerator.api.document.getpdf", "documentgenerator.api.document.showpdf",
    "documentgenerator.api.template.download",
    "download",
    "events",
    "feature.get",
    "humanresources.employee.count", "humanresources.employee.multidepartment", "humanresources.employee.subordinates",
    "humanresources.node.children", "humanresources.node.count", "humanresources.node.search",
    "im.dialog.messages.search", "im.notify.history.search", "im.v2.file.download",
    "imbot.v2.chat.message.getcontext", "imbot.v2.file.download",
    "imconnector.status", "imopenlines.crm.chat.getlastid",
    "landing.block.getcontent", "landing.block.getcontentfromrepository", "landing.block.getmanifestfile",
    "landing.block.getrepository", "landing.demos.getpagelist", "landing.demos.getsitelist",
    "landing.landing.getpublicurl", "landing.landing.resolveidbypublicurl", "landing.repo.checkcontent",
    "landing.role.isenabled", "landing.site.fullexport", "landing.site.getfolders",
    "landing.site.getgroupbindings", "landing.site.getmenubindings", "landing.site.getpublicurl",
    "landing.syspage.getspecialpage", "landing.template.getlandingref", "landing.template.getsiteref",
    "lists.element.get.file.url", "lists.get.iblock.type.id", "log.blogpost.getusers.important",
    "mail.mailbox.senders", "mail.message.thread", "mail.recipient.listcontacts", "mail.recipient.listemployees",
    "method.get", "methods",
    "profile",
    "rest.documentation.openapi", "rest.scope.list",
    "rpa.fields.getsettings", "rpa.item.gettasks", "rpa.stage.listfortype", "rpa.timeline.listforitem",
    "sale.basketitem.getfieldscatalogproduct", "sale.statuslang.getlistlangs",
    "scope", "server.time", "sonet_group.feature.access", "sonet_group.user.groups",
    "task.stages.canmovetask", "tasks.api.scrum.kanban.getstages", "tasks.flow.flow.isexists",
    "tasks.task.getaccess", "telephony.externalcall.searchcrmentities",
    "timeman.networkrange.check", "timeman.settings", "timeman.status",
    "user.access", "user.admin", "user.current", "user.option.get", "userconsent.agreement.text",
    "vote.attachedvote.download", "vote.attachedvote.getanswervoted", "vote.attachedvote.getmany",
    "vote.attachedvote.getwithvoted", "voximplant.sip.connector.status", "voximplant.sip.status",
    "voximplant.user.get",
});

/// Changes whose second run leaves what the first left, although neither the last segment nor the family says so; among
/// them names that look like reads.
constexpr auto idempotent = std::to_array<Name>({
    "crm.documentgenerator.document.enablepublicurl", "crm.invoice.getexternallink", "crm.timeline.note.save",
    "disk.file.getexternallink", "disk.folder.getexternallink", "disk.storage.getforapp",
    "documentgenerator.document.enablepublicurl",
    "entity.rights",
    "im.dialog.read", "im.dialog.read.all", "im.notify.read", "im.notify.read.all", "im.notify.read.list",
    "im.v2.event.get",
    "imbot.v2.event.get",
    "imopenlines.session.open",
    "salescenter.payment.getpublicurl",
    "telephony.externalcall.attachrecord", "telephony.externalcall.hide", "telephony.externalcall.show",
});

/// Never again, whatever the last segment looks like.
constexpr auto unsafe = std::to_array<Name>({
    "batch",
    "event.offline.get", "event.test",
    "upload",
});
// clang-format on

// --- by family ---

/// Every method of these reads.
constexpr auto reading_families = std::to_array<Name>({
    "catalog.enum.*",
    "crm.enum.*",
    "landing.*.getadditionalfields",
    "task.item.get*",
});

/// What is no read by its last segment acts on people, money, stock, calls or processes.
constexpr auto acting_families = std::to_array<Name>({
    "bizproc.activity.log",
    "bizproc.event.send",
    "bizproc.task.*",
    "bizproc.workflow.start",
    "catalog.document.cancel*",
    "catalog.document.conduct*",
    "crm.*.recurring.expose",
    "crm.automation.trigger*",
    "crm.entity.mergebatch",
    "crm.item.batchimport",
    "crm.item.import",
    "crm.item.payment.*",
    "crm.timeline.*",
    "im.message.add",
    "im.notify*",
    "imbot.message.add",
    "imconnector.send.messages",
    "imopenlines.*",
    "log.blogpost.add",
    "mail.message.*",
    "messageservice.*",
    "sale.*",
    "telephony.externalcall.*",
    "timeman.close",
    "timeman.open",
    "timeman.pause",
    "voximplant.callback.start",
    "voximplant.infocall.*",
});

// --- by the last segment ---

constexpr auto reading_segments = std::to_array<Name>({
    "aggregate",
    "count",
    "fields",
    "get",
    "getallowedactions",
    "getbyid",
    "getchildren",
    "getfields",
    "getfieldsbyfilter",
    "getfieldsbytype",
    "getlist",
    "getmanifest",
    "getpreview",
    "getrights",
    "gettypes",
    "getversions",
    "isactionallowed",
    "list",
    "search",
    "tail",
    "types",
});

constexpr auto idempotent_segments = std::to_array<Name>({
    "delete",
    "mute",
    "pin",
    "rename",
    "set",
    "unmute",
    "unpin",
    "unset",
    "update",
});

/// Streams a file.
constexpr auto file_methods = std::to_array<Name>({
    "catalog.product.download",
    "catalog.product.offer.download",
    "catalog.product.service.download",
    "catalog.product.sku.download",
    "crm.controller.item.getfile",
    "crm.documentgenerator.document.download",
    "crm.documentgenerator.document.getimage",
    "crm.documentgenerator.document.getpdf",
    "crm.documentgenerator.template.download",
    "documentgenerator.api.document.getfile",
    "documentgenerator.api.document.getimage",
    "documentgenerator.api.document.getpdf",
    "documentgenerator.api.document.showpdf",
    "documentgenerator.api.template.download",
    "download",
    "rest.documentation.openapi",
    "vote.attachedvote.download",
});

/// The portal refuses the first and the last of them inside a batch. A batch answer that gets lost would lose the
/// offline events it took, and voximplant.user.get asks an administrator for an approval.
constexpr auto unbatchable = std::to_array<Name>({
    "batch",
    "event.offline.get",
    "upload",
    "voximplant.user.get",
});

static_assert(std::ranges::is_sorted(reads));
static_assert(std::ranges::is_sorted(idempotent));
static_assert(std::ranges::is_sorted(unsafe));
static_assert(std::ranges::is_sorted(reading_segments));
static_assert(std::ranges::is_sorted(idempotent_segments));
static_assert(std::ranges::is_sorted(file_methods));
static_assert(std::ranges::is_sorted(unbatchable));

}  // namespace

std::optional<Effect> builtin_effect(std::string_view method) noexcept {
    if (has(reads, method)) return Effect::read;
    if (has(idempotent, method)) return Effect::idempotent;
    if (has(unsafe, method)) return Effect::unsafe;
    if (matches(reading_families, method)) return Effect::read;
    const std::size_t dot = method.rfind('.');
    const Name last = dot == Name::npos ? Name{} : method.substr(dot + 1);
    if (has(reading_segments, last)) return Effect::read;
    if (matches(acting_families, method)) return Effect::unsafe;
    if (has(idempotent_segments, last)) return Effect::idempotent;
    return std::nullopt;
}

bool streams_file(std::string_view method) noexcept { return has(file_methods, method); }

bool is_unbatchable(std::string_view method) noexcept {
    // The legacy task.* methods read their parameters by position, and a batch's query string loses it.
    return has(unbatchable, method) || has(file_methods, method) || method.starts_with("task.");
}

}  // namespace b24gate::bitrix
