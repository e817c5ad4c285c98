// SPDX-License-Identifier: Apache-2.0
#include "flowguard/detect/registered_domain.h"

#include <libpsl.h>

#include <string>

namespace flowguard {
namespace {

/// The last labels of a name. The longest suffixes of the list have five, and each more costs a look-up.
std::string_view last_labels(std::string_view name, int labels)
{
    std::size_t begin = name.size();
    for (; labels > 0; labels--) {
        begin = begin == 0 ? std::string_view::npos : name.rfind('.', begin - 1);
        if (begin == std::string_view::npos)
            return name;
    }
    return name.substr(begin + 1);
}

} // namespace

std::string_view registered_domain(std::string_view name)
{
    const std::string_view tail = last_labels(name, 6);
    const std::string text(tail);
    /* The list that the library was built with: a newer one on disk would make verdicts depend on a file. */
    const char *registered = psl_registrable_domain(psl_builtin(), text.c_str());
    if (!registered)
        return {};
    return tail.substr(static_cast<std::size_t>(registered - text.c_str()));
}

bool has_public_suffix(std::string_view name)
{
    const std::string top(last_labels(name, 1));
    return psl_is_public_suffix2(psl_builtin(), top.c_str(), PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) != 0;
}

} // namespace flowguard
