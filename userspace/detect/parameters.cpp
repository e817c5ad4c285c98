// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace flowguard {
namespace {

const Parameter *find(std::span<const Parameter> known, std::string_view name)
{
    const auto found = std::ranges::find(known, name, &Parameter::name);
    return found == known.end() ? nullptr : &*found;
}

std::string names(std::span<const Parameter> known)
{
    std::string list;
    for (const Parameter &each : known)
        list += (list.empty() ? "" : ", ") + std::string(each.name);
    return list;
}

} // namespace

Result<void> Parameters::set(std::string_view name, double value)
{
    const Parameter *parameter = find(known_, name);
    if (!parameter)
        return fail(ExitCode::Usage, fmt::format("unknown key '{}'; there are: {}", name, names(known_)));
    const bool allowed = value >= parameter->least && value <= parameter->most; /* NaN is not */
    if (!allowed)
        return fail(ExitCode::Usage,
                    fmt::format("'{}' must be from {} to {}", name, parameter->least, parameter->most));
    set_.insert_or_assign(std::string(name), value);
    return {};
}

double Parameters::operator[](std::string_view name) const
{
    if (const auto found = set_.find(name); found != set_.end())
        return found->second;
    const Parameter *parameter = find(known_, name);
    if (!parameter)
        throw std::logic_error(fmt::format("no parameter '{}' is declared", name));
    return parameter->value;
}

} // namespace flowguard
