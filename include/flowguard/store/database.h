// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"
#include "flowguard/core/flow.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

struct sqlite3;
struct sqlite3_stmt;

namespace flowguard {

class Database;

/// One SQL command. What goes wrong is found by step(), or by run() of what is left.
class Statement {
  public:
    Statement &bind(std::int64_t value);
    Statement &bind_text(std::string_view text);
    Statement &bind_blob(std::string_view bytes);
    /// True: a row is there; false: no more.
    Result<bool> step();
    Result<void> run();

    std::int64_t integer(int column) const;
    /// Text or blob; valid until the next step.
    std::string_view bytes(int column) const;

  private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt *statement) const;
    };
    Statement(const Database &database, std::string_view sql);

    const Database *database_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    int bound_ = 0;
    int failed_ = 0; ///< SQLite's code of the first thing that went wrong
};

/// The state of an instance on disk, in SQLite with a write-ahead log. For one thread at a time.
class Database {
  public:
    /// Makes the file, and its directory, if need be. A damaged file is set aside as NAME.damaged-TIME and a new one
    /// begun; remark() says so.
    static Result<Database> open(const std::filesystem::path &path, TimeNs now);
    /// NotRunning if there is no such file.
    static Result<Database> open_read_only(const std::filesystem::path &path);

    /// A sentence for the log; empty if there is nothing to say.
    const std::string &remark() const { return remark_; }
    Statement prepare(std::string_view sql) const { return {*this, sql}; }
    /// Commands without results.
    Result<void> execute(const char *sql) const;
    /// Rows that the last command changed.
    std::int64_t changes() const;
    /// What SQLite's code means, in a sentence.
    Error explain(int code) const;

  private:
    friend class Statement;
    struct Close {
        void operator()(sqlite3 *connection) const;
    };
    using Connection = std::unique_ptr<sqlite3, Close>;

    Database(Connection connection, std::filesystem::path path);
    static Result<Database> connect(const std::filesystem::path &path, int flags);
    Result<void> prepare_file() const;
    std::string damage() const;
    Result<void> migrate() const;

    Connection connection_;
    std::filesystem::path path_;
    std::string remark_;
};

/// All or nothing: what was not committed is rolled back.
class Transaction {
  public:
    static Result<Transaction> begin(const Database &database);
    Result<void> commit();
    ~Transaction();
    Transaction(Transaction &&other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    Transaction &operator=(Transaction &&) = delete;

  private:
    explicit Transaction(const Database &database) : database_(&database) {}
    const Database *database_; ///< none: committed
};

} // namespace flowguard
