// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/store/database.h"

#include <optional>

namespace flowguard {

/// What is normal, as encode_baselines() writes it. The database must outlive it.
class BaselineStore {
  public:
    explicit BaselineStore(const Database &database) : database_(database) {}

    struct Saved {
        std::string encoded;
        TimeNs time = 0;
    };
    Result<void> save(std::string_view encoded, TimeNs now) const;
    /// None if nothing was saved.
    Result<std::optional<Saved>> load() const;
    Result<void> reset() const;

  private:
    const Database &database_;
};

} // namespace flowguard
