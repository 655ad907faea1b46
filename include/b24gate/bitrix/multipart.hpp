// multipart/form-data, read so strictly that PHP cannot read it otherwise: CRLF only, nothing before the first and
// behind the last boundary, one plain name a part. Pure; any thread; never throws; linear.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

namespace b24gate::bitrix {

struct MultipartError {
    std::string message;  ///< what is wrong and what would be right; no part of the body
};

struct MultipartField {
    std::size_t begin = 0;   ///< of the boundary line in front of it
    std::size_t end = 0;     ///< of the boundary line behind it: removing [begin, end) removes the field
    std::string_view name;   ///< as it stands, without its quotes
    std::string_view value;  ///< a view of the body
    bool is_file = false;
};

/// The boundary in a Content-Type value.
[[nodiscard]] boost::system::result<std::string_view, MultipartError> multipart_boundary(std::string_view content_type);

[[nodiscard]] boost::system::result<std::vector<MultipartField>, MultipartError> parse_multipart(
    std::string_view body, std::string_view boundary);

}  // namespace b24gate::bitrix
