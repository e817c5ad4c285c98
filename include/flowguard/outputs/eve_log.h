// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace flowguard {

struct EveLogOptions {
    std::filesystem::path path;  ///< empty: no log
    std::uint64_t max_bytes = 0; ///< a longer file becomes PATH.1, and so on; 0: somebody else rotates
    unsigned kept = 5;           ///< of those
};

/// A file of JSON lines that others may move away or cut while it is written.
///
/// It is only ever appended to, so logrotate's copytruncate works; after reopen() lines go to a new file of that name.
class EveLog {
  public:
    /// Makes the file, and its directory, if need be.
    static Result<std::unique_ptr<EveLog>> open(EveLogOptions options);
    ~EveLog();
    EveLog(const EveLog &) = delete;
    EveLog &operator=(const EveLog &) = delete;

    /// Whole lines: what a full disk cut is ended before the next one. An error is for the log; nothing is kept back.
    Result<void> write(std::string_view line);
    /// From any thread: the file is opened anew before the next line.
    void reopen() { reopen_ = true; }

  private:
    explicit EveLog(EveLogOptions options) : options_(std::move(options)) {}
    Result<void> open_file();
    void close_file();
    Result<void> rotate();
    Error explain(const char *action, int error) const;

    EveLogOptions options_;
    int fd_ = -1;
    bool cut_ = false; ///< the last line is not whole
    std::atomic<bool> reopen_ = false;
};

} // namespace flowguard
