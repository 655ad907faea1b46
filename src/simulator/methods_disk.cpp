// Files: upload in one step and in two, and the signed links that come back.
#include <b24gate/core/text.hpp>
#include <b24gate/simulator/methods.hpp>

namespace b24gate::simulator {
namespace {

MethodResult ok(json::value value) { return {std::move(value), {}, {}, {}, false}; }

json::object file_view(const Portal& portal, const Call& call, long long id, const File& file) {
    return {{"ID", std::to_string(id)},
            {"NAME", file.name},
            {"CODE", nullptr},
            {"STORAGE_ID", "1"},
            {"TYPE", "file"},
            {"PARENT_ID", "1"},
            {"SIZE", std::to_string(file.size)},
            {"DOWNLOAD_URL", portal.link(call, "download", "id=" + std::to_string(id))},
            {"DETAIL_URL", call.base_url + "/docs/file/" + php::url_encode(file.name)}};
}

std::string name_of(const Invocation& call) {
    const json::value* data = php::get_any_case(call.params, "data");
    const json::value* name = data ? php::get_any_case(*data, "NAME") : nullptr;
    return name ? php::to_string(*name) : std::string();
}

MethodResult upload_file(Portal& portal, const Invocation& call) {
    const json::value* content = php::get_any_case(call.params, "fileContent");
    if (!content)
        return ok(
            json::object{{"field", "file"},
                         {"uploadUrl", portal.link(call.call, "upload", "name=" + php::url_encode(name_of(call)))}});
    // A plain base64 string, or [name, base64].
    std::string name = name_of(call);
    const json::value* second = php::get(*content, "1");
    if (const json::value* first = php::get(*content, "0"); first && name.empty()) name = php::to_string(*first);
    const auto bytes = base64_decode(php::to_string(second ? *second : *content));
    if (!bytes || bytes->empty()) return fail(400, "ERROR_ARGUMENT", "Invalid value of parameter {fileContent}");
    const std::uint64_t size = bytes->size();
    const long long id = portal.add_file({name, size, std::move(*bytes)});
    return ok(file_view(portal, call.call, id, portal.files().at(id)));
}

MethodResult get_file(Portal& portal, const Invocation& call) {
    const json::value* id = php::get_any_case(call.params, "id");
    const auto found = portal.files().find(id ? php::to_int(*id) : 0);
    if (found == portal.files().end())
        return fail(404, "ERROR_NOT_FOUND",
                    "Could not find entity with id `" + (id ? php::to_string(*id) : std::string()) + "`.");
    return ok(file_view(portal, call.call, found->first, found->second));
}

MethodResult children(Portal& portal, const Invocation& call) {
    json::array rows;
    for (const auto& [id, file] : portal.files()) rows.push_back(file_view(portal, call.call, id, file));
    const auto total = static_cast<long long>(rows.size());
    return {std::move(rows), {}, total, {}, false};
}

/// The second step of an upload: the form field of any name carries the file.
MethodResult upload(Portal& portal, const Invocation& call) {
    const auto payload = portal.open_link(call.call, "upload");
    if (!payload) return fail(403, "ACCESS_DENIED", "Access denied! Link check failed");
    for (const FormPart& part : call.call.files) {
        const json::value query = php::parse_str(*payload);
        const json::value* wanted = php::get(query, "name");
        File file;
        file.name = wanted && !php::to_string(*wanted).empty() ? php::to_string(*wanted) : part.filename;
        file.size = part.content.size();
        file.content = part.content;
        const long long id = portal.add_file(std::move(file));
        return ok(file_view(portal, call.call, id, portal.files().at(id)));
    }
    return fail(400, "ERROR_ARGUMENT", "Could not find value for parameter {file}");
}

}  // namespace

void register_disk(Registry& registry) {
    registry["disk.folder.uploadfile"] = {"disk", upload_file};
    registry["disk.storage.uploadfile"] = {"disk", upload_file};
    registry["disk.file.get"] = {"disk", get_file};
    registry["disk.folder.getchildren"] = {"disk", children};
    registry["disk.storage.getchildren"] = {"disk", children};
    registry["upload"] = {"", upload};
}

}  // namespace b24gate::simulator
