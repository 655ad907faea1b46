#include <b24gate/config/load.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "document.hpp"
#include "reader.hpp"

namespace b24gate::config {
namespace {

constexpr std::size_t largest_file = 1u << 20;

constexpr std::string_view top_level[] = {"server", "admin", "store",   "defaults",   "portals", "clients",
                                          "retry",  "log",   "metrics", "operations", "alerts",  "cache"};

void read_root(Reader& reader, const Node& root, Config& config) {
    for (const Node& node : root.children)
        if (std::find(std::begin(top_level), std::end(top_level), node.key) == std::end(top_level))
            reader.unknown_key(node, "the file", top_level);
    const auto section = [&](std::string_view name, void (*read)(Reader&, const Node&, Config&)) {
        if (const Node* node = root.find(name)) read(reader, *node, config);
    };
    section("server", read_server);
    section("admin", read_admin);
    check_listeners(reader, root, config);
    section("store", read_store);
    section("retry", read_retry);
    section("operations", read_operations);
    section("log", read_log);
    section("metrics", read_metrics);
    read_portals(reader, root.find("defaults"), root.find("portals"), config);
    check_store(reader, root, config);
    section("cache", read_cache);
    section("clients", read_clients);
    static const Node none;
    read_alerts(reader, root.find("alerts") ? *root.find("alerts") : none, config);
    if (config.portals.empty())
        reader.warning({}, "no portal is configured, so no call can go anywhere; add [portals.NAME] with its url");
    else if (config.clients.empty())
        reader.warning({}, "no client is configured, so every call will be refused; `b24gate keygen NAME` makes one");
}

void sort_by_place(std::vector<Problem>& problems) {
    std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
        return std::tie(a.line, a.column) < std::tie(b.line, b.column);
    });
}

std::string file_message(const boost::system::error_code& why) {
    namespace errc = boost::system::errc;
    if (why == errc::no_such_file_or_directory)
        return "there is no such file; name the configuration with --config FILE";
    if (why == errc::is_a_directory) return "this is a directory; name the file in it";
    if (why == errc::permission_denied) return "the file may not be read by this user; give the user the right to";
    if (why == errc::file_too_large) return "the file is larger than 1 MiB; that is no configuration";
    return "the file cannot be read: " + why.message();
}

}  // namespace

boost::system::result<FileContent> read_file(const std::string& path) {
    const auto failure = [](int code) { return boost::system::error_code(code, boost::system::generic_category()); };
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return failure(errno);
    struct stat facts {};
    FileContent out;
    int problem = 0;
    if (::fstat(file, &facts) != 0)
        problem = errno;
    else if (S_ISDIR(facts.st_mode))
        problem = EISDIR;
    out.world_readable = S_ISREG(facts.st_mode) && (facts.st_mode & S_IROTH) != 0;
    while (problem == 0) {
        char buffer[16 * 1024];
        const ssize_t count = ::read(file, buffer, sizeof buffer);
        if (count == 0) break;
        if (count > 0)
            out.bytes.append(buffer, static_cast<std::size_t>(count));
        else if (errno != EINTR)
            problem = errno;
        core::wipe(buffer, sizeof buffer);
        if (out.bytes.size() > largest_file) problem = EFBIG;
    }
    ::close(file);
    if (problem != 0) return failure(problem);
    return out;
}

std::optional<std::string> get_env(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    if (!value) return std::nullopt;
    return std::string(value);
}

Loaded load(const std::string& path, const LoadOptions& options) {
    const auto content = options.read_file(path);
    if (content) return load_text(content->bytes, path, options);
    Loaded out;
    out.errors.push_back({path, 0, 0, file_message(content.error())});
    return out;
}

Loaded load_text(std::string_view text, const std::string& path, const LoadOptions& options) {
    Loaded out;
    Config config;
    config.path = path;
    Reader reader(path, options, out);
    const auto document = parse_document(text);
    if (!document)
        reader.error(document.error().at, document.error().message);
    else if (document->children.empty())
        reader.error({}, "the file is empty; a configuration has at least one [portals.NAME] and one [clients.NAME]");
    else
        read_root(reader, *document, config);
    sort_by_place(out.errors);
    sort_by_place(out.warnings);
    if (out.errors.empty()) out.config = std::move(config);
    return out;
}

const std::vector<SectionKeys>& known_keys() {
    static const std::vector<SectionKeys> all = [] {
        std::vector<SectionKeys> out = section_keys();
        for (const auto& more : {operations_keys(), alerts_keys(), portal_keys(), client_keys(), cache_rule_keys()})
            out.insert(out.end(), more.begin(), more.end());
        return out;
    }();
    return all;
}

}  // namespace b24gate::config
