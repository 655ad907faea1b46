#include <b24gate/bitrix/families.hpp>

#include <algorithm>
#include <array>
#include <iterator>

#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

using Name = std::string_view;

constexpr auto once = std::to_array<Name>({
    "event.offline.get",
    "server.time",
    "voximplant.user.get",
});

struct Links {
    Name family;
    std::array<Name, 8> touched;  ///< empty ones do not count
};

// clang-format off
/// What adding, changing or deleting one record of the CRM touches. A smart process and the classic kinds are two
/// doors to the same rows; a lead becomes a deal, a contact and a company. Every other write of the CRM may be one of
/// its settings, and touches all of it.
constexpr auto crm_records = std::to_array<Links>({
    {"crm.activity", {"crm.activity", "crm.timeline", "crm.deal", "crm.lead", "crm.contact", "crm.company", "crm.item"}},
    {"crm.company", {"crm.company", "crm.contact", "crm.item"}},
    {"crm.contact", {"crm.contact", "crm.company", "crm.item"}},
    {"crm.deal", {"crm.deal", "crm.item", "crm.stagehistory"}},
    {"crm.invoice", {"crm.invoice", "crm.item"}},
    {"crm.item", {"crm.item", "crm.deal", "crm.lead", "crm.contact", "crm.company", "crm.quote", "crm.invoice",
                  "crm.stagehistory"}},
    {"crm.lead", {"crm.lead", "crm.deal", "crm.contact", "crm.company", "crm.item", "crm.stagehistory"}},
    {"crm.quote", {"crm.quote", "crm.item"}},
});

/// What a write elsewhere touches besides its own family.
constexpr auto groups = std::to_array<Links>({
    {"booking", {"crm"}},
    {"calendar", {"crm"}},
    {"catalog", {"sale", "crm.product", "crm.productrow", "crm.productsection", "crm.catalog", "crm.measure", "crm.vat",
                 "crm.item"}},
    {"department", {"user", "humanresources"}},
    {"documentgenerator", {"crm"}},
    {"humanresources", {"user", "department"}},
    {"im", {"imbot", "imopenlines"}},
    {"imbot", {"im", "imopenlines"}},
    {"imconnector", {"imopenlines", "im", "crm"}},
    {"imopenlines", {"imconnector", "im", "crm"}},
    {"mail", {"crm"}},
    {"sale", {"catalog", "crm"}},
    {"salescenter", {"sale", "crm"}},
    {"tasks", {"crm.activity", "crm.timeline"}},
    {"telephony", {"crm"}},
    {"user", {"department", "humanresources"}},
    {"voximplant", {"crm"}},
});

/// These start processes, or change what any other method answers.
constexpr auto touch_everything = std::to_array<Name>({
    "batch", "bizproc", "crm.automatedsolution", "crm.automation", "feature", "main", "rest", "rpa", "scope", "upload",
    "userfieldconfig", "userfieldtype",
});

constexpr auto goods = std::to_array<Name>({"crm.catalog", "crm.measure", "crm.product", "crm.productrow",
                                            "crm.productsection", "crm.vat"});
// clang-format on

static_assert(std::ranges::is_sorted(once));
static_assert(std::ranges::is_sorted(crm_records, {}, &Links::family));
static_assert(std::ranges::is_sorted(groups, {}, &Links::family));
static_assert(std::ranges::is_sorted(touch_everything));
static_assert(std::ranges::is_sorted(goods));

template <std::size_t n>
const Links* find(const std::array<Links, n>& table, Name family) noexcept {
    const auto at = std::ranges::lower_bound(table, family, {}, &Links::family);
    return at != table.end() && at->family == family ? &*at : nullptr;
}

void add(Touched& touched, Name family) {
    if (!family.empty() && std::ranges::find(touched.families, family) == touched.families.end())
        touched.families.push_back(family);
}

bool changes_one_record(Name method) noexcept {
    const Name last = method.substr(std::min(method.rfind('.'), method.size() - 1) + 1);
    return std::ranges::count(method, '.') == 2 && (last == "add" || last == "update" || last == "delete");
}

}  // namespace

std::string_view family_of(std::string_view method) noexcept {
    if (method == "profile") return "user";
    const std::size_t dot = method.find('.');
    const Name group = method.substr(0, dot);
    if (group == "task") return "tasks";  // the older names of the same tasks
    if (group == "crm" && dot != Name::npos) return method.substr(0, method.find('.', dot + 1));
    return group;
}

Touched touched_by(std::string_view method, bool known) {
    Touched touched;
    const Name family = family_of(method);
    const Name group = family.substr(0, family.find('.'));
    touched.everything = !known || family.empty() || std::ranges::binary_search(touch_everything, family) ||
                         std::ranges::binary_search(touch_everything, group);
    if (touched.everything) return touched;
    const Links* links = nullptr;
    if (group == "crm") {
        links = changes_one_record(method) ? find(crm_records, family) : nullptr;
        if (links == nullptr) add(touched, "crm");
        if (std::ranges::binary_search(goods, family)) {
            add(touched, "catalog");
            add(touched, "sale");
        }
    } else {
        add(touched, group);
        links = find(groups, group);
    }
    if (links != nullptr)
        for (const Name also : links->touched) add(touched, also);
    return touched;
}

void merge(Touched& all, const Touched& more) {
    all.everything = all.everything || more.everything;
    if (all.everything)
        all.families.clear();
    else
        for (const Name family : more.families) add(all, family);
}

bool concerns(std::string_view touched, std::string_view family) noexcept {
    return family.starts_with(touched) && (family.size() == touched.size() || family[touched.size()] == '.');
}

bool answers_once(std::string_view method) noexcept { return std::ranges::binary_search(once, method); }

}  // namespace b24gate::bitrix
