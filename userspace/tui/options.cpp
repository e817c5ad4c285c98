// SPDX-License-Identifier: Apache-2.0
#include "flowguard/tui/options.h"

namespace flowguard {

std::string_view view_name(TopBy view)
{
    switch (view) {
    case TopBy::Flow:
        return "flow";
    case TopBy::Remote:
        return "remote";
    case TopBy::Local:
        return "local";
    case TopBy::Service:
        return "service";
    }
    return "";
}

std::string_view view_title(TopBy view)
{
    switch (view) {
    case TopBy::Flow:
        return "flows";
    case TopBy::Remote:
        return "remote addresses";
    case TopBy::Local:
        return "local addresses";
    case TopBy::Service:
        return "services";
    }
    return "";
}

std::string_view sort_name(SortBy sort)
{
    switch (sort) {
    case SortBy::Rate:
        return "rate";
    case SortBy::Bytes:
        return "bytes";
    case SortBy::Packets:
        return "packets";
    case SortBy::Start:
        return "start";
    }
    return "";
}

} // namespace flowguard
