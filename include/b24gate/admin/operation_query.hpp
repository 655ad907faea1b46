// Which operations somebody asks for, and how their lists are put together from what the store can look up. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/admin/query.hpp>
#include <b24gate/storage/operation_store.hpp>

namespace b24gate::admin {

/// Empty and 0: any.
struct OperationQuery {
    std::vector<storage::OperationState> states;  ///< each once
    std::string client, portal, error_class;
    std::string method;  ///< a glob, lower case
    std::string text;    ///< somewhere in what a list shows of it; lower case
    storage::UnixMs from = 0, until = 0;
    unsigned limit = 50;
    std::int64_t before = 0;

    [[nodiscard]] bool wants(storage::OperationState state) const noexcept;
};
inline constexpr unsigned most_operations_a_page = 500;

/// `pages`: limit and next may stand in it.
[[nodiscard]] Parsed<OperationQuery> operation_query(const Query& query, bool pages);
/// The parameters that stand for it in a request, without those of pages.
[[nodiscard]] std::string to_query_string(const OperationQuery& query);

/// What the store looks for; `state`: nullopt for several.
[[nodiscard]] storage::OperationFilter store_filter(const OperationQuery& query,
                                                    std::optional<storage::OperationState> state);
/// What it cannot look for.
[[nodiscard]] bool matches(const OperationQuery& query, const storage::OperationRecord& record);

/// A page of several states. The store has a short way to those that need a person, one state at a time; all others
/// are found by going through everything. Each way brings the newest first; the page is what they have in common.
class PageMerge {
public:
    explicit PageMerge(const OperationQuery& query);

    [[nodiscard]] std::size_t ways() const noexcept { return ways_.size(); }

    /// The way to go on with, or nullopt: the page is full, or there is no more.
    [[nodiscard]] std::optional<std::size_t> wanted() const;
    [[nodiscard]] storage::OperationFilter filter(std::size_t way) const;
    void add(std::size_t way, storage::OperationPage page);

    struct Page {
        std::vector<storage::OperationRecord> operations;
        std::int64_t next = 0;  ///< 0: that was all
    };
    [[nodiscard]] Page take();

private:
    struct Way {
        std::optional<storage::OperationState> state;
        std::vector<storage::OperationRecord> found;
        std::int64_t reached;  ///< all that come before this have been seen; 0: all
    };
    /// Down to here every way has been gone.
    [[nodiscard]] std::int64_t common() const noexcept;

    const OperationQuery query_;
    std::vector<Way> ways_;
};

}  // namespace b24gate::admin
