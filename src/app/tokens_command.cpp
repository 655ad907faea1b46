#include <b24gate/app/tokens_command.hpp>

#include <boost/asio/co_spawn.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <vector>

#include <b24gate/config/load.hpp>
#include <b24gate/config/nearest.hpp>
#include <b24gate/tokens/listing.hpp>
#include <b24gate/tokens/token_keeper.hpp>

namespace b24gate::app {
namespace {

namespace asio = boost::asio;
using core::Clock;

constexpr auto store_limit = std::chrono::seconds(10);
constexpr auto command_limit = std::chrono::seconds(60);
constexpr std::size_t longest_import = 16 * 1024 * 1024;

/// What a keeper needs to live for the length of one command.
class Session {
public:
    Session(const config::Config& config, storage::Store& store)
        : log_(silent()), metrics_(registry_, config.metrics, {}, 0), keeper_(worker_, store, log_, metrics_, {}) {
        keeper_.configure(config);
        worker_.start_sweeping();
    }

    [[nodiscard]] tokens::TokenKeeper& keeper() { return keeper_; }
    [[nodiscard]] net::Worker& worker() { return worker_; }

    template <class T>
    T run(asio::awaitable<T> work) {
        std::optional<T> result;
        std::exception_ptr failure;
        asio::co_spawn(worker_.io, std::move(work), [&](std::exception_ptr error, T value) {
            failure = error;
            result.emplace(std::move(value));
        });
        while (!result) worker_.io.run_one();
        if (failure) std::rethrow_exception(failure);
        return *std::move(result);
    }

private:
    static config::Log silent() {
        config::Log log;
        log.level = "off";
        return log;
    }

    net::Worker worker_{0};
    observe::Log log_;
    observe::Registry registry_;
    observe::GateMetrics metrics_;
    tokens::TokenKeeper keeper_;
};

class Command {
public:
    Command(const TokensOptions& options, const config::Config& config, storage::Store& store, std::istream& in,
            std::ostream& out, std::ostream& err)
        : options_(options), config_(config), store_(store), session_(config, store), in_(in), out_(out), err_(err) {}

    int run() {
        switch (options_.action) {
            case TokensOptions::Action::list: return list();
            case TokensOptions::Action::import: return import();
            case TokensOptions::Action::refresh: return refresh();
            case TokensOptions::Action::remove: return remove();
            case TokensOptions::Action::rekey: return rekey();
        }
        return 2;
    }

private:
    int list();
    int import();
    int refresh();
    int remove();
    int rekey();

    int fail(int code, std::string_view message) {
        err_ << "b24gate tokens: " << message << std::endl;
        return code;
    }
    int fail(const storage::Failure& failure) { return fail(1, failure.message); }
    [[nodiscard]] core::Deadline deadline() const { return core::Deadline{Clock::now() + command_limit}; }

    /// The name of an oauth credential of the configuration; nullopt with a message otherwise.
    std::optional<std::string> credential_of(const std::string& portal, const std::string& credential);

    const TokensOptions& options_;
    const config::Config& config_;
    storage::Store& store_;
    Session session_;
    std::istream& in_;
    std::ostream& out_;
    std::ostream& err_;
};

std::string meant(const std::string& word, const std::vector<std::string_view>& known) {
    const auto near = config::nearest(word, known);
    return near ? "; did you mean \"" + std::string(*near) + "\"?" : "";
}

std::optional<std::string> Command::credential_of(const std::string& portal, const std::string& credential) {
    const auto found = config_.portals.find(portal);
    if (found == config_.portals.end()) {
        std::vector<std::string_view> names;
        for (const auto& [name, ignored] : config_.portals) names.push_back(name);
        fail(2, "there is no portal \"" + portal + "\" in " + config_.path + meant(portal, names));
        return std::nullopt;
    }
    std::vector<std::string_view> names;
    for (const auto& [name, one] : found->second.credentials)
        if (one.type == config::Credential::Type::oauth) names.push_back(name);
    if (names.empty()) {
        fail(2, "portal \"" + portal + "\" has no credential of type = \"oauth\"");
        return std::nullopt;
    }
    if (credential.empty() && names.size() == 1) return std::string(names.front());
    const std::string wanted = credential.empty() ? "main" : credential;
    if (std::find(names.begin(), names.end(), wanted) != names.end()) return wanted;
    fail(2, credential.empty() ? "portal \"" + portal + "\" has several oauth credentials; name the one that is meant"
                               : "portal \"" + portal + "\" has no oauth credential \"" + credential + "\"" +
                                     meant(credential, names));
    return std::nullopt;
}

int Command::list() {
    const auto stored = session_.run(store_.list_credentials(deadline()));
    if (!stored) return fail(stored.error());
    std::vector<tokens::Listed> rows;
    for (const storage::CredentialRecord& record : stored->records)
        rows.push_back(tokens::listed(record.portal, record.credential, &record, stored->now));
    for (const auto& [portal_name, portal] : config_.portals)
        for (const auto& [name, credential] : portal.credentials) {
            if (credential.type != config::Credential::Type::oauth) continue;
            const bool there = std::any_of(rows.begin(), rows.end(), [&, p = portal_name, n = name](const auto& row) {
                return row.portal == p && row.credential == n;
            });
            if (!there) rows.push_back(tokens::listed(portal_name, name, nullptr, stored->now));
        }
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
        return std::tie(a.portal, a.credential) < std::tie(b.portal, b.credential);
    });
    if (options_.json) {
        out_ << "[";
        for (std::size_t i = 0; i < rows.size(); ++i) out_ << (i == 0 ? "" : ",") << "\n" << tokens::to_json(rows[i]);
        out_ << "\n]\n";
    } else if (rows.empty()) {
        out_ << "There are no credentials of type = \"oauth\", neither in the configuration nor in the store.\n";
    } else {
        out_ << tokens::table(rows);
    }
    return 0;
}

int Command::import() {
    core::Secret text(std::string(std::istreambuf_iterator<char>(in_), {}));
    if (text.reveal().size() > longest_import) return fail(2, "that is more than 16 MiB; it is no list of tokens");
    if (config_.store.encryption_key.empty())
        return fail(2,
                    "[store] encryption_key is not set, and tokens are kept only encrypted; `b24gate keygen --store` "
                    "makes one");
    auto items = tokens::parse_import(text.reveal(), core::unix_ms());
    if (!items) return fail(2, items.error());
    // All of them are good, or none is taken.
    for (tokens::ImportItem& item : *items) {
        const auto credential = credential_of(item.portal, item.credential);
        if (!credential) return 2;
        item.credential = *credential;
    }
    for (tokens::ImportItem& item : *items) {
        auto put = session_.keeper().put(item.portal, item.credential, std::move(item.grant), deadline());
        const auto record = session_.run(std::move(put));
        if (!record) return fail(record.error());
        out_ << item.portal << "/" << item.credential << ": stored, version " << record->version << "\n";
    }
    return 0;
}

int Command::refresh() {
    const auto name = credential_of(options_.portal, options_.credential);
    if (!name) return 2;
    const auto loaded = session_.run(session_.keeper().load());
    if (!loaded) return fail(loaded.error());
    auto credential = session_.keeper().find(options_.portal, *name);
    const auto look = credential->peek(Clock::now());
    if (look.state == tokens::Credential::State::needs_reauth)
        return fail(1, tokens::reauth_required(*credential, look.reason).description);
    auto renewal = session_.keeper().refresh(credential, look.token->version, session_.worker(), deadline(), true);
    const tokens::Refreshed refreshed = session_.run(std::move(renewal));
    if (!refreshed.token)
        return fail(1, fmt::format("{}/{}: {}: {}", options_.portal, *name, refreshed.failure.code,
                                   refreshed.failure.description));
    const auto left = std::chrono::duration_cast<std::chrono::minutes>(refreshed.token->expires_at - Clock::now());
    out_ << options_.portal << "/" << *name << ": refreshed, the access token ends in " << left.count() << " min\n";
    return 0;
}

int Command::remove() {
    // Also what the configuration no longer has.
    std::string name = options_.credential;
    if (name.empty()) {
        const auto stored = session_.run(store_.list_credentials(deadline()));
        if (!stored) return fail(stored.error());
        for (const storage::CredentialRecord& record : stored->records) {
            if (record.portal != options_.portal) continue;
            if (!name.empty())
                return fail(2,
                            "portal \"" + options_.portal + "\" has several credentials; name the one that is meant");
            name = record.credential;
        }
        if (name.empty()) return fail(2, "there are no tokens for portal \"" + options_.portal + "\"");
    }
    const auto removed = session_.run(store_.remove_credential(options_.portal, name, deadline()));
    if (!removed) return fail(removed.error());
    if (!*removed) return fail(2, "there are no tokens for " + options_.portal + "/" + name);
    out_ << options_.portal << "/" << name << ": removed\n";
    return 0;
}

int Command::rekey() {
    if (config_.store.encryption_key.empty()) return fail(2, "[store] encryption_key is not set");
    const auto done = session_.run(session_.keeper().rekey(deadline()));
    if (!done) return fail(done.error());
    out_ << done->resealed << " sealed anew, " << done->current << " had the current key already, " << done->unreadable
         << " could not be opened\n";
    if (done->unreadable == 0) return 0;
    return fail(1,
                "what could not be opened was sealed with a key that is in neither encryption_key nor "
                "old_encryption_keys");
}

}  // namespace

int tokens_command(const TokensOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
    config::Loaded loaded = config::load(options.config);
    for (const config::Problem& error : loaded.errors) err << config::to_string(error) << '\n';
    if (!loaded) return 2;
    auto store = storage::open_store(loaded.config->store.url, store_limit);
    if (!store) {
        err << "b24gate tokens: " << store.error() << std::endl;
        return 1;
    }
    Command command(options, *loaded.config, **store, in, out, err);
    const int code = command.run();
    store->reset();  // its thread may still be leaving the loop that the command owns
    return code;
}

}  // namespace b24gate::app
