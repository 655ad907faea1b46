#include <b24gate/bitrix/links.hpp>

#include <algorithm>
#include <cstring>

#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

constexpr std::size_t npos = std::string_view::npos;

/// RFC 3986's unreserved characters: the same in every spelling of a URL.
constexpr bool is_unreserved(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

constexpr bool ends_url(char c) noexcept {
    return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '`' ||
           c == 0x7F;
}

std::string percent_encoded(std::string_view text, bool upper = true) {
    const char* hex = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    std::string out;
    for (const char c : text) {
        if (is_unreserved(c)) {
            out += c;
        } else {
            out += '%';
            out += hex[static_cast<unsigned char>(c) >> 4];
            out += hex[static_cast<unsigned char>(c) & 0xF];
        }
    }
    return out;
}

std::string slashes_escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '/') out += '\\';
        out += c;
    }
    return out;
}

std::size_t find(std::string_view text, std::string_view what, std::size_t from) {
    if (from >= text.size()) return npos;
    const void* hit = memmem(text.data() + from, text.size() - from, what.data(), what.size());
    return hit ? static_cast<std::size_t>(static_cast<const char*>(hit) - text.data()) : npos;
}

/// Where the longest beginning of `what` stands that the end of `text` cuts off; the size of `text`: nowhere.
std::size_t cut_off(std::string_view text, std::string_view what, std::size_t from) {
    std::size_t at = text.size() >= what.size() ? text.size() - what.size() + 1 : 0;
    for (at = std::max(at, from); at < text.size(); ++at)
        if (text[at] == what.front() && what.starts_with(text.substr(at))) return at;
    return text.size();
}

/// Behind the last character in [from, to) that ends a URL.
std::size_t url_begin(std::string_view text, std::size_t from, std::size_t to) {
    while (to > from && !ends_url(text[to - 1])) --to;
    return to;
}

bool take_front(std::string_view& text, std::string_view part) {
    if (!text.starts_with(part)) return false;
    text.remove_prefix(part.size());
    return true;
}

bool take_back(std::string_view& text, std::string_view part) {
    if (!text.ends_with(part)) return false;
    text.remove_suffix(part.size());
    return true;
}

/// `text` is what stands between a base and the secret: /rest/{user}/ or /rest/api/{user}/. Returns the part before
/// the user; empty: it is something else.
std::string_view before_user(std::string_view text, std::string_view slash) {
    std::string_view rest = text;
    if (!take_front(rest, slash) || !take_front(rest, "rest") || !take_front(rest, slash)) return {};
    std::string_view user = rest;
    if (take_front(user, "api") && take_front(user, slash) && !user.empty()) rest = user;
    const std::string_view before = text.substr(0, text.size() - rest.size());
    if (!take_back(rest, slash) || rest.empty() || rest.size() > 64) return {};
    return std::all_of(rest.begin(), rest.end(), is_unreserved) ? before : std::string_view();
}

/// As it is, in JSON with escaped slashes, in a URL: those that differ.
std::vector<core::Secret> spellings(const core::Secret& secret) {
    std::vector<core::Secret> all{secret};
    const std::string& text = secret.reveal();
    if (std::all_of(text.begin(), text.end(), is_unreserved)) return all;
    for (std::string other : {slashes_escaped(text), percent_encoded(text), percent_encoded(text, false)})
        if (std::none_of(all.begin(), all.end(), [&](const core::Secret& known) { return known.reveal() == other; }))
            all.emplace_back(std::move(other));
    return all;
}

/// `text` ends with `auth=` or `access_token=`, and a parameter begins there.
bool ends_with_parameter(std::string_view text, std::string_view equals) {
    if (!take_back(text, equals)) return false;
    if (!take_back(text, "access_token") && !take_back(text, "auth")) return false;
    for (const std::string_view separator : {"?", "&", "&amp;", "\\u0026", "%3F", "%3f", "%26"})
        if (text.ends_with(separator)) return true;
    return false;
}

}  // namespace

bool holds_secret(std::string_view text, const core::Secret& secret) {
    if (secret.empty()) return false;
    const std::string& plain = secret.reveal();
    if (find(text, plain, 0) != npos) return true;
    if (std::all_of(plain.begin(), plain.end(), is_unreserved)) return false;  // it has no other spelling
    const std::vector<core::Secret> all = spellings(secret);
    return std::any_of(all.begin() + 1, all.end(),
                       [&](const core::Secret& spelling) { return find(text, spelling.reveal(), 0) != npos; });
}

LinkRewriter::LinkRewriter(const LinkRule& rule) {
    const std::string& secret = rule.secret.reveal();
    if (secret.empty()) return;
    secrets_ = spellings(rule.secret);
    for (const core::Secret& spelling : secrets_) longest_secret_ = std::max(longest_secret_, spelling.reveal().size());
    next_.resize(secrets_.size());

    for (const char c : std::string_view("*-#.xX0aZ"))
        if (mask_.empty() && secret.find(c) == npos) mask_.assign(3, c);

    const std::string key = percent_encoded(rule.key.reveal());
    const std::string user = percent_encoded(rule.gateway_user);
    const auto style = [&](std::string slash, std::string equals, auto&& spell) {
        std::string webhook = spell(user + "/" + key);
        styles_.push_back(
            {std::move(slash), std::move(equals), spell(rule.gateway_base), std::move(webhook), spell(key)});
        for (const std::string& base : rule.portal_bases)
            if (!base.empty()) bases_.push_back({spell(base), styles_.size() - 1});
    };
    style("/", "=", [](const std::string& text) { return text; });
    style("\\/", "=", [](const std::string& text) { return slashes_escaped(text); });
    style("%2F", "%3D", [](const std::string& text) { return percent_encoded(text); });
    style("%2f", "%3d", [](const std::string& text) { return percent_encoded(text, false); });
    if (!bases_.empty()) common_ = bases_.front().text;
    for (const Base& base : bases_) {
        const auto end = std::mismatch(common_.begin(), common_.end(), base.text.begin(), base.text.end()).first;
        common_.erase(end, common_.end());
    }
    rewrites_ = !common_.empty() && !key.empty() && !user.empty() && !rule.gateway_base.empty() && can_rewrite(secret);
}

/// Only when nothing that is put in can complete the secret again.
bool LinkRewriter::can_rewrite(std::string_view secret) const {
    if (!std::all_of(secret.begin(), secret.end(), is_unreserved)) return false;
    return std::none_of(styles_.begin(), styles_.end(), [&](const Style& style) {
        const std::string all = style.gateway_base + style.slash + style.webhook + style.equals + style.encoded_key;
        return all.find(secret) != npos;
    });
}

bool LinkRewriter::next_hit(std::string_view text, std::size_t from, Hit& hit) {
    bool found = false;
    for (std::size_t i = 0; i < secrets_.size(); ++i) {
        const std::string& secret = secrets_[i].reveal();
        if (next_[i] != npos && next_[i] < from) next_[i] = find(text, secret, from);
        const Hit candidate{next_[i], next_[i] + secret.size()};
        if (candidate.begin == npos) continue;
        if (!found || candidate.begin < hit.begin || (candidate.begin == hit.begin && candidate.end > hit.end))
            hit = candidate;
        found = true;
    }
    return found;
}

std::size_t LinkRewriter::unfinished_secret(std::string_view text, std::size_t from) const {
    std::size_t at = text.size();
    for (const core::Secret& secret : secrets_) at = std::min(at, cut_off(text, secret.reveal(), from));
    return at;
}

/// The last base that begins at `from` or behind; of several there the longest.
const LinkRewriter::Base* LinkRewriter::last_base(std::string_view text, std::size_t from, std::size_t& at) const {
    const Base* found = nullptr;
    const std::string_view part = text.substr(from);
    for (const Base& base : bases_) {
        const std::size_t here = part.rfind(base.text);
        if (here == npos) continue;
        if (!found || from + here > at || (from + here == at && base.text.size() > found->text.size())) {
            found = &base;
            at = from + here;
        }
    }
    return found;
}

/// Where a portal's URL begins that may still get a credential behind the end of `text`.
std::size_t LinkRewriter::unfinished_url(std::string_view text, std::size_t from) const {
    const std::size_t reach = max_url + longest_secret_ + 1;
    const std::size_t nearest = std::max(from, text.size() > reach ? text.size() - reach : 0);
    std::size_t at = text.size();
    // One fast look first: long runs without the end of a URL are files, and hold no base at all.
    if (find(text, common_, nearest) != npos && !last_base(text, url_begin(text, nearest, text.size()), at))
        at = text.size();
    for (const Base& base : bases_) at = std::min(at, cut_off(text, base.text, from));
    return at;
}

/// False: the hit has to be masked. `from`: where the hit before ended.
bool LinkRewriter::rewrite(std::string_view text, std::size_t from, Hit hit, std::size_t& copied) {
    if (!rewrites_ || (hit.end < text.size() && is_unreserved(text[hit.end]))) return false;
    const std::size_t nearest = std::max(from, hit.begin > max_url ? hit.begin - max_url : 0);
    std::size_t at = 0;
    const Base* base = last_base(text.substr(0, hit.begin), url_begin(text, nearest, hit.begin), at);
    if (!base) return false;
    // The byte that will stand in front, which is a mask's when the hit before ended here.
    const char in_front = at == from && !out_.empty() ? out_.back() : at > 0 ? text[at - 1] : before_;
    if (is_unreserved(in_front)) return false;

    const Style& style = styles_[base->style];
    const std::size_t base_end = at + base->text.size();
    const std::string_view between = text.substr(base_end, hit.begin - base_end);
    const std::string_view before = before_user(between, style.slash);
    const bool in_query = between.starts_with(style.slash) && (ends_with_parameter(between, style.equals));
    if (before.empty() && !in_query) return false;
    out_.append(text, copied, at - copied);
    out_ += style.gateway_base;
    out_ += before.empty() ? between : before;
    out_ += before.empty() ? style.encoded_key : style.webhook;
    copied = hit.end;
    return true;
}

std::string_view LinkRewriter::run(std::string_view text, bool last) {
    out_.clear();
    for (std::size_t i = 0; i < secrets_.size(); ++i) next_[i] = find(text, secrets_[i].reveal(), 0);
    std::size_t from = 0, copied = 0, hold = text.size();
    Hit hit{};
    while (true) {
        hold = last ? text.size() : unfinished_secret(text, from);
        if (!next_hit(text, from, hit) || hit.begin >= hold) break;
        if (!last && hit.end == text.size()) {
            hold = hit.begin;  // what stands behind it decides
            break;
        }
        if (!rewrite(text, from, hit, copied)) {
            out_.append(text, copied, hit.begin - copied);
            out_ += mask_;
            copied = hit.end;
        }
        from = hit.end;
    }
    if (!last && rewrites_) hold = std::min(hold, unfinished_url(text, from));

    std::string_view ready = text.substr(0, hold);
    if (copied > 0) {
        out_.append(text, copied, hold - copied);
        ready = out_;
    }
    if (!ready.empty()) before_ = ready.back();
    held_.assign(text, hold);
    return ready;
}

std::string_view LinkRewriter::push(std::string_view chunk) {
    if (secrets_.empty()) return chunk;
    if (held_.empty()) return run(chunk, false);
    joined_.assign(held_).append(chunk);
    return run(joined_, false);
}

std::string_view LinkRewriter::finish() {
    joined_.swap(held_);
    held_.clear();
    if (secrets_.empty()) return {};
    return run(joined_, true);
}

}  // namespace b24gate::bitrix
