// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "machine.h"
#include "tables.h"

#include <nlohmann/json.hpp>

namespace flowguard::bench {

/* Text, in 100 columns. */
void print_head(const Machine &machine, unsigned rounds);
void print_packet_head(const char *title);
void print_packets(const std::vector<PacketCost> &costs);
void print_drain_head();
void print_drain(const std::vector<DrainCost> &costs);
void print_memory(const std::vector<MemoryCost> &costs, unsigned cores);

/* The same and every round, for programs. */
nlohmann::json to_json(const Machine &machine);
nlohmann::json to_json(const PacketCost &cost);
nlohmann::json to_json(const DrainCost &cost);
nlohmann::json to_json(const MemoryCost &cost);

} // namespace flowguard::bench
