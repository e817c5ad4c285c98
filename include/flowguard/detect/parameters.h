// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"

#include <map>
#include <span>
#include <string>
#include <string_view>

namespace flowguard {

/// A number of a detector that can be set under [detectors."ID"] in the configuration.
struct Parameter {
    std::string_view name;
    double value; ///< the default
    double least;
    double most;
    std::string_view unit;
    std::string_view meaning; ///< one line, for the docs
};

/// The values of one detector's parameters.
class Parameters {
  public:
    explicit Parameters(std::span<const Parameter> known) : known_(known) {}
    /// An error names the parameters that there are, or the allowed range, with ExitCode::Usage.
    Result<void> set(std::string_view name, double value);
    /// `name` must be one of `known`: anything else is a mistake in the detector.
    double operator[](std::string_view name) const;

  private:
    std::span<const Parameter> known_;
    std::map<std::string, double, std::less<>> set_;
};

} // namespace flowguard
