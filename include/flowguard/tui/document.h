// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flowguard/core/json.h"
#include "flowguard/core/top.h"

#include <cstdint>
#include <initializer_list>
#include <string>

namespace flowguard {

/// Reading of /v1/top documents. What is missing or of another type is 0, false or empty, never an error: a daemon of
/// another version must not end the screen.
using JsonPath = std::initializer_list<const char *>;

double number_at(const Json &value, JsonPath path);
bool flag_at(const Json &value, const char *key, bool absent);
bool has(const Json &value, const char *key);
/// Clean.
std::string text_at(const Json &value, const char *key);
const Json &array_at(const Json &value, const char *key);

const Json &rows_of(const Json &document);
const Json &interfaces_of(const Json &document);
TopBy view_of(const Json &document);
SortBy sort_of(const Json &document);
std::uint64_t tick_of(const Json &document);

/// What a row is about, the same from tick to tick.
std::string row_identity(const Json &row);

} // namespace flowguard
