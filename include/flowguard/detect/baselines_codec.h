// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/error.h"
#include "flowguard/core/json.h"
#include "flowguard/detect/baseline_state.h"

#include <string>
#include <string_view>

namespace flowguard {

/// A compact string for the database. The same state gives the same bytes.
std::string encode_baselines(const Baselines &baselines);
/// What is damaged, or of another version, is an error.
Result<Baselines> decode_baselines(std::string_view bytes);

/// For `baseline export`; see docs/detectors.md for the fields.
Json baselines_to_json(const Baselines &baselines);
Result<Baselines> baselines_from_json(const Json &json);

/// Of a state that was read: an error says what cannot be true.
Result<void> check_baselines(const BaselineState &state);
/// "bits_in"
const char *quantity_name(std::size_t quantity);
/// In order of their keys.
std::vector<std::pair<Service, const BaselineEntity *>> sorted_entities(const BaselineState &state);

} // namespace flowguard
