#include <b24gate/core/text.hpp>
#include <b24gate/simulator/faults.hpp>

#include <algorithm>
#include <array>

namespace b24gate::simulator {
namespace {

struct EffectName {
    std::string_view name;
    Fault::Effect effect;
    bool execute;  ///< unless the request says otherwise
};
constexpr std::array effects{
    EffectName{"latency", Fault::Effect::latency, true},
    EffectName{"answer", Fault::Effect::answer, false},
    EffectName{"error", Fault::Effect::error, false},
    EffectName{"modify", Fault::Effect::modify, true},
    EffectName{"reset", Fault::Effect::reset, false},
    EffectName{"reset_before", Fault::Effect::reset, false},
    EffectName{"reset_after", Fault::Effect::reset, true},
    EffectName{"close", Fault::Effect::close, false},
    EffectName{"close_before", Fault::Effect::close, false},
    EffectName{"close_after", Fault::Effect::close, true},
    EffectName{"hang", Fault::Effect::hang, false},
    EffectName{"hang_after", Fault::Effect::hang, true},
    EffectName{"cut", Fault::Effect::cut, true},
    EffectName{"truncate", Fault::Effect::truncate, true},
    EffectName{"drip", Fault::Effect::drip, true},
    EffectName{"raw", Fault::Effect::raw, false},
    EffectName{"redirect", Fault::Effect::redirect, false},
    EffectName{"html", Fault::Effect::answer, false},
    EffectName{"captcha", Fault::Effect::answer, false},
    EffectName{"garbage", Fault::Effect::raw, false},
    EffectName{"expired_token", Fault::Effect::error, false},
    EffectName{"empty", Fault::Effect::answer, false},
};

std::string effect_names() {
    std::string out;
    for (const EffectName& effect : effects) out += (out.empty() ? "" : ", ") + std::string(effect.name);
    return out;
}

constexpr std::array<std::string_view, 23> known_keys{
    "portal",         "method",        "skip",       "times", "probability", "effect",  "execute",    "delay_ms",
    "delay_after_ms", "status",        "reason",     "code",  "location",    "headers", "body",       "body_base64",
    "prefix_base64",  "suffix_base64", "raw_base64", "keep",  "rst",         "bytes",   "interval_ms"};

}  // namespace

Response nginx_page(int status) {
    Response out;
    out.status = status;
    const std::string title = std::to_string(status) + " " + std::string(reason_of(status));
    out.headers = {{"Server", "nginx"}, {"Content-Type", "text/html"}};
    out.body = "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
               "</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
    return out;
}

Faults::Added Faults::add(const json::value& spec) {
    const auto* object = spec.if_object();
    if (!object) return {0, "a fault is a JSON object"};
    for (const auto& entry : *object)
        if (std::find(known_keys.begin(), known_keys.end(), std::string_view(entry.key().data(), entry.key().size())) ==
            known_keys.end())
            return {0, "unknown key \"" + std::string(entry.key()) + "\" in a fault"};
    const auto text = [&](std::string_view key) {
        const json::value* value = php::get(spec, key);
        return value ? php::to_string(*value) : std::string();
    };
    const auto number = [&](std::string_view key) -> std::optional<double> {
        const json::value* value = php::get(spec, key);
        return value ? php::to_number(*value) : std::nullopt;
    };
    const auto truth = [&](std::string_view key, bool otherwise) {
        const json::value* value = php::get(spec, key);
        return value ? php::truthy(*value) : otherwise;
    };

    Fault fault;
    std::string name = text("effect");
    if (name.empty())
        name = !text("code").empty()                                                       ? "error"
               : !text("raw_base64").empty()                                               ? "raw"
               : number("status") || !text("body").empty() || !text("body_base64").empty() ? "answer"
                                                                                           : "latency";
    const auto effect =
        std::find_if(effects.begin(), effects.end(), [&](const EffectName& e) { return e.name == name; });
    if (effect == effects.end()) return {0, "unknown effect \"" + name + "\"; there are " + effect_names()};
    fault.effect = effect->effect;
    fault.execute = truth("execute", effect->execute);

    if (!text("portal").empty()) fault.portal = text("portal");
    if (!text("method").empty()) fault.method = core::to_lower(text("method"));
    fault.skip = static_cast<long long>(number("skip").value_or(0));
    fault.probability = number("probability").value_or(1);
    if (fault.probability < 0 || fault.probability > 1) return {0, "\"probability\" is from 0 to 1"};
    if (const auto times = number("times")) fault.times = static_cast<long long>(*times);
    if (!fault.times && !number("probability")) fault.times = 1;
    fault.delay_before = from_seconds(number("delay_ms").value_or(0) / 1000);
    fault.delay_after = from_seconds(number("delay_after_ms").value_or(0) / 1000);
    fault.interval = from_seconds(number("interval_ms").value_or(100) / 1000);
    if (const auto status = number("status")) {
        if (*status < 100 || *status > 999) return {0, "\"status\" is from 100 to 999"};
        fault.status = static_cast<int>(*status);
    }
    fault.reason = text("reason");
    fault.code = name == "expired_token" ? name : text("code");
    fault.location = text("location");
    if (const auto bytes = number("bytes")) fault.bytes = static_cast<std::size_t>(std::max(0.0, *bytes));
    fault.keep = truth("keep", false);
    fault.rst = truth("rst", false);
    if (const json::value* headers = php::get(spec, "headers"); headers && headers->is_object())
        for (const auto& [key, value] : headers->get_object())
            fault.headers.emplace_back(std::string(key), php::to_string(value));
    if (php::get(spec, "body"))
        fault.body = php::get(spec, "body")->is_string() ? text("body")
                                                         : php::json_encode(*php::get(spec, "body"), {false, false});
    for (const auto& [key, into] : {std::pair<std::string_view, std::string*>{"prefix_base64", &fault.prefix},
                                    {"suffix_base64", &fault.suffix},
                                    {"raw_base64", &fault.raw}}) {
        const auto bytes = base64_decode(text(key));
        if (!bytes) return {0, "\"" + std::string(key) + "\" is no base64"};
        *into = *bytes;
    }
    if (php::get(spec, "body_base64")) {
        fault.body = base64_decode(text("body_base64"));
        if (!fault.body) return {0, "\"body_base64\" is no base64"};
    }

    if (name == "html") {
        const Response page = nginx_page(fault.status.value_or(502));
        fault.status = page.status;
        if (!fault.body) fault.body = page.body;
        fault.headers.insert(fault.headers.begin(), page.headers.begin(), page.headers.end());
    } else if (name == "captcha") {
        fault.status = fault.status.value_or(403);
        fault.headers.insert(fault.headers.begin(),
                             {{"Server", "nginx"}, {"Content-Type", "text/html; charset=UTF-8"}});
        if (!fault.body)
            fault.body =
                "<!DOCTYPE html><html><head><title>Access denied</title></head><body>Please confirm you are not a "
                "robot</body></html>";
    } else if (name == "garbage") {
        while (fault.raw.size() < fault.bytes.value_or(64)) fault.raw += static_cast<char>(random_() & 255);
        fault.raw.insert(0, "\x01\x7f");
    } else if (fault.effect == Fault::Effect::redirect && fault.location.empty()) {
        return {0, "a redirect needs a \"location\" such as https://new.bitrix24.test"};
    } else if (fault.effect == Fault::Effect::error && fault.code.empty() && !php::get(spec, "code")) {
        return {0, "an error needs a \"code\" such as OVERLOAD_LIMIT"};
    }
    fault.id = ++last_id_;
    faults_.push_back(std::move(fault));
    return {last_id_, ""};
}

std::size_t Faults::remove(std::optional<long long> id) {
    return std::erase_if(faults_, [&](const Fault& fault) { return !id || fault.id == *id; });
}

std::optional<Fault> Faults::strike(std::string_view portal, std::string_view method) {
    for (auto at = faults_.begin(); at != faults_.end(); ++at) {
        Fault& fault = *at;
        if (fault.times && *fault.times <= 0) continue;
        if (!core::glob_match(fault.portal, portal) || !core::glob_match(fault.method, method)) continue;
        if (fault.probability < 1 && std::uniform_real_distribution<double>(0, 1)(random_) >= fault.probability)
            continue;
        if (fault.skip > 0) {
            --fault.skip;
            continue;
        }
        if (fault.times) --*fault.times;
        ++fault.struck;
        return fault;
    }
    return std::nullopt;
}

json::value Faults::describe() const {
    json::array out;
    for (const Fault& fault : faults_) {
        const auto name = std::find_if(effects.begin(), effects.end(), [&](const EffectName& e) {
            return e.effect == fault.effect && e.execute == fault.execute;
        });
        json::object entry{{"id", fault.id},
                           {"portal", fault.portal},
                           {"method", fault.method},
                           {"effect", name == effects.end() ? std::string_view("?") : name->name},
                           {"probability", fault.probability},
                           {"struck", fault.struck}};
        entry["times_left"] = fault.times ? json::value(*fault.times) : json::value(nullptr);
        out.push_back(std::move(entry));
    }
    return out;
}

}  // namespace b24gate::simulator
