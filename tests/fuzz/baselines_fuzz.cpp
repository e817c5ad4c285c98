// SPDX-License-Identifier: Apache-2.0
/* What was saved or exported: whatever is read is sound, can be used, and is written as it was read. */
#include "flowguard/detect/baselines_codec.h"

#include <cmath>
#include <cstdlib>
#include <string>

namespace {

void require(bool holds)
{
    if (!holds)
        std::abort();
}

void use(flowguard::Baselines &baselines)
{
    const std::string bytes = flowguard::encode_baselines(baselines);
    const auto again = flowguard::decode_baselines(bytes);
    require(again && flowguard::encode_baselines(*again) == bytes);
    const auto json = flowguard::baselines_from_json(flowguard::baselines_to_json(baselines));
    require(json && flowguard::encode_baselines(*json) == bytes);
    for (const auto &[key, entity] : baselines.state().entities)
        for (std::size_t i = 0; i < flowguard::quantities; i++) {
            const auto forecast = baselines.forecast({.host = key.address,
                                                      .port = key.port,
                                                      .proto = static_cast<std::uint8_t>(key.proto),
                                                      .quantity = static_cast<flowguard::Quantity>(i)},
                                                     1'700'000'000'000'000'000);
            require(std::isfinite(forecast.location) && forecast.scale > 0 && std::isfinite(forecast.scale));
        }
    baselines.trust();
    require(baselines.memory() > 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string text(reinterpret_cast<const char *>(data), size);
    if (auto read = flowguard::decode_baselines(text); read)
        use(*read);
    if (const auto json = flowguard::Json::parse(text, nullptr, false); !json.is_discarded())
        if (auto read = flowguard::baselines_from_json(json); read)
            use(*read);
    return 0;
}
