// Any text as a form: a bounded tree, which reads back from its own encoding.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <b24gate/bitrix/php_form.hpp>

#include "require.hpp"

using namespace b24gate::bitrix;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const FormNode tree = parse_form(text);
    require(tree.is_array);
    bool empty_array = false;
    std::vector<std::pair<const FormNode*, std::size_t>> open{{&tree, 0}};
    while (!open.empty()) {
        const auto [node, depth] = open.back();
        open.pop_back();
        require(depth <= php_nesting_limit + 1);
        require(node->is_array || node->items.empty());
        require(!node->is_array || node->value.empty());
        if (node->is_array && node->items.empty() && depth > 0) empty_array = true;
        for (const FormNode& item : node->items) {
            require(depth > 0 || item.key == top_level_name(item.key) || item.key.starts_with("__"));
            require(node->find(item.key) == &item);
            open.emplace_back(&item, depth + 1);
        }
    }
    // PHP knows empty arrays, its text does not.
    if (!empty_array) require(parse_form(encode_form(tree)) == tree);
    require(parse_form(text, {.max_variables = 3}).items.size() <= 3);
    return 0;
}
