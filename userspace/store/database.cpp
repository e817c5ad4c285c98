// SPDX-License-Identifier: Apache-2.0
#include "flowguard/store/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <utility>

namespace flowguard {
namespace {

/// The n-th brings a database from version n to n + 1. What was released is never changed.
constexpr std::array migrations{
    "CREATE TABLE baseline (id INTEGER PRIMARY KEY CHECK (id = 1), time INTEGER NOT NULL, encoded BLOB NOT NULL);"
    "CREATE TABLE incident (id TEXT PRIMARY KEY, start INTEGER NOT NULL, last INTEGER NOT NULL, open INTEGER NOT NULL,"
    "  detector TEXT NOT NULL, severity INTEGER NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,"
    "  eve TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX incident_last ON incident (last);"
    "CREATE INDEX incident_open ON incident (open) WHERE open;",
};

/// What a file that is being written by another process makes us wait, at most.
constexpr int busy_ms = 2000;

bool is_damage(int code)
{
    const int primary = code & 0xff;
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
}

/// The log and its index belong to the file: with another one they would be damage too.
Result<std::filesystem::path> set_aside(const std::filesystem::path &path, TimeNs now)
{
    const std::string suffix = fmt::format(".damaged-{}", now / 1'000'000'000);
    std::error_code error;
    for (const char *part : {"-wal", "-shm"})
        std::filesystem::rename(path.string() + part, path.string() + suffix + part, error);
    std::filesystem::path aside = path.string() + suffix;
    std::filesystem::rename(path, aside, error);
    if (error)
        return fail(ExitCode::Failed,
                    fmt::format("{} is damaged and cannot be set aside: {}", path.string(), error.message()));
    return aside;
}

} // namespace

void Statement::Finalize::operator()(sqlite3_stmt *statement) const { sqlite3_finalize(statement); }

Statement::Statement(const Database &database, std::string_view sql) : database_(&database)
{
    sqlite3_stmt *statement = nullptr;
    failed_ = sqlite3_prepare_v2(database.connection_.get(), sql.data(), static_cast<int>(sql.size()), &statement,
                                 nullptr);
    statement_.reset(statement);
}

Statement &Statement::bind(std::int64_t value)
{
    if (failed_ == SQLITE_OK)
        failed_ = sqlite3_bind_int64(statement_.get(), ++bound_, value);
    return *this;
}

Statement &Statement::bind_text(std::string_view text)
{
    if (failed_ == SQLITE_OK)
        failed_ = sqlite3_bind_text64(statement_.get(), ++bound_, text.data(), text.size(), SQLITE_TRANSIENT,
                                      SQLITE_UTF8);
    return *this;
}

Statement &Statement::bind_blob(std::string_view bytes)
{
    if (failed_ == SQLITE_OK)
        failed_ = sqlite3_bind_blob64(statement_.get(), ++bound_, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
    return *this;
}

Result<bool> Statement::step()
{
    if (failed_ == SQLITE_OK)
        switch (const int code = sqlite3_step(statement_.get())) {
        case SQLITE_ROW:
            return true;
        case SQLITE_DONE:
            return false;
        default:
            failed_ = code;
        }
    return std::unexpected(database_->explain(failed_));
}

Result<void> Statement::run()
{
    for (;;) {
        const auto row = step();
        if (!row)
            return std::unexpected(row.error());
        if (!*row)
            return {};
    }
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }

std::string_view Statement::bytes(int column) const
{
    const void *data = sqlite3_column_blob(statement_.get(), column);
    const int size = sqlite3_column_bytes(statement_.get(), column);
    return data ? std::string_view(static_cast<const char *>(data), static_cast<std::size_t>(size)) : "";
}

void Database::Close::operator()(sqlite3 *connection) const { sqlite3_close_v2(connection); }

Database::Database(Connection connection, std::filesystem::path path)
    : connection_(std::move(connection)),
      path_(std::move(path))
{
}

Error Database::explain(int code) const
{
    const std::string path = path_.string();
    switch (code & 0xff) {
    case SQLITE_FULL:
        return {ExitCode::Failed, fmt::format("the disk is full: nothing was saved to {}", path)};
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return {ExitCode::Permission, fmt::format("cannot open {}: {}; run as root, or name another file with --state",
                                                  path, sqlite3_errmsg(connection_.get()))};
    case SQLITE_READONLY:
        return {ExitCode::Permission, fmt::format("cannot write {}: {}; run as root, or name another file with --state",
                                                  path, sqlite3_errmsg(connection_.get()))};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return {ExitCode::Failed, fmt::format("{} is in use by another process; try again", path)};
    default:
        return {ExitCode::Failed, fmt::format("cannot use {}: {}", path, sqlite3_errmsg(connection_.get()))};
    }
}

Result<void> Database::execute(const char *sql) const
{
    const int code = sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK)
        return std::unexpected(explain(code));
    return {};
}

std::int64_t Database::changes() const { return sqlite3_changes64(connection_.get()); }

Result<Database> Database::connect(const std::filesystem::path &path, int flags)
{
    sqlite3 *connection = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
    Database database(Connection(connection), path);
    if (code != SQLITE_OK)
        return std::unexpected(database.explain(code));
    sqlite3_busy_timeout(connection, busy_ms);
    return database;
}

/// A page that is damaged is found when it is read: so all are. Empty if nothing is damaged, or nothing could be read
/// for another reason.
std::string Database::damage() const
{
    if (is_damage(sqlite3_errcode(connection_.get())))
        return sqlite3_errmsg(connection_.get());
    Statement statement = prepare("PRAGMA quick_check(1)");
    const auto row = statement.step();
    if (row && *row && statement.bytes(0) != "ok")
        return std::string(statement.bytes(0));
    return is_damage(sqlite3_errcode(connection_.get())) ? sqlite3_errmsg(connection_.get()) : "";
}

Result<void> Database::migrate() const
{
    Statement statement = prepare("PRAGMA user_version");
    const auto row = statement.step();
    if (!row)
        return std::unexpected(row.error());
    const auto version = static_cast<std::size_t>(statement.integer(0));
    if (version > migrations.size())
        return fail(ExitCode::Failed,
                    fmt::format("{} was written by a newer flowguard (its version is {}, known are {}); install that "
                                "one, or move the file away to start afresh",
                                path_.string(), version, migrations.size()));
    for (std::size_t next = version; next < migrations.size(); next++) {
        auto transaction = Transaction::begin(*this);
        if (!transaction)
            return std::unexpected(transaction.error());
        if (auto done = execute(migrations[next]); !done)
            return done;
        if (auto done = execute(fmt::format("PRAGMA user_version = {}", next + 1).c_str()); !done)
            return done;
        if (auto done = transaction->commit(); !done)
            return done;
    }
    return {};
}

Result<void> Database::prepare_file() const
{
    /* NORMAL: a power failure may lose the last commits, never the file. */
    if (auto done = execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"); !done)
        return done;
    if (std::string what = damage(); !what.empty())
        return fail(ExitCode::Failed, what);
    return migrate();
}

Result<Database> Database::open(const std::filesystem::path &path, TimeNs now)
{
    std::error_code error;
    if (path.has_parent_path())
        std::filesystem::create_directories(path.parent_path(), error);
    if (error)
        return fail(error == std::errc::permission_denied ? ExitCode::Permission : ExitCode::Failed,
                    fmt::format("cannot make {}: {}; run as root, or name another file with --state",
                                path.parent_path().string(), error.message()));
    std::string remark;
    for (bool again = false;; again = true) {
        auto database = connect(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
        if (!database)
            return database;
        const auto ready = database->prepare_file();
        if (ready) {
            database->remark_ = std::move(remark);
            return database;
        }
        const std::string what = database->damage();
        if (again || what.empty())
            return std::unexpected(ready.error());
        database->connection_.reset();
        const auto aside = set_aside(path, now);
        if (!aside)
            return std::unexpected(aside.error());
        remark = fmt::format("{} was damaged ({}); it was set aside as {}, and baselines and incidents start afresh",
                             path.string(), what, aside->string());
    }
}

Result<Database> Database::open_read_only(const std::filesystem::path &path)
{
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
        return fail(ExitCode::NotRunning,
                    fmt::format("there is no {}: nothing was learnt or recorded yet", path.string()));
    auto database = connect(path, SQLITE_OPEN_READONLY);
    if (!database)
        return database;
    if (const std::string what = database->damage(); !what.empty())
        return fail(ExitCode::Failed,
                    fmt::format("{} is damaged: {}; the daemon sets it aside when it starts", path.string(), what));
    return database;
}

Result<Transaction> Transaction::begin(const Database &database)
{
    if (auto begun = database.execute("BEGIN IMMEDIATE"); !begun)
        return std::unexpected(begun.error());
    return Transaction(database);
}

Result<void> Transaction::commit()
{
    auto done = database_->execute("COMMIT");
    if (done)
        database_ = nullptr;
    return done;
}

Transaction::~Transaction()
{
    /* After some errors SQLite has rolled back itself; then this one says that there is nothing to roll back. */
    if (database_)
        (void)database_->execute("ROLLBACK");
}

} // namespace flowguard
