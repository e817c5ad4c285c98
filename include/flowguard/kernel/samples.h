// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/abi/samples.h"
#include "flowguard/kernel/maps.h"

#include <functional>
#include <memory>

namespace flowguard {

/// Reads what programs sampled. One reader an instance.
class SampleReader {
  public:
    static Result<SampleReader> open(const Maps &maps);
    SampleReader(SampleReader &&) noexcept;
    SampleReader &operator=(SampleReader &&) noexcept;
    ~SampleReader();

    /// Each sample since the last call, once.
    void read(const std::function<void(const fg_sample &)> &visit);

  private:
    struct Impl;
    explicit SampleReader(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace flowguard
