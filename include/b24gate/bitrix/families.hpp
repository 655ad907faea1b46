// Which reads a write may make untrue, as far as names tell: for answers that are kept. In doubt a write touches more.
// What a portal does by itself (robots, other people) no name tells. Pure; any thread.
#pragma once

#include <string_view>
#include <vector>

namespace b24gate::bitrix {

/// The family of a read: "crm.deal" of crm.deal.list, else the first part of the name ("user" of user.current). A view
/// of `method_lower`, or of something that is always there.
[[nodiscard]] std::string_view family_of(std::string_view method_lower) noexcept;

/// What a write touches. A family without a dot stands for all that begin with it: "crm" for "crm.deal" too.
struct Touched {
    bool everything = false;
    std::vector<std::string_view> families;  ///< views, as in family_of
};

/// `known`: Methods::known. What a method does that nobody has documented, nobody knows: it touches everything.
[[nodiscard]] Touched touched_by(std::string_view method_lower, bool known);

/// Adds what stands in `more`.
void merge(Touched& all, const Touched& more);

/// Whether a write that touches `touched` concerns reads of `family`.
[[nodiscard]] bool concerns(std::string_view touched, std::string_view family) noexcept;

/// A read whose answer is good for nobody but the one who asked, and only now: it tells the time, takes something away,
/// or asks a person.
[[nodiscard]] bool answers_once(std::string_view method_lower) noexcept;

}  // namespace b24gate::bitrix
