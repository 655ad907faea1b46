#include <b24gate/operations/proof.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <b24gate/bitrix/php_form.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/sha256.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::operations {
namespace {

namespace json = core::json;

/// The adds whose record carries an origin that a list can filter by.
struct Entity {
    std::string_view add, list;
};
constexpr Entity entities[] = {{"crm.lead.add", "crm.lead.list"},
                               {"crm.deal.add", "crm.deal.list"},
                               {"crm.contact.add", "crm.contact.list"},
                               {"crm.company.add", "crm.company.list"}};
constexpr std::string_view item_add = "crm.item.add", item_list = "crm.item.list";

/// crm.item: lead, deal, contact and company have an origin; invoices (31) and smart processes (128 and above) have
/// xmlId; others have neither.
constexpr bool has_origin(unsigned entity_type) noexcept { return entity_type >= 1 && entity_type <= 4; }
constexpr bool has_xml_id(unsigned entity_type) noexcept { return entity_type == 31 || entity_type >= 128; }

/// Portals keep seconds, and cut off what is behind them.
constexpr UnixMs clock_grain = 2'000;
constexpr std::size_t longest_value = 255;

/// Whether the portal keeps and compares the text as it is: no text that it would trim, cut or filter.
bool comparable(std::string_view text) noexcept {
    if (text.empty() || text.size() > longest_value || text.front() == ' ' || text.back() == ' ') return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        // From 0xF0 on: four bytes of UTF-8, which older databases cut off.
        return byte >= 0x20 && byte != 0x7F && byte < 0xF0 &&
               std::string_view("<>&\"'\\%").find(c) == std::string_view::npos;
    });
}

/// A JSON string, or an integer as its text; nullopt: something else.
std::optional<std::string> scalar(std::string_view raw) {
    if (json::type_of(raw) == json::Type::string) return json::decode_string(raw);
    const std::string_view digits = raw.starts_with('-') ? raw.substr(1) : raw;
    if (core::is_digits(digits) && digits.size() <= 18) return std::string(raw);
    return std::nullopt;
}

/// The parameters of a call as the portal reads them: the body over the query, by top-level names.
class Parameters {
public:
    explicit Parameters(const bitrix::Call& call)
        : body_(call.body()), json_(call.body_kind == bitrix::BodyKind::json), query_(bitrix::parse_form(call.query)) {
        if (call.body_kind == bitrix::BodyKind::form) form_ = bitrix::parse_form(body_);
    }

    std::optional<std::string> top(std::string_view name) const {
        if (json_)
            if (const auto value = json::find_last(body_, name)) return scalar(*value);
        return text(node(name));
    }
    std::optional<std::string> field(std::string_view name) const {
        if (json_)
            if (const auto fields = json::find_last(body_, "fields")) {
                const auto value = json::find_last(*fields, name);
                return value ? scalar(*value) : std::nullopt;
            }
        const bitrix::FormNode* fields = node("fields");
        return fields && fields->is_array ? text(fields->find(name)) : std::nullopt;
    }

private:
    static std::optional<std::string> text(const bitrix::FormNode* node) {
        if (!node || node->is_array) return std::nullopt;
        return node->value;
    }
    const bitrix::FormNode* node(std::string_view name) const {
        const bitrix::FormNode* found = form_.find(name);
        return found ? found : query_.find(name);
    }

    std::string_view body_;
    bool json_;
    bitrix::FormNode query_, form_;
};

bool take(std::optional<std::string> value, std::string& out) {
    if (!value || !comparable(*value)) return false;
    out = std::move(*value);
    return true;
}

std::optional<Origin> item_origin(const Parameters& parameters) {
    const auto type = parameters.top("entityTypeId");
    Origin out;
    if (!type || !core::is_digits(*type) || type->size() > 9) return std::nullopt;
    std::from_chars(type->data(), type->data() + type->size(), out.entity_type);
    out.list_method = item_list;
    if (has_origin(out.entity_type)) {
        if (take(parameters.field("originatorId"), out.originator) && take(parameters.field("originId"), out.origin))
            return out;
    } else if (has_xml_id(out.entity_type) && take(parameters.field("xmlId"), out.xml_id)) {
        return out;
    }
    return std::nullopt;
}

bool value_is(std::string_view row, std::string_view name, const std::string& wanted) {
    const auto value = json::find_last(row, name);
    return value && scalar(*value) == wanted;
}

bool matches(const Origin& origin, std::string_view row) {
    if (!origin.xml_id.empty()) return value_is(row, "xmlId", origin.xml_id);
    const bool item = origin.entity_type != 0;
    return value_is(row, item ? "originatorId" : "ORIGINATOR_ID", origin.originator) &&
           value_is(row, item ? "originId" : "ORIGIN_ID", origin.origin);
}

std::optional<UnixMs> created(const Origin& origin, std::string_view row) {
    auto raw = json::find_last(row, origin.entity_type != 0 ? "createdTime" : "DATE_CREATE");
    if (!raw && origin.entity_type != 0) raw = json::find_last(row, "dateCreate");
    const auto text = raw ? json::decode_string(*raw) : std::nullopt;
    return text ? parse_iso_time(*text) : std::nullopt;
}

/// How far the portal's clock is ahead of ours; 0 where it does not tell the time.
UnixMs skew_of(std::string_view answer, UnixMs now) {
    const auto time = json::find_last(answer, "time");
    if (!time) return 0;
    for (const char* name : {"finish", "start"}) {
        const auto raw = json::find_last(*time, name);
        const auto seconds = raw ? json::to_number(*raw) : std::nullopt;
        if (seconds && *seconds > 1e9 && *seconds < 1e11)
            return static_cast<UnixMs>(std::llround(*seconds * 1000)) - now;
    }
    return 0;
}

int number(std::string_view digits) noexcept {
    int out = 0;
    for (const char c : digits) out = out * 10 + (c - '0');
    return out;
}

}  // namespace

std::optional<UnixMs> parse_iso_time(std::string_view text) noexcept {
    // 0123456789012345678901234
    // 2026-03-01T12:00:00+03:00
    constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
    if (text.size() < form.size() + 1) return std::nullopt;
    for (std::size_t i = 0; i < form.size(); ++i) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == 'd' ? !digit : text[i] != form[i]) return std::nullopt;
    }
    const std::string_view zone = text.substr(form.size());
    UnixMs offset = 0;
    if (zone != "Z") {
        const bool sign = zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':';
        if (!sign || !core::is_digits(zone.substr(1, 2)) || !core::is_digits(zone.substr(4, 2))) return std::nullopt;
        offset = (number(zone.substr(1, 2)) * 60 + number(zone.substr(4, 2))) * (zone[0] == '-' ? -1 : 1);
    }
    using namespace std::chrono;
    const year_month_day date(year(number(text.substr(0, 4))), month(static_cast<unsigned>(number(text.substr(5, 2)))),
                              day(static_cast<unsigned>(number(text.substr(8, 2)))));
    const int hour = number(text.substr(11, 2)), minute = number(text.substr(14, 2)),
              second = number(text.substr(17, 2));
    if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    const UnixMs days = sys_days(date).time_since_epoch().count();
    return ((days * 24 + hour) * 60 + minute - offset) * 60'000 + second * 1000;
}

std::optional<Origin> origin_of(const bitrix::Call& call) {
    const bool plain = call.api == bitrix::Api::v2 && call.kind == bitrix::CallKind::method && !call.is_batch &&
                       call.suffix != bitrix::Suffix::xml && call.body_kind != bitrix::BodyKind::multipart;
    if (!plain) return std::nullopt;
    if (call.method_lower == item_add) return item_origin(Parameters(call));
    for (const Entity& entity : entities) {
        if (call.method_lower != entity.add) continue;
        const Parameters parameters(call);
        Origin out;
        out.list_method = entity.list;
        if (take(parameters.field("ORIGINATOR_ID"), out.originator) && take(parameters.field("ORIGIN_ID"), out.origin))
            return out;
    }
    return std::nullopt;
}

Kind kind_of(const bitrix::Call& call, const bitrix::Methods& methods) {
    if (call.kind != bitrix::CallKind::method) return Kind::unsafe;
    if (call.is_batch) {
        const bool reads =
            !call.commands.empty() &&
            std::all_of(call.commands.begin(), call.commands.end(), [&](const bitrix::BatchCommand& command) {
                return methods.effect(command.method) == bitrix::Effect::read;
            });
        if (reads) return Kind::read;
    } else if (methods.repeat_is_safe(call.method, call.query, call.body())) {
        return methods.effect(call.method) == bitrix::Effect::read ? Kind::read : Kind::repeatable;
    }
    if (call.api == bitrix::Api::v3) return Kind::keyed;
    return origin_of(call) ? Kind::checkable : Kind::unsafe;
}

LookupCall lookup_call(const Origin& origin) {
    LookupCall out;
    out.method = origin.list_method;
    std::string& body = out.body;
    body = "{";
    if (origin.entity_type != 0) body += "\"entityTypeId\":" + std::to_string(origin.entity_type) + ",";
    const bool item = origin.entity_type != 0;
    if (!origin.xml_id.empty()) {
        body += "\"filter\":{\"=xmlId\":" + json::quoted(origin.xml_id) + "}";
    } else {
        body += std::string("\"filter\":{") + (item ? "\"=originatorId\":" : "\"=ORIGINATOR_ID\":") +
                json::quoted(origin.originator) + (item ? ",\"=originId\":" : ",\"=ORIGIN_ID\":") +
                json::quoted(origin.origin) + "}";
    }
    // An item's add answers with the whole item, so the whole of it is asked for; elsewhere the answer is the id.
    body += item ? R"(,"select":["*"],"order":{"id":"ASC"},"start":-1})"
                 : R"(,"select":["ID","ORIGINATOR_ID","ORIGIN_ID","DATE_CREATE"],"order":{"ID":"ASC"},"start":-1})";
    return out;
}

Judgement judge_lookup(const Origin& origin, std::string_view answer, UnixMs first_intent, UnixMs now) {
    Judgement out;
    if (json::validate(answer) || json::find_last(answer, "error")) return out;
    auto rows = json::find_last(answer, "result");
    if (rows && origin.entity_type != 0) rows = json::find_last(*rows, "items");
    if (!rows || json::type_of(*rows) != json::Type::array) return out;
    std::string_view row;
    std::size_t count = 0;
    for (json::Reader reader(*rows); reader.next(); ++count) {
        row = reader.value();
        // A portal that does not know the filter lists everything: that says nothing about ours.
        if (json::type_of(row) != json::Type::object || !matches(origin, row)) return out;
    }
    if (count != 1) {
        out.found = count == 0 ? Found::none : Found::several;
        return out;
    }
    const auto at = created(origin, row);
    if (!at) return out;
    if (*at - skew_of(answer, now) < first_intent - clock_grain) {
        out.found = Found::older;
        return out;
    }
    if (origin.entity_type != 0) {
        out.result = "{\"item\":" + std::string(row) + "}";
    } else {
        const auto raw = json::find_last(row, "ID");
        const auto id = raw ? scalar(*raw) : std::nullopt;
        if (!id || !core::is_digits(*id)) return out;
        out.result = *id;
    }
    out.found = Found::one;
    return out;
}

std::string idempotency_key(std::string_view operation_id, unsigned generation) {
    const std::string digest = core::to_hex(
        core::sha256("b24gate operation key\n" + std::string(operation_id) + "\n" + std::to_string(generation)));
    std::string out = digest.substr(0, 32);
    // As a UUID, which is what servers expect of such keys.
    for (const std::size_t at : {20, 16, 12, 8}) out.insert(at, "-");
    out[14] = '8';
    out[19] = 'a';
    return out;
}

}  // namespace b24gate::operations
