// SPDX-License-Identifier: Apache-2.0
/*
 * glibc's resolver library unpacks the names, which is the part that is easily done wrong (compression, loops, escapes).
 * Its reader of whole messages is not used: it gives nothing of a message that was cut anywhere.
 */
#include "flowguard/detect/dns.h"

#include <arpa/nameser.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace flowguard {
namespace {

/// Where reading has come in a message. What goes beyond the end gives nothing and stops the reading.
class Reader {
  public:
    explicit Reader(std::span<const std::uint8_t> message) : message_(message) {}

    std::optional<std::uint16_t> number()
    {
        if (message_.size() - at_ < 2)
            return {};
        const auto value = static_cast<std::uint16_t>(message_[at_] << 8 | message_[at_ + 1]);
        at_ += 2;
        return value;
    }

    /// In presentation form and lower case: DNS names are compared without case. Without the last dot.
    std::optional<std::string> name()
    {
        std::uint8_t wire[NS_MAXCDNAME];
        const std::uint8_t *begin = message_.data();
        const int taken = ns_name_unpack(begin, begin + message_.size(), begin + at_, wire, sizeof wire);
        char text[NS_MAXDNAME];
        if (taken < 0 || ns_name_ntop(wire, text, sizeof text) < 0)
            return {};
        at_ += static_cast<std::size_t>(taken);
        std::string name(std::strcmp(text, ".") == 0 ? "" : text);
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return name;
    }

    std::optional<std::span<const std::uint8_t>> bytes(std::size_t count)
    {
        if (message_.size() - at_ < count)
            return {};
        at_ += count;
        return message_.subspan(at_ - count, count);
    }

  private:
    std::span<const std::uint8_t> message_;
    std::size_t at_ = 0;
};

std::optional<IpAddress> address_of(std::uint16_t type, std::span<const std::uint8_t> data)
{
    if (type == ns_t_a && data.size() == 4)
        return IpAddress::from_v4(data.data());
    if (type == ns_t_aaaa && data.size() == 16) {
        std::uint8_t bytes[16];
        std::ranges::copy(data, bytes);
        return IpAddress(bytes);
    }
    return {};
}

/// False at the end of what can be read.
bool read_answer(Reader &reader, DnsMessage &message)
{
    auto name = reader.name();
    if (!name)
        return false;
    const auto type = reader.number();
    const auto class_and_ttl = reader.bytes(6);
    const auto length = reader.number();
    if (!type || !class_and_ttl || !length)
        return false;
    const auto data = reader.bytes(*length);
    message.answers.push_back({.name = std::move(*name),
                               .type = *type,
                               .length = *length,
                               .address = data ? address_of(*type, *data) : std::nullopt});
    return data.has_value();
}

/// RFC 1035, 1996 and 2136: query, inverse query, status, notify, update.
bool is_opcode(unsigned opcode) { return opcode <= 5 && opcode != 3; }

} // namespace

std::optional<DnsMessage> parse_dns(const DnsSample &sample)
{
    constexpr std::uint16_t response_bit = 0x8000;
    constexpr int most_answers = 64;
    Reader reader(sample.payload);
    const auto id = reader.number();
    const auto flags = reader.number();
    const auto questions = reader.number();
    const auto answers = reader.number();
    if (!id || !flags || !questions || !answers || !reader.bytes(4) || !is_opcode(*flags >> 11 & 0xf) ||
        *questions != 1) /* RFC 9619 */
        return {};
    auto name = reader.name();
    const auto type = reader.number();
    if (!name || !type || !reader.number())
        return {};
    const bool response = *flags & response_bit;
    DnsMessage message{.time = sample.time,
                       .client = response ? sample.target : sample.source,
                       .server = response ? sample.source : sample.target,
                       .server_port = response ? sample.source_port : sample.target_port,
                       .response = response,
                       .rcode = static_cast<std::uint8_t>(*flags & 0xf),
                       .name = std::move(*name),
                       .type = *type,
                       .length = sample.length,
                       .answers = {}};
    for (int i = 0; response && i < std::min<int>(*answers, most_answers); i++)
        if (!read_answer(reader, message))
            break;
    return message;
}

std::vector<std::string> dns_labels(std::string_view name)
{
    std::vector<std::string> labels;
    std::string label;
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    for (std::size_t i = 0; i < name.size(); i++) {
        if (name[i] == '.') {
            labels.push_back(std::move(label));
            label.clear();
        } else if (name[i] == '\\' && i + 3 < name.size() && std::ranges::all_of(name.substr(i + 1, 3), is_digit)) {
            label += static_cast<char>((name[i + 1] - '0') * 100 + (name[i + 2] - '0') * 10 + (name[i + 3] - '0'));
            i += 3;
        } else if (name[i] == '\\' && i + 1 < name.size()) {
            label += name[++i];
        } else {
            label += name[i];
        }
    }
    if (!label.empty())
        labels.push_back(std::move(label));
    return labels;
}

} // namespace flowguard
