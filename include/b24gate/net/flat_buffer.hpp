// Received bytes in one piece. Views into it hold until it grows or is compacted.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

namespace b24gate::net {

class FlatBuffer {
public:
    [[nodiscard]] std::string_view view() const noexcept { return {data_.get() + begin_, end_ - begin_}; }
    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
    [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

    /// Room for at least `wanted` more bytes behind what is there; may move everything.
    void reserve(std::size_t wanted) {
        if (capacity_ - end_ >= wanted) return;
        const std::size_t length = size();
        if (capacity_ >= length + wanted) {
            std::memmove(data_.get(), data_.get() + begin_, length);
        } else {
            const std::size_t grown = std::max(length + wanted, capacity_ * 2);
            std::unique_ptr<char[]> bigger(new char[grown]);
            if (length != 0) std::memcpy(bigger.get(), data_.get() + begin_, length);
            data_ = std::move(bigger);
            capacity_ = grown;
        }
        begin_ = 0;
        end_ = length;
    }
    [[nodiscard]] char* free_begin() noexcept { return data_.get() + end_; }
    [[nodiscard]] std::size_t free_size() const noexcept { return capacity_ - end_; }
    void commit(std::size_t length) noexcept { end_ += length; }
    void consume(std::size_t length) noexcept {
        begin_ += length;
        if (begin_ == end_) begin_ = end_ = 0;
    }
    /// Removes `length` bytes at `offset` without moving what stands before them.
    void erase(std::size_t offset, std::size_t length) noexcept {
        char* at = data_.get() + begin_ + offset;
        std::memmove(at, at + length, size() - offset - length);
        end_ -= length;
    }
    /// Gives memory back after an unusually large message.
    void shrink(std::size_t limit) {
        if (empty() && capacity_ > limit) {
            data_.reset();
            capacity_ = begin_ = end_ = 0;
        }
    }

private:
    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace b24gate::net
