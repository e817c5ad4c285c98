// SPDX-License-Identifier: Apache-2.0
#include "flowguard/store/baseline_store.h"

namespace flowguard {

Result<void> BaselineStore::save(std::string_view encoded, TimeNs now) const
{
    return database_.prepare("INSERT OR REPLACE INTO baseline (id, time, encoded) VALUES (1, ?, ?)")
        .bind(now)
        .bind_blob(encoded)
        .run();
}

Result<std::optional<BaselineStore::Saved>> BaselineStore::load() const
{
    Statement statement = database_.prepare("SELECT time, encoded FROM baseline WHERE id = 1");
    const auto row = statement.step();
    if (!row)
        return std::unexpected(row.error());
    if (!*row)
        return std::optional<Saved>();
    return Saved{.encoded = std::string(statement.bytes(1)), .time = statement.integer(0)};
}

Result<void> BaselineStore::reset() const { return database_.execute("DELETE FROM baseline"); }

} // namespace flowguard
