// The only place that knows what is secret. What goes into a log, an error or the dashboard and did not come from us
// goes through here first. A Masker is immutable after construction; any thread; never throws on any bytes (but for
// want of memory); the time is linear in the text.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/core/secret.hpp>

namespace b24gate::observe {

/// How parameters are written.
enum class ParamsEncoding { automatic, form, json, multipart };

struct MaskRules {
    std::vector<core::Secret> secrets;  ///< all that the process knows; those under 4 bytes are not looked for
    std::vector<std::string> fields;    ///< names whose values are personal data, compared without case
    std::size_t max_output = 8192;      ///< bytes; longer texts end with a mark that says how much was cut
};

class Masker {
public:
    static constexpr std::string_view mask = "***";
    static constexpr std::size_t min_secret = 4;

    Masker() : Masker(MaskRules{}) {}
    explicit Masker(MaskRules rules);

    /// Free text: known secrets (plain, JSON-escaped, percent-encoded, in base64 at any alignment), anything that
    /// begins like a client key, key segments of /rest/ paths, values behind the names of credentials, Bearer tokens.
    [[nodiscard]] std::string mask_text(std::string_view text) const;

    /// Parameters of a call: the above, and the values of the listed fields wherever they stand: nested, in bracket
    /// names, in the commands of a batch, behind filter operators. Contents of multipart bodies are left out.
    [[nodiscard]] std::string mask_params(ParamsEncoding encoding, std::string_view text) const;

    /// A known secret or a client key stands in it. Cheap: for short fields on the hot path.
    [[nodiscard]] bool contains_secret(std::string_view text) const noexcept;

    /// The value behind such a name is not shown; operators before it (`%NAME`, `>=PHONE`) do not count.
    [[nodiscard]] bool is_masked_name(std::string_view name) const;

private:
    struct Span {
        std::size_t begin, end;
    };
    [[nodiscard]] std::size_t secret_at(std::string_view text, std::size_t at) const noexcept;
    [[nodiscard]] std::vector<Span> scan(std::string_view text) const;
    [[nodiscard]] std::size_t cut_point(std::string_view text) const;
    [[nodiscard]] std::string apply(std::string_view text) const;
    [[nodiscard]] std::string apply_value(std::string_view text, unsigned depth) const;
    [[nodiscard]] std::string apply_form(std::string_view text, unsigned depth) const;
    [[nodiscard]] std::string apply_json(std::string_view text, unsigned depth) const;
    [[nodiscard]] std::string finish(std::string out, std::size_t cut) const;
    void add_secret(std::string_view secret);

    std::vector<std::string> fields_;  ///< lower case, sorted
    std::vector<core::Secret> patterns_;
    std::vector<std::uint32_t> heads_;   ///< the first four bytes of each pattern; both sorted by them
    std::vector<std::uint64_t> filter_;  ///< bit set over hashed heads: most positions are dismissed by one look
    std::size_t longest_ = 0;
    std::size_t max_output_;
};

/// The masker in force. Readers pay one atomic load as long as it has not changed.
class SharedMasker {
public:
    explicit SharedMasker(std::shared_ptr<const Masker> masker);
    SharedMasker(const SharedMasker&) = delete;
    SharedMasker& operator=(const SharedMasker&) = delete;

    void set(std::shared_ptr<const Masker> masker);
    /// Holds until this thread's next call of current(), on any SharedMasker.
    [[nodiscard]] const Masker& current() const;

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const Masker> masker_;
    std::atomic<std::uint64_t> version_;  ///< unique in the process
};

}  // namespace b24gate::observe
