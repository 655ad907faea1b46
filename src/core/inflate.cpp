#include <b24gate/core/inflate.hpp>

#include <zlib.h>

#include <algorithm>

namespace b24gate::core {
namespace {

constexpr std::size_t step = 64 * 1024;
/// The largest window, and a look at the header that tells gzip from zlib.
constexpr int any_header = 15 + 32;

}  // namespace

Inflater::Inflater() : stream_(std::make_unique<z_stream>()) {
    ready_ = inflateInit2(stream_.get(), any_header) == Z_OK;
}

Inflater::~Inflater() {
    if (ready_) inflateEnd(stream_.get());
}

Inflater::State Inflater::push(std::string_view& in, std::string& out, std::size_t max_out) {
    if (!ready_) return State::broken;
    while (state_ == State::more && !in.empty() && out.size() < max_out) {
        const std::size_t before = out.size();
        const std::size_t room = std::min(step, max_out - before);
        const std::size_t offered = std::min<std::size_t>(in.size(), step);
        out.resize(before + room);
        stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
        stream_->avail_in = static_cast<uInt>(offered);
        stream_->next_out = reinterpret_cast<Bytef*>(out.data() + before);
        stream_->avail_out = static_cast<uInt>(room);
        const int outcome = ::inflate(stream_.get(), Z_NO_FLUSH);
        out.resize(before + room - stream_->avail_out);
        in.remove_prefix(offered - stream_->avail_in);
        if (outcome == Z_STREAM_END)
            state_ = State::done;
        else if (outcome != Z_OK && outcome != Z_BUF_ERROR)
            state_ = State::broken;
    }
    return state_;
}

std::optional<Inflated> inflate(std::string_view packed, std::size_t max_out) {
    Inflater inflater;
    Inflated result;
    const auto state = inflater.push(packed, result.text, max_out);
    if (state == Inflater::State::broken) return std::nullopt;
    result.complete = state == Inflater::State::done;
    return result;
}

}  // namespace b24gate::core
