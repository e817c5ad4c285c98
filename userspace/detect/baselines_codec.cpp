// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers as in protocol buffers (seven bits a byte, low ones first), in a fixed order, hash maps sorted.
 */
#include "flowguard/detect/baselines_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <ranges>

namespace flowguard {
namespace {

constexpr std::string_view magic = "FGB\x01"; ///< the last byte is the version
constexpr std::uint8_t v4_tag = 4;
constexpr std::uint8_t v6_tag = 6;
/// How the slots of a series follow: not at all, as runs, or each in two bytes, whatever is shorter.
enum SlotsTag : std::uint8_t { no_slots, slots_in_runs, slots_in_full };

class Writer {
  public:
    void number(std::uint64_t value)
    {
        for (; value >= 0x80; value >>= 7)
            byte(static_cast<std::uint8_t>(value | 0x80));
        byte(static_cast<std::uint8_t>(value));
    }
    void byte(std::uint8_t value) { text_ += static_cast<char>(value); }
    void two_bytes(std::uint16_t value)
    {
        byte(static_cast<std::uint8_t>(value));
        byte(static_cast<std::uint8_t>(value >> 8));
    }
    void real(float value)
    {
        const auto bits = std::bit_cast<std::uint32_t>(value);
        for (unsigned shift = 0; shift < 32; shift += 8)
            byte(static_cast<std::uint8_t>(bits >> shift));
    }
    void address(const IpAddress &address)
    {
        const auto &bytes = address.bytes();
        byte(address.is_v4() ? v4_tag : v6_tag);
        for (std::size_t i = address.is_v4() ? 12 : 0; i < bytes.size(); i++)
            byte(bytes[i]);
    }
    void service(const Service &key)
    {
        address(key.address);
        number(key.port);
        number(key.proto);
    }
    /// As pairs of a value and how often it comes in a row.
    template <class Range> void runs(const Range &values)
    {
        number(static_cast<std::uint64_t>(std::ranges::distance(values)));
        for (auto it = std::ranges::begin(values); it != std::ranges::end(values);) {
            const auto end = std::find_if(it, std::ranges::end(values), [&](auto each) { return each != *it; });
            number(*it);
            number(static_cast<std::uint64_t>(end - it));
            it = end;
        }
    }
    void append(std::string_view text) { text_ += text; }
    std::string take() { return std::move(text_); }

  private:
    std::string text_;
};

/// What is not there reads as zero, and ok() is false from then on.
class Reader {
  public:
    explicit Reader(std::string_view text) : text_(text) {}

    bool ok() const { return ok_; }
    bool at_end() const { return text_.empty(); }
    void fail() { ok_ = false; }

    std::uint8_t byte()
    {
        if (text_.empty())
            ok_ = false;
        if (!ok_)
            return 0;
        const auto value = static_cast<std::uint8_t>(text_.front());
        text_.remove_prefix(1);
        return value;
    }
    std::uint16_t two_bytes()
    {
        const std::uint8_t low = byte();
        return static_cast<std::uint16_t>(low | byte() << 8);
    }
    std::uint64_t number()
    {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const std::uint8_t next = byte();
            value |= std::uint64_t{next & 0x7fU} << shift;
            if (!(next & 0x80U))
                return ok_ ? value : 0;
        }
        ok_ = false;
        return 0;
    }
    template <class Number> Number number_of()
    {
        const std::uint64_t value = number();
        if (value > static_cast<std::uint64_t>(std::numeric_limits<Number>::max()))
            ok_ = false;
        return ok_ ? static_cast<Number>(value) : Number{};
    }
    /// How many items follow, each of at least one byte.
    std::size_t count()
    {
        const std::uint64_t value = number();
        if (value > text_.size())
            ok_ = false;
        return ok_ ? static_cast<std::size_t>(value) : 0;
    }
    float real()
    {
        std::uint32_t bits = 0;
        for (unsigned shift = 0; shift < 32; shift += 8)
            bits |= std::uint32_t{byte()} << shift;
        return std::bit_cast<float>(bits);
    }
    IpAddress address()
    {
        std::uint8_t bytes[16] = {};
        const std::uint8_t tag = byte();
        const std::size_t length = tag == v4_tag ? 4 : 16;
        for (std::size_t i = 0; i < length; i++)
            bytes[i] = byte();
        if (tag != v4_tag && tag != v6_tag)
            ok_ = false;
        return tag == v4_tag ? IpAddress::from_v4(bytes) : IpAddress(bytes);
    }
    Service service()
    {
        const IpAddress host = address();
        const auto port = number_of<std::uint16_t>();
        return {host, port, number_of<std::uint16_t>()};
    }
    std::vector<std::uint16_t> runs(std::size_t most)
    {
        std::vector<std::uint16_t> values;
        const auto size = number_of<std::size_t>();
        if (size > most)
            ok_ = false;
        while (ok_ && values.size() < size) {
            const auto value = number_of<std::uint16_t>();
            const std::uint64_t times = number();
            if (times == 0 || times > size - values.size())
                ok_ = false;
            else
                values.insert(values.end(), static_cast<std::size_t>(times), value);
        }
        return values;
    }

  private:
    std::string_view text_;
    bool ok_ = true;
};

constexpr std::uint64_t zigzag(std::int64_t value)
{
    return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t value)
{
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

void write(Writer &writer, const Usual &usual)
{
    writer.real(usual.location);
    writer.real(usual.scale);
    writer.number(usual.hours);
}

Usual read_usual(Reader &reader)
{
    const float location = reader.real();
    const float scale = reader.real();
    return {.location = location, .scale = scale, .hours = reader.number_of<std::uint32_t>()};
}

void write(Writer &writer, const Habits &habits)
{
    write(writer, habits.new_peers);
    writer.number(habits.new_peers_now);
    for (std::size_t i = 0; i < protocol_classes; i++) {
        write(writer, habits.share[i]);
        write(writer, habits.bytes[i]);
        writer.number(habits.bytes_now[i]);
    }
}

void read(Reader &reader, Habits &habits)
{
    habits.new_peers = read_usual(reader);
    habits.new_peers_now = reader.number_of<std::uint32_t>();
    for (std::size_t i = 0; i < protocol_classes; i++) {
        habits.share[i] = read_usual(reader);
        habits.bytes[i] = read_usual(reader);
        habits.bytes_now[i] = reader.number();
    }
}

void write(Writer &writer, const Series &series)
{
    writer.runs(series.current.counts());
    if (!series.slots())
        return writer.byte(no_slots);
    std::array<std::uint16_t, hours_in_week> packed{};
    std::ranges::transform(*series.slots(), packed.begin(), &Slot::packed);
    Writer runs;
    runs.runs(packed);
    const std::string shorter = runs.take();
    const bool full = shorter.size() > sizeof packed;
    writer.byte(full ? slots_in_full : slots_in_runs);
    writer.real(static_cast<float>(series.shift()));
    if (!full)
        return writer.append(shorter);
    for (const std::uint16_t each : packed)
        writer.two_bytes(each);
}

void read(Reader &reader, Series &series, const Hours &known)
{
    series.current.set_counts(reader.runs(Histogram::max_buckets - 1));
    const std::uint8_t tag = reader.byte();
    if (tag == no_slots)
        return;
    const float shift = reader.real();
    std::vector<std::uint16_t> packed;
    if (tag == slots_in_runs)
        packed = reader.runs(hours_in_week);
    for (std::size_t i = 0; tag == slots_in_full && i < hours_in_week; i++)
        packed.push_back(reader.two_bytes());
    if (packed.size() != hours_in_week)
        return reader.fail();
    Series::Slots slots;
    std::ranges::transform(packed, slots.begin(), [](std::uint16_t each) { return Slot(each); });
    for (std::size_t hour = 0; hour < hours_in_week; hour++)
        if (slots[hour].learnt() != known.test(hour))
            return reader.fail();
    series.restore(&slots, shift, known);
}

void write(Writer &writer, const BaselineEntity &entity)
{
    writer.number(zigzag(entity.hour));
    writer.number(entity.watched);
    writer.number(entity.clock);
    writer.number(entity.active);
    std::array<std::uint8_t, hours_in_week> known{};
    for (std::size_t hour = 0; hour < hours_in_week; hour++)
        known[hour] = entity.known.test(hour) ? 1 : 0;
    writer.runs(known);
    for (const Series &series : entity.series)
        write(writer, series);
    if (entity.habits)
        write(writer, *entity.habits);
}

void read(Reader &reader, BaselineEntity &entity)
{
    entity.hour = unzigzag(reader.number());
    entity.watched = reader.number_of<std::uint32_t>();
    entity.clock = reader.number();
    entity.active = reader.number();
    const auto known = reader.runs(hours_in_week);
    for (std::size_t hour = 0; hour < known.size(); hour++)
        entity.known.set(hour, known[hour] != 0);
    for (Series &series : entity.series)
        read(reader, series, entity.known);
    if (entity.habits)
        read(reader, *entity.habits);
}

template <class Key> std::vector<std::pair<Key, WatchDay>> sorted(const Remembered<Key> &set)
{
    std::vector<std::pair<Key, WatchDay>> list(set.begin(), set.end());
    std::ranges::sort(list);
    return list;
}

void write(Writer &writer, const Knowledge &knowledge)
{
    writer.number(knowledge.peers.size());
    for (const auto &[peer, day] : sorted(knowledge.peers)) {
        for (const std::uint16_t part : peer)
            writer.two_bytes(part);
        writer.number(day);
    }
    writer.number(knowledge.remote_ports.size());
    for (const auto &[port, day] : sorted(knowledge.remote_ports)) {
        writer.number(port.port);
        writer.number(port.proto);
        writer.number(day);
    }
    writer.number(knowledge.services.size());
    for (const auto &[service, day] : sorted(knowledge.services)) {
        writer.service(service);
        writer.number(day);
    }
}

template <class Key, class Read> void read(Reader &reader, Remembered<Key> &set, Read read_key)
{
    const std::size_t count = reader.count();
    if (count > set.cap())
        return reader.fail();
    for (std::size_t i = 0; i < count && reader.ok(); i++) {
        const Key key = read_key();
        set.note(key, reader.number_of<WatchDay>());
    }
}

void read(Reader &reader, Knowledge &knowledge)
{
    read(reader, knowledge.peers, [&reader] {
        Knowledge::PeerHash peer{};
        for (std::uint16_t &part : peer)
            part = reader.two_bytes();
        return peer;
    });
    read(reader, knowledge.remote_ports, [&reader] {
        const auto port = reader.number_of<std::uint16_t>();
        return Knowledge::Port{port, reader.number_of<std::uint16_t>()};
    });
    read(reader, knowledge.services, [&reader] { return reader.service(); });
}

void read_entities(Reader &reader, BaselineState &state)
{
    const std::size_t count = reader.count();
    if (count > BaselineState::max_hosts + BaselineState::max_services)
        return reader.fail();
    for (std::size_t i = 0; i < count && reader.ok(); i++) {
        const Service key = reader.service();
        BaselineEntity *entity = state.find(key) ? nullptr : state.obtain(key);
        if (!entity)
            return reader.fail();
        read(reader, *entity);
    }
}

} // namespace

std::string encode_baselines(const Baselines &baselines)
{
    const BaselineState &state = baselines.state();
    Writer writer;
    writer.append(magic);
    writer.byte(state.trusted ? 1 : 0);
    writer.number(state.clock);
    writer.number(zigzag(state.hour));
    writer.number(state.hour_began);
    write(writer, state.knowledge);
    const auto entities = sorted_entities(state);
    writer.number(entities.size());
    for (const auto &[key, entity] : entities) {
        writer.service(key);
        write(writer, *entity);
    }
    return writer.take();
}

Result<Baselines> decode_baselines(std::string_view bytes)
{
    const auto name = magic.substr(0, magic.size() - 1);
    if (!bytes.starts_with(name))
        return fail(ExitCode::Failed, "these are no baselines; 'flowguard baseline reset' begins new ones");
    if (!bytes.starts_with(magic))
        return fail(ExitCode::Failed, "the baselines were saved by another version of flowguard; 'flowguard baseline "
                                      "reset' begins new ones");
    Reader reader(bytes.substr(magic.size()));
    Baselines baselines;
    BaselineState &state = baselines.state();
    state.trusted = reader.byte() != 0;
    state.clock = reader.number();
    state.hour = unzigzag(reader.number());
    state.hour_began = reader.number();
    read(reader, state.knowledge);
    read_entities(reader, state);
    if (!reader.ok() || !reader.at_end())
        return fail(ExitCode::Failed, "the saved baselines are damaged; 'flowguard baseline reset' begins new ones");
    if (auto sound = check_baselines(state); !sound)
        return std::unexpected(sound.error());
    return baselines;
}

} // namespace flowguard
