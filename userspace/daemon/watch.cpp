// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/watch.h"

#include "flowguard/detect/baselines_codec.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

namespace flowguard {
namespace {

constexpr TimeNs second = 1'000'000'000;
constexpr TimeNs between_saves = 60 * second;
constexpr TimeNs between_prunings = 3600 * second;
constexpr std::int64_t max_stored_incidents = 100'000;
constexpr std::int64_t restored_incidents = 1000;
constexpr std::size_t max_samples = 16'384; ///< of one tick

/// Time may also jump back.
bool is_due(TimeNs last, TimeNs now, TimeNs period) { return now < last || now - last >= period; }

DnsSample to_dns_sample(const fg_sample &sample, const KernelClock &clock)
{
    const std::uint8_t *udp = sample.datagram;
    const auto payload = udp + FG_UDP_HEADER;
    const std::uint32_t said = static_cast<std::uint32_t>(udp[4] << 8 | udp[5]); /* RFC 768 */
    const std::uint32_t captured = sample.captured - FG_UDP_HEADER;
    return {.time = clock.to_realtime(sample.time),
            .source = IpAddress(sample.key.src),
            .target = IpAddress(sample.key.dst),
            .source_port = sample.key.sport,
            .target_port = sample.key.dport,
            .payload = {payload, payload + captured},
            .length = std::max(said > FG_UDP_HEADER ? said - FG_UDP_HEADER : 0, captured)};
}

} // namespace

Watch::Watch(const Config &config, SampleReader samples, TimeNs now)
    : local_(config.local),
      database_path_(config.state_dir.empty() ? std::filesystem::path() : config.state_dir / "state.db"),
      kept_(config.keep_incidents),
      reader_(std::move(samples)),
      detection_(config.detection, Locality(config.local, {})),
      feeds_(config.feeds),
      /* Microseconds: no daemon makes a million changes a second, so the next one starts higher. */
      board_(static_cast<std::uint64_t>(now / 1000)),
      saved_(now)
{
}

Result<std::unique_ptr<Watch>> Watch::start(const Config &config, const Maps &maps, TimeNs now)
{
    auto samples = SampleReader::open(maps);
    if (!samples)
        return std::unexpected(samples.error());
    std::unique_ptr<Watch> watch(new Watch(config, std::move(*samples), now));
    if (!config.eve_log.path.empty()) {
        auto log = EveLog::open(config.eve_log);
        if (!log)
            return std::unexpected(log.error());
        watch->eve_log_ = std::move(*log);
    }
    watch->open_database(now);
    watch->publish();
    return watch;
}

void Watch::open_database(TimeNs now)
{
    if (database_path_.empty())
        return;
    auto opened = Database::open(database_path_, now);
    if (!opened) {
        spdlog::warn("{}; baselines and incidents of this run will not be kept", opened.error().message);
        return;
    }
    database_.emplace(std::move(*opened));
    if (!database_->remark().empty())
        spdlog::warn("{}", database_->remark());
    restore(now);
}

void Watch::restore(TimeNs now)
{
    const IncidentStore incidents(*database_);
    if (auto closed = incidents.close_left_open(); !closed)
        spdlog::warn("{}", closed.error().message);
    if (auto stored = incidents.list(0, false, restored_incidents); !stored)
        spdlog::warn("{}", stored.error().message);
    else
        board_.restore(std::move(*stored), restored_incidents);
    const auto saved = BaselineStore(*database_).load();
    if (!saved) {
        spdlog::warn("{}", saved.error().message);
    } else if (*saved) {
        if (auto baselines = decode_baselines((*saved)->encoded))
            detection_.restore(std::move(*baselines));
        else
            spdlog::warn("the stored baselines cannot be read ({}): learning starts anew", baselines.error().message);
    }
    pruned_ = now;
}

void Watch::collect_samples(const KernelClock &clock)
{
    reader_.read([&](const fg_sample &sample) {
        if (samples_.size() < max_samples && sample.captured > FG_UDP_HEADER &&
            sample.captured <= sizeof sample.datagram)
            samples_.push_back(to_dns_sample(sample, clock));
    });
}

void Watch::settle_locality(const std::set<IpAddress> &own_addresses)
{
    if (own_addresses == own_addresses_)
        return;
    own_addresses_ = own_addresses;
    detection_.set_locality(Locality(local_, own_addresses_));
}

void Watch::tick(TimeNs begin, TimeNs end, const FlowTable &flows, const std::vector<OverflowAggregate> &overflow,
                 const std::set<IpAddress> &own_addresses)
{
    const auto started = std::chrono::steady_clock::now();
    settle_locality(own_addresses);
    if (auto reputation = feeds_.poll(started))
        detection_.set_reputation(std::move(*reputation));
    /* Of several CPUs. */
    std::ranges::stable_sort(samples_, {}, &DnsSample::time);
    detection_.tick({.begin = begin, .end = end, .flows = flows, .overflow = overflow, .dns = samples_});
    const std::size_t samples = samples_.size();
    samples_.clear();
    for (const Incident &incident : detection_.incidents().take_changes())
        board_.update(incident);
    board_.refresh(detection_.incidents().open());
    write_down(end);
    save_regularly(end);
    publish();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - started;
    const std::lock_guard lock(published_mutex_);
    cost_.last_ms = took.count();
    cost_.longest_ms = std::max(cost_.longest_ms, took.count());
    cost_.samples += samples;
}

void Watch::note(std::string &last, const Result<void> &done)
{
    const std::string now = done ? "" : done.error().message;
    if (!now.empty() && now != last)
        spdlog::warn("{}; detection goes on", now);
    last = now;
}

void Watch::write_down(TimeNs now)
{
    for (const IncidentEntry &entry : board_.take_due(now)) {
        const Json eve = entry.to_json();
        if (eve_log_)
            note(eve_trouble_, eve_log_->write(eve.dump(-1, ' ', false, Json::error_handler_t::replace)));
        if (database_)
            note(database_trouble_, IncidentStore(*database_).put(eve, entry.start, entry.last, entry.id, entry.open));
    }
}

void Watch::save_regularly(TimeNs now)
{
    if (!database_)
        return;
    if (is_due(saved_, now, between_saves))
        save(now);
    if (is_due(pruned_, now, between_prunings)) {
        pruned_ = now;
        const TimeNs oldest = now - std::chrono::nanoseconds(kept_).count();
        if (auto pruned = IncidentStore(*database_).prune(oldest, max_stored_incidents); !pruned)
            note(database_trouble_, std::unexpected(pruned.error()));
    }
}

void Watch::save(TimeNs now)
{
    saved_ = now;
    if (database_)
        note(database_trouble_, BaselineStore(*database_).save(encode_baselines(detection_.baselines()), now));
}

void Watch::publish()
{
    auto list = board_.list();
    const std::lock_guard lock(published_mutex_);
    published_ = std::move(list);
}

std::shared_ptr<const IncidentList> Watch::incidents() const
{
    const std::lock_guard lock(published_mutex_);
    return published_;
}

void Watch::reopen_log()
{
    if (eve_log_)
        eve_log_->reopen();
}

Watch::Cost Watch::cost() const
{
    const std::lock_guard lock(published_mutex_);
    return cost_;
}

} // namespace flowguard
