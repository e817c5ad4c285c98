// SPDX-License-Identifier: Apache-2.0
/* Blacklists as they are published: text in, entries and complaints out. */
#pragma once

#include "flowguard/core/error.h"
#include "flowguard/core/ip_address.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace flowguard {

enum class FeedFormat : std::uint8_t {
    Plain,   ///< an address, network or range "a-b" a line; FireHOL's netset and Spamhaus' DROP are of this kind
    Hosts,   ///< "0.0.0.0 name": the names count
    Domains, ///< a name a line
    Csv,     ///< addresses, networks or ranges in one column
};

struct FeedSyntax {
    FeedFormat format = FeedFormat::Plain;
    std::size_t column = 1;  ///< of CSV, from 1
    std::string column_name; ///< if it is given in place of the number: as the first line that is no comment calls it

    /// "plain", "drop", "netset", "hosts", "domains", "csv", "csv:3", "csv:dst_ip". An error has ExitCode::Usage.
    static Result<FeedSyntax> parse(std::string_view text);
};

struct AddressRange {
    IpAddress first;
    IpAddress last;

    bool operator==(const AddressRange &) const = default;
};

struct FeedComplaint {
    std::size_t line = 0; ///< from 1
    std::string what;     ///< and why

    bool operator==(const FeedComplaint &) const = default;
};

struct ParsedFeed {
    std::vector<AddressRange> ranges; ///< in the order of the file
    std::vector<std::string> names;   ///< in lower case, without the last dot
    std::size_t lines = 0;            ///< of the file
    std::size_t garbage = 0;          ///< lines that are no entry
    std::size_t left_out = 0;         ///< entries beyond max_entries
    std::size_t refused = 0;          ///< entries that would blacklist what is nobody's alone: private, multicast, huge
    std::vector<FeedComplaint> complaints; ///< the first of both

    static constexpr std::size_t max_complaints = 10;
    static constexpr std::size_t max_entries = 1'000'000; ///< ranges and names together
};

ParsedFeed parse_feed(std::string_view text, const FeedSyntax &syntax);

} // namespace flowguard
