// SPDX-License-Identifier: Apache-2.0
/* DNS messages as they go over the wire. */
#pragma once

#include "flowguard/core/ip_address.h"
#include "flowguard/detect/dns.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace flowguard::test {

/// Bytes of a message that is put together field by field.
class DnsWire {
  public:
    DnsWire(std::uint16_t flags, std::uint16_t answers)
    {
        for (const std::uint16_t value : {std::uint16_t{1}, flags, std::uint16_t{1}, answers})
            number(value);
        number(0);
        number(0);
    }
    DnsWire &number(unsigned value)
    {
        bytes_.push_back(static_cast<std::uint8_t>(value >> 8));
        bytes_.push_back(static_cast<std::uint8_t>(value));
        return *this;
    }
    /// Labels between dots, taken as they are.
    DnsWire &name(std::string_view text)
    {
        while (!text.empty()) {
            const std::string_view label = text.substr(0, text.find('.'));
            bytes_.push_back(static_cast<std::uint8_t>(label.size()));
            bytes_.insert(bytes_.end(), label.begin(), label.end());
            text.remove_prefix(std::min(text.size(), label.size() + 1));
        }
        bytes_.push_back(0);
        return *this;
    }
    /// An answer to the question's name.
    DnsWire &answer(std::uint16_t type, const std::vector<std::uint8_t> &data)
    {
        number(0xc00c).number(type).number(1).number(0).number(60).number(static_cast<unsigned>(data.size()));
        bytes_.insert(bytes_.end(), data.begin(), data.end());
        return *this;
    }
    const std::vector<std::uint8_t> &bytes() const { return bytes_; }

  private:
    std::vector<std::uint8_t> bytes_;
};

inline DnsSample dns_query(std::string_view client, std::string_view server, std::string_view name, std::uint16_t type)
{
    DnsSample sample;
    sample.source = *IpAddress::parse(client);
    sample.target = *IpAddress::parse(server);
    sample.source_port = 40'000;
    sample.target_port = 53;
    sample.payload = DnsWire(0x0100, 0).name(name).number(type).number(1).bytes();
    sample.length = static_cast<std::uint32_t>(sample.payload.size());
    return sample;
}

/// With one answer, or with the error.
inline DnsSample dns_response(std::string_view client, std::string_view server, std::string_view name,
                              std::uint16_t type, const std::vector<std::uint8_t> &data, std::uint8_t rcode = 0)
{
    DnsSample sample = dns_query(client, server, name, type);
    std::swap(sample.source, sample.target);
    std::swap(sample.source_port, sample.target_port);
    DnsWire wire(static_cast<std::uint16_t>(0x8180U | rcode), rcode == 0 ? 1 : 0);
    wire.name(name).number(type).number(1);
    if (rcode == 0)
        wire.answer(type, data);
    sample.payload = wire.bytes();
    sample.length = static_cast<std::uint32_t>(sample.payload.size());
    return sample;
}

} // namespace flowguard::test
