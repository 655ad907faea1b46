// Who wants to know when the bytes of a call leave.
#pragma once

namespace b24gate::gateway {

class Departure {
public:
    virtual ~Departure() = default;
    /// Called before each attempt is sent, by whoever sends it: the call itself or the batch that it travels in. Any
    /// thread; returns at once.
    virtual void departs() noexcept = 0;
};

}  // namespace b24gate::gateway
