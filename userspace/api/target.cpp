// SPDX-License-Identifier: Apache-2.0
#include "flowguard/api/message.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <optional>

namespace flowguard {
namespace {

std::optional<std::string> percent_decode(std::string_view text)
{
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        unsigned value = 0;
        const std::string_view digits = text.substr(i + 1, 2);
        if (digits.size() != 2 || std::from_chars(digits.data(), digits.data() + 2, value, 16).ptr != digits.data() + 2)
            return {};
        decoded += static_cast<char>(value);
        i += 2;
    }
    return decoded;
}

bool parse_query(std::string_view text, std::map<std::string, std::string> &query)
{
    while (!text.empty()) {
        const std::string_view pair = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(pair.size() + 1, text.size()));
        const std::size_t equals = pair.find('=');
        const auto name = percent_decode(pair.substr(0, equals));
        const auto value = percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
        if (!name || !value)
            return false;
        query[*name] = *value;
    }
    return true;
}

} // namespace

std::string percent_encode(std::string_view text)
{
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~')
            encoded += c;
        else
            encoded += fmt::format("%{:02X}", byte);
    }
    return encoded;
}

bool parse_target(std::string_view target, Request &request)
{
    const std::size_t question = target.find('?');
    const auto path = percent_decode(target.substr(0, question));
    if (!path || !path->starts_with('/'))
        return false;
    request.path = *path;
    return question == std::string_view::npos || parse_query(target.substr(question + 1), request.query);
}

} // namespace flowguard
