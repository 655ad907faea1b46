#include <b24gate/bitrix/call_body.hpp>

#include <array>
#include <utility>

#include <b24gate/bitrix/php_form.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

namespace json = core::json;

Refusal bad(std::string message) { return {GatewayCode::bad_request, std::move(message)}; }

enum class Role { none, auth, access_token, other, token };

constexpr std::array<std::pair<std::string_view, Role>, 6> roles{{
    {"auth", Role::auth},
    {"access_token", Role::access_token},
    {"ap", Role::other},
    {"aplogin", Role::other},
    {"sessid", Role::other},
    {"token", Role::token},
}};

Role role_of(std::string_view name) noexcept {
    for (const auto& [text, role] : roles)
        if (text == name) return role;
    return Role::none;
}

/// The role a field has by its name as PHP makes it of the decoded one.
Role form_role(std::string_view decoded_name) {
    // No role begins with another letter, and mangling changes none of these: the common name costs no allocation.
    const std::size_t first = decoded_name.find_first_not_of(' ');
    if (first == std::string_view::npos) return Role::none;
    const char c = decoded_name[first];
    if (c != 'a' && c != 's' && c != 't') return Role::none;
    return role_of(top_level_name(decoded_name));
}

bool goes(Role role, Stripping how) noexcept {
    return role != Role::none && !how.keep_all && !(role == Role::token && how.keep_token);
}

/// The key among the fields seen so far: the last of each name counts, `auth` before `access_token`.
class KeyFinder {
public:
    void see(Role role, std::string value) {
        if (role == Role::auth) auth_ = core::Secret(std::move(value));
        if (role == Role::access_token) access_token_ = core::Secret(std::move(value));
    }
    core::Secret take() { return auth_.empty() ? std::move(access_token_) : std::move(auth_); }

private:
    core::Secret auth_, access_token_;
};

bool wants_value(Role role) noexcept { return role == Role::auth || role == Role::access_token; }

/// Cuts pieces out of a text; what stays is copied in as few runs as possible.
class Cutter {
public:
    explicit Cutter(std::string_view text) : text_(text) {}
    void cut(std::size_t begin, std::size_t end) {
        if (!out_) {
            out_.emplace();
            out_->reserve(text_.size());
        }
        out_->append(text_, kept_, begin - kept_);
        kept_ = end;
    }
    std::optional<std::string> take() {
        if (out_) out_->append(text_, kept_);
        return std::move(out_);
    }

private:
    std::string_view text_;
    std::optional<std::string> out_;
    std::size_t kept_ = 0;
};

std::string scalar_text(std::string_view raw) {
    if (auto text = json::decode_string(raw)) return *std::move(text);
    return json::type_of(raw) == json::Type::number ? std::string(raw) : std::string();
}

std::string_view media_type(std::string_view content_type) noexcept {
    return core::trim(content_type.substr(0, content_type.find(';')));
}

Refusal json_refusal(const json::SyntaxError& error, std::string_view body) {
    const std::string at = " (byte " + std::to_string(error.offset) + ")";
    if (body.starts_with("\xEF\xBB\xBF"))
        return bad("the JSON body begins with a byte order mark; send it as UTF-8 without one");
    if (error.offset < body.size() && static_cast<unsigned char>(body[error.offset]) >= 0x80)
        return bad("the body is not valid JSON: invalid UTF-8 or a character outside of a string" + at);
    return bad("the body is not valid JSON: " + error.message + at +
               "; the portal would have read it as a call without parameters");
}

}  // namespace

boost::system::result<Stripped, Refusal> strip_form(std::string_view text, Stripping how, std::string_view where) {
    KeyFinder keys;
    Cutter cutter(text);
    std::string name;
    bool all_gone = true;  // of the pieces so far: then the '&' behind goes along, else the one in front
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t amp = text.find('&', begin);
        const std::size_t end = amp == std::string_view::npos ? text.size() : amp;
        const std::string_view piece = text.substr(begin, end - begin);
        const std::size_t equals = piece.find('=');
        form_decode(piece.substr(0, equals), name);
        if (name.find('\0') != std::string::npos)
            return bad("a parameter's name in the " + std::string(where) + " holds a NUL byte");
        const Role role = form_role(name);
        if (wants_value(role) && equals != std::string_view::npos && name.find('[') == std::string::npos)
            keys.see(role, form_decode(piece.substr(equals + 1)));
        if (goes(role, how)) {
            if (all_gone)
                cutter.cut(begin, amp == std::string_view::npos ? end : end + 1);
            else
                cutter.cut(begin - 1, end);
        } else {
            all_gone = false;
        }
        begin = end + 1;
    }
    Stripped out;
    out.text = cutter.take();
    out.key = keys.take();
    return out;
}

Stripped strip_json(std::string_view text, Stripping how) {
    Stripped out;
    if (json::type_of(text) != json::Type::object) return out;
    KeyFinder keys;
    Cutter cutter(text);
    json::Reader reader(text);
    bool all_gone = true;
    std::size_t gone_from = 0;     // where the members that went, and nothing before them stayed, begin
    std::size_t previous_end = 0;  // of the member before
    while (reader.next()) {
        Role role = Role::none;
        for (const auto& [name, its] : roles)
            if (reader.key_is(name)) role = its;
        if (wants_value(role)) keys.see(role, scalar_text(reader.value()));
        if (previous_end == 0) gone_from = reader.begin();
        if (goes(role, how)) {
            if (!all_gone) cutter.cut(previous_end, reader.end());
        } else {
            if (all_gone && previous_end != 0) cutter.cut(gone_from, reader.begin());
            all_gone = false;
        }
        previous_end = reader.end();
    }
    if (all_gone && previous_end != 0) cutter.cut(gone_from, previous_end);
    out.text = cutter.take();
    out.key = keys.take();
    return out;
}

boost::system::result<Stripped, Refusal> strip_multipart(std::string_view text,
                                                         const std::vector<MultipartField>& fields, Stripping how) {
    KeyFinder keys;
    Cutter cutter(text);
    for (const MultipartField& field : fields) {
        if (field.name.find('\0') != std::string_view::npos) return bad("a multipart field's name holds a NUL byte");
        const Role role = form_role(field.name);
        if (wants_value(role) && !field.is_file && field.name.find('[') == std::string_view::npos)
            keys.see(role, std::string(field.value));
        if (goes(role, how)) cutter.cut(field.begin, field.end);
    }
    Stripped out;
    out.text = cutter.take();
    out.key = keys.take();
    return out;
}

boost::system::result<BodyKind, Refusal> body_kind(std::string_view content_type, std::string_view content_encoding,
                                                   std::string_view body) {
    content_encoding = core::trim(content_encoding);
    if (!content_encoding.empty() && !core::iequals(content_encoding, "identity"))
        return bad("a body with a Content-Encoding is not taken; send it as it is, without one");

    const std::string_view media = media_type(content_type);
    if (core::iequals(media, "application/json")) {
        if (const auto error = json::validate(body, max_json_depth)) return json_refusal(*error, body);
        const json::Type root = json::type_of(body);
        if (root != json::Type::object && root != json::Type::array)
            return bad("the JSON body must be an object or an array; the portal reads any other value as nothing");
        return BodyKind::json;
    }
    if (core::iequals(media, "multipart/form-data")) return BodyKind::multipart;
    if (!media.empty() && !core::iequals(media, "application/x-www-form-urlencoded"))
        return bad(
            "the portal reads no body of this Content-Type; send application/json, "
            "application/x-www-form-urlencoded or multipart/form-data");

    const json::Type look = json::type_of(body);
    if ((look == json::Type::object || look == json::Type::array) && !json::validate(body, max_json_depth))
        return bad("the body is JSON, but without `Content-Type: application/json` the portal reads it as a form");
    if (body.find('\0') != std::string_view::npos) return bad("the form body holds a NUL byte; write it as %00");
    return BodyKind::form;
}

}  // namespace b24gate::bitrix
