// SPDX-License-Identifier: Apache-2.0
/* docs/detectors.md says of each detector what the catalogue says: techniques, parameters, defaults, ranges. */
#include "flowguard/detect/catalogue.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <fstream>
#include <sstream>

namespace flowguard {
namespace {

std::string documentation()
{
    std::ifstream file(FG_SOURCE_DIR "/docs/detectors.md");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// From the detector's heading to the next heading.
std::string section_of(const std::string &text, std::string_view id)
{
    const std::size_t begin = text.find(fmt::format("\n### {}\n", id));
    if (begin == std::string::npos)
        return {};
    return text.substr(begin, text.find("\n##", begin + 1) - begin);
}

std::size_t rows(const std::string &section)
{
    std::size_t count = 0;
    for (std::size_t at = section.find("\n| `"); at != std::string::npos; at = section.find("\n| `", at + 1))
        count += section.find("` | ", at) != std::string::npos ? 1 : 0;
    return count;
}

/// As the documentation writes it: 86400, 0.75, 1e6.
std::string number(double value)
{
    if (value < 1e6)
        return fmt::format("{}", value);
    std::string text = fmt::format("{:g}", value);
    if (const auto sign = text.find("e+"); sign != std::string::npos)
        text.erase(sign + 1, text[sign + 2] == '0' ? 2 : 1);
    return text;
}

TEST(Documentation, HasASectionForEachDetector)
{
    const std::string text = documentation();
    ASSERT_FALSE(text.empty());
    for (const DetectorInfo *info : catalogue()) {
        const std::string section = section_of(text, info->id);
        ASSERT_FALSE(section.empty()) << info->id;
        EXPECT_NE(section.find(fmt::format("*{}. ATT&CK {}.*", info->title, fmt::join(info->attack, ", "))),
                  std::string::npos)
            << info->id;
        EXPECT_NE(text.find(fmt::format("| {} | {} |\n", info->title, fmt::join(info->attack, ", "))),
                  std::string::npos)
            << info->id << " in the overview";
    }
}

TEST(Documentation, HasARowForEachParameter)
{
    const std::string text = documentation();
    for (const DetectorInfo *info : catalogue()) {
        const std::string section = section_of(text, info->id);
        for (const Parameter &each : info->parameters) {
            const std::string row = fmt::format("\n| `{}` | {} | {} to {} | {} | {}", each.name, number(each.value),
                                                number(each.least), number(each.most), each.unit, each.meaning);
            EXPECT_NE(section.find(row), std::string::npos) << info->id << ": no row that begins" << row;
        }
        const std::size_t table = section.find("| parameter |");
        EXPECT_EQ(table == std::string::npos ? 0 : rows(section.substr(table)), info->parameters.size()) << info->id;
    }
}

} // namespace
} // namespace flowguard
