// Any target and any fields that ask for a file: one of the table's, whole, or 404, or nobody's business.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <b24gate/admin/static_files.hpp>

#include "require.hpp"

namespace {

using namespace b24gate;

constexpr admin::StaticFile files[] = {{"/", "text/html", "aa", "page", "p"},
                                       {"/assets/01/app.js", "text/javascript", "bb", "script", {}}};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::size_t line = text.find('\n');
    server::Request request;
    request.method = "GET";
    request.target = text.substr(0, line);
    const std::string_view fields = line == std::string_view::npos ? std::string_view() : text.substr(line + 1);
    request.fields.push_back({"Accept-Encoding", fields});
    request.fields.push_back({"If-None-Match", fields});
    const auto answer = admin::static_answer(request, files);
    if (!answer) return 0;
    require(answer->status == 200 || answer->status == 302 || answer->status == 304 || answer->status == 404);
    // One line, and to the page.
    if (answer->status == 302) {
        const std::string_view where =
            std::string_view(answer->fields.text()).substr(answer->fields.text().find("Location: "));
        require(where.starts_with("Location: /#/alerts/") && where.find('\n') + 1 == where.size());
    }
    if (answer->status == 200)
        require(answer->body == "page" || answer->body == "script" ||
                (answer->body == "p" && admin::takes_gzip(fields)));
    return 0;
}
