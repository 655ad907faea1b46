// Any query and body: what is accepted reads back as the parameters of the single call, and nothing in it can be taken
// for another caller's result.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/bitrix/batch_command.hpp>
#include <b24gate/core/json_scan.hpp>

#include "require.hpp"

using namespace b24gate::bitrix;
namespace json = b24gate::core::json;

/// The first byte chooses the kind of body; a line feed ends the query.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t end = text.find('\n');
    Call call;
    call.method = "crm.deal.list";
    call.method_lower = call.method;
    call.query = text.substr(0, end);
    if (end != std::string_view::npos) call.original_body = text.substr(end + 1);
    if (!call.original_body.empty()) call.body_kind = data[0] % 2 == 0 ? BodyKind::json : BodyKind::form;
    static const Methods methods;
    const auto command = encode_command(call, methods);
    if (!command) return 0;

    const Command* const pair[] = {&*command, &*command};
    const std::string body = batch_body(pair);
    require(body.size() == batch_body_size(pair));
    require(!json::validate(body));
    const auto cmd = json::find(body, "cmd");
    require(cmd.has_value());
    const auto literal = json::find(*cmd, "c1");
    require(literal.has_value());
    const auto sent = json::decode_string(*literal);
    require(sent.has_value() && sent->size() <= max_command_text);
    require(sent->find_first_of("$#:") == std::string::npos);
    const std::size_t mark = sent->find('?');
    const FormNode tree = parse_form(mark == std::string::npos ? "" : std::string_view(*sent).substr(mark + 1),
                                     {.max_variables = max_command_variables});
    const auto single = call_parameters(call);
    require(single.has_value() && *single == tree);
    std::vector<const FormNode*> open{&tree};
    while (!open.empty()) {
        const FormNode& node = *open.back();
        open.pop_back();
        for (const FormNode& item : node.items) {
            require(item.key.find('$') == std::string::npos && item.value.find('$') == std::string::npos);
            require(form_decode(item.value).find('$') == std::string::npos);
            if (item.is_array) open.push_back(&item);
        }
    }
    return 0;
}
