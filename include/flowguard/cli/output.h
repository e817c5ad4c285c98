// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"
#include "flowguard/core/grouped.h"
#include "flowguard/core/json.h"
#include "flowguard/tui/text.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace flowguard {

/// One JSON document on a line of its own.
void print_json(const Json &json);
void print_line(const std::string &text);

/// Columns as wide as their widest cell.
class Table {
  public:
    struct Heading {
        std::string text;
        Align align = Align::Left;
    };
    explicit Table(std::vector<Heading> headings) : headings_(std::move(headings)) {}
    void add(std::vector<std::string> cells);
    void print() const;

  private:
    std::vector<Heading> headings_;
    std::vector<std::vector<std::string>> rows_;
};

/// "90", "90s", "15m", "1h", "7d"; a usage error otherwise.
Result<std::chrono::seconds> parse_duration(const std::string &text);

} // namespace flowguard
