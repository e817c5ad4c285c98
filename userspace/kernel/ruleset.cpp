// SPDX-License-Identifier: Apache-2.0
#include "flowguard/kernel/ruleset.h"

#include "flowguard/core/rule_match.h"
#include "flowguard/kernel/drain.h"
#include "flowguard/kernel/gate.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace flowguard {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

bool is_live(const fg_rule &rule, std::uint64_t boot_ns)
{
    return rule.id != 0 && rule.action != FG_RULE_NONE && (rule.expires_boot_ns == 0 || boot_ns < rule.expires_boot_ns);
}

bool say_the_same(const fg_rule &a, const fg_rule &b)
{
    return a.action == b.action && a.priority == b.priority && a.unit == b.unit && a.per_source == b.per_source &&
           a.rate == b.rate && a.burst == b.burst && std::memcmp(&a.match, &b.match, sizeof a.match) == 0;
}

std::uint64_t expiry(const RuleRequest &request, std::uint64_t boot_ns)
{
    return request.lifetime ? boot_ns + static_cast<std::uint64_t>(request.lifetime->count()) * second_ns : 0;
}

bool lasts(const fg_rule &rule, const RuleRequest &request, std::uint64_t boot_ns)
{
    if (rule.expires_boot_ns == 0 || !request.lifetime)
        return rule.expires_boot_ns == 0;
    const std::uint64_t wanted = static_cast<std::uint64_t>(request.lifetime->count()) * second_ns;
    return rule.expires_boot_ns - boot_ns >= wanted - wanted / 10;
}

/// Programs read it at the same time.
void set_action(fg_rule &rule, std::uint8_t action) { __atomic_store_n(&rule.action, action, __ATOMIC_RELEASE); }

template <class T> Result<Mapping> map_array(const Maps &maps, const char *name, std::size_t count)
{
    const std::size_t length = sizeof(T) * count;
    void *memory = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, maps.fd(name), 0);
    if (memory == MAP_FAILED)
        return fail(ExitCode::Failed, fmt::format("cannot map BPF map {}: {}", name, std::strerror(errno)));
    return Mapping(memory, length);
}

InterfaceNames names_of(const Maps &maps)
{
    InterfaceNames names;
    for (std::uint32_t slot = 0; slot < FG_MAX_INTERFACES; slot++)
        if (maps.interfaces[slot].ifindex != 0)
            names.at(slot) = maps.interfaces[slot].name;
    return names;
}

fg_prefix key_of(const IpPrefix &prefix)
{
    fg_prefix key{.bits = prefix.bits(), .bytes = {}};
    std::ranges::copy(prefix.first().bytes(), key.bytes);
    return key;
}

/// The trie holds what the half held before.
Result<void> replace_addresses(int trie, const std::vector<std::pair<IpPrefix, std::uint32_t>> &addresses)
{
    const auto problem = [](const char *what) {
        return fail(errno == EPERM ? ExitCode::Permission : ExitCode::Failed,
                    fmt::format("cannot {} the addresses of rules: {}", what, std::strerror(errno)));
    };
    for (fg_prefix key{}; bpf_map_get_next_key(trie, nullptr, &key) == 0;)
        if (bpf_map_delete_elem(trie, &key) != 0 && errno != ENOENT)
            return problem("clear");
    for (const auto &[prefix, row] : addresses) {
        const fg_prefix key = key_of(prefix);
        if (bpf_map_update_elem(trie, &key, &row, BPF_ANY) != 0)
            return problem("write");
    }
    return {};
}

} // namespace

Result<std::vector<IpPrefix>> rule_targets(const Maps &maps)
{
    const auto mapped = map_array<fg_rule>(maps, "fg_rules", FG_MAX_RULES);
    if (!mapped)
        return std::unexpected(mapped.error());
    std::vector<IpPrefix> targets;
    for (const fg_rule &rule : std::span(static_cast<const fg_rule *>(mapped->memory()), FG_MAX_RULES))
        if (const auto remote = remote_of(rule.match); remote && rule.id != 0 && rule.action != FG_RULE_NONE)
            targets.push_back(*remote);
    return targets;
}

Ruleset::Ruleset(Maps &maps, Mapping rules, Mapping halves, Mapping rows)
    : maps_(maps),
      rules_(std::move(rules)),
      halves_(std::move(halves)),
      rows_(std::move(rows))
{
}

Result<Ruleset> Ruleset::open(Maps &maps)
{
    auto rules = map_array<fg_rule>(maps, "fg_rules", FG_MAX_RULES);
    auto halves = map_array<fg_rule_half>(maps, "fg_rule_halves", FG_RULE_HALVES);
    auto rows = map_array<fg_rule_row>(maps, "fg_rule_rows", std::size_t{FG_RULE_HALVES} * FG_RULE_ROWS);
    if (!rules || !halves || !rows)
        return std::unexpected((!rules ? rules : !halves ? halves : rows).error());
    return Ruleset(maps, std::move(*rules), std::move(*halves), std::move(*rows));
}

fg_rule *Ruleset::find_same(const fg_rule &wanted, std::uint64_t boot_ns) const
{
    const auto found = std::ranges::find_if(
        slots(), [&](const fg_rule &each) { return is_live(each, boot_ns) && say_the_same(each, wanted); });
    return found == slots().end() ? nullptr : &*found;
}

Result<RuleChange> Ruleset::prolong(fg_rule &rule, const RuleRequest &request, std::uint64_t boot_ns, bool dry_run)
{
    const bool same_reason = request.rule.reason[0] == '\0' ||
                             std::strncmp(rule.reason, request.rule.reason, sizeof rule.reason) == 0;
    if (lasts(rule, request, boot_ns) && same_reason)
        return RuleChange{false, rule.id};
    if (!dry_run) {
        __atomic_store_n(&rule.expires_boot_ns, expiry(request, boot_ns), __ATOMIC_RELAXED);
        if (!same_reason)
            std::memcpy(rule.reason, request.rule.reason, sizeof rule.reason);
        rule.uid = request.rule.uid;
    }
    return RuleChange{true, rule.id};
}

Result<RuleChange> Ruleset::add(const RuleRequest &request, std::uint64_t boot_ns, TimeNs now, bool dry_run)
{
    if (fg_rule *same = find_same(request.rule, boot_ns))
        return prolong(*same, request, boot_ns, dry_run);
    if (auto swept = dry_run ? Result<void>() : sweep(boot_ns); !swept)
        return std::unexpected(swept.error());
    const auto slot = std::ranges::find(slots(), 0U, &fg_rule::id);
    if (slot == slots().end())
        return fail(ExitCode::Failed,
                    fmt::format("there is room for {} rules, and all are in use; remove some ('flowguard "
                                "rules' lists them), or block plain addresses, which take none",
                                FG_MAX_RULES));
    if (dry_run)
        return RuleChange{true, 0};
    fg_rule rule = request.rule;
    rule.id = ++maps_.control().last_block_id;
    rule.created_realtime_ns = static_cast<__u64>(now);
    rule.expires_boot_ns = expiry(request, boot_ns);
    rule.action = FG_RULE_NONE;
    *slot = rule;
    set_action(*slot, request.rule.action); /* from here on it is a rule, whatever happens to this process */
    if (auto installed = install(); !installed) {
        set_action(*slot, FG_RULE_NONE);
        slot->id = 0;
        return std::unexpected(installed.error());
    }
    return RuleChange{true, rule.id};
}

Result<void> Ruleset::remove(std::span<const std::uint32_t> ids)
{
    std::vector<std::pair<fg_rule *, std::uint8_t>> removed;
    for (fg_rule &rule : slots())
        if (rule.id != 0 && rule.action != FG_RULE_NONE && std::ranges::find(ids, rule.id) != ids.end()) {
            removed.emplace_back(&rule, rule.action);
            set_action(rule, FG_RULE_NONE); /* from here on it is none, whatever happens to this process */
        }
    auto installed = removed.empty() ? Result<void>() : install();
    if (!installed)
        for (const auto &[rule, action] : removed)
            set_action(*rule, action);
    return installed;
}

std::vector<fg_rule> Ruleset::list(std::uint64_t boot_ns) const
{
    std::vector<fg_rule> rules;
    for (const std::uint16_t slot : rule_order(slots()))
        if (is_live(slots()[slot], boot_ns))
            rules.push_back(slots()[slot]);
    return rules;
}

Result<void> Ruleset::sweep(std::uint64_t boot_ns)
{
    bool any = false;
    for (fg_rule &rule : slots())
        if (rule.id != 0 && !is_live(rule, boot_ns)) {
            set_action(rule, FG_RULE_NONE);
            any = true;
        }
    return any ? install() : Result<void>();
}

Result<void> Ruleset::write_half(std::uint32_t half, const RuleRows &rows)
{
    if (rows.rows.size() > FG_RULE_ROWS)
        return fail(ExitCode::Failed, fmt::format("these rules need {} rows, and there are {}; remove some",
                                                  rows.rows.size(), FG_RULE_ROWS));
    auto gate = Gate::open(maps_);
    if (!gate)
        return std::unexpected(gate.error());
    for (const auto &[prefix, row] : rows.addresses) {
        gate->allow(prefix);
        if (is_short_prefix(prefix))
            __atomic_store_n(&maps_.control().short_rules, 1U, __ATOMIC_RELEASE);
    }
    std::ranges::copy(rows.rows, static_cast<fg_rule_row *>(rows_.memory()) + std::size_t{half} * FG_RULE_ROWS);
    std::memcpy(static_cast<fg_rule_half *>(halves_.memory()) + half, rows.half.get(), sizeof *rows.half);
    return replace_addresses(maps_.fd(half == 0 ? "fg_rule_prefixes_0" : "fg_rule_prefixes_1"), rows.addresses);
}

Result<void> Ruleset::install()
{
    fg_control &control = maps_.control();
    const RuleRows rows = make_rule_rows(slots(), names_of(maps_));
    GracePeriod grace;
    if (rows.half->count == 0) {
        __atomic_store_n(&control.rules, 0U, __ATOMIC_SEQ_CST);
    } else {
        /* Programs may still read the half that was in use before the last change. */
        if (auto waited = grace.wait(); !waited)
            return waited;
        const std::uint32_t half = control.rules == 1 ? 1 : 0;
        if (auto written = write_half(half, rows); !written)
            return written;
        __atomic_store_n(&control.rules, 1 + half, __ATOMIC_SEQ_CST);
    }
    /* What was turned to is in force. Slots that cannot be freed now are freed with the next change. */
    if (!grace.wait())
        return {};
    const auto is_short = [](const auto &each) { return is_short_prefix(each.first); };
    __atomic_store_n(&control.short_rules, std::ranges::any_of(rows.addresses, is_short) ? 1U : 0U, __ATOMIC_RELEASE);
    free_removed();
    return {};
}

bool Ruleset::is_installed() const
{
    const std::vector<std::uint16_t> wanted = rule_order(slots());
    const auto removed = std::ranges::count_if(
        slots(), [](const fg_rule &rule) { return rule.id != 0 && rule.action == FG_RULE_NONE; });
    const std::uint32_t in_force = maps_.control().rules;
    if (removed != 0 || in_force == 0)
        return removed == 0 && wanted.empty();
    const fg_rule_half &half = static_cast<const fg_rule_half *>(halves_.memory())[(in_force - 1) & 1];
    return std::ranges::equal(wanted, std::span(half.order, std::min(half.count, FG_MAX_RULES)));
}

Result<void> Ruleset::recover() { return is_installed() ? Result<void>() : install(); }

/// No program comes to these any more.
void Ruleset::free_removed()
{
    for (fg_rule &rule : slots())
        if (rule.action == FG_RULE_NONE && rule.id != 0)
            rule = {};
}

} // namespace flowguard
