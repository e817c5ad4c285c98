// SPDX-License-Identifier: Apache-2.0
/*
 * Password guessing: a source opens one connection after another to a login, each of them short, complete, small and like
 * the others, because each is the same dialogue with another password that is refused.
 */
#include "flowguard/detect/detectors.h"
#include "flowguard/detect/distinct.h"

#include "flowguard/abi/parser.h"

#include <fmt/format.h>

#include <algorithm>

namespace flowguard {
namespace {

/// Logins by their port, and how many similar connections a minute are too many for what else happens there.
struct Login {
    std::uint16_t port;
    std::string_view name;
    double factor;     ///< of the least number of connections
    bool by_programs;  ///< programs of ours log in all the time: only strangers are judged
    bool by_strangers; ///< many strangers guess together here, and few serve the public
};

constexpr std::array logins{
    Login{21, "FTP", 2, false, true},         Login{22, "SSH", 1, false, true},
    Login{23, "Telnet", 1, false, true},      Login{110, "POP3", 6, false, false},
    Login{139, "SMB", 1.5, false, false},     Login{143, "IMAP", 6, false, false},
    Login{389, "LDAP", 3, true, false},       Login{445, "SMB", 1.5, false, true},
    Login{465, "SMTP", 6, false, false},      Login{587, "SMTP", 6, false, false},
    Login{636, "LDAP", 3, true, false},       Login{993, "IMAP", 6, false, false},
    Login{995, "POP3", 6, false, false},      Login{1433, "SQL Server", 3, true, true},
    Login{2222, "SSH", 1, false, true},       Login{2323, "Telnet", 1, false, true},
    Login{3306, "MySQL", 3, true, true},      Login{3389, "RDP", 1, false, true},
    Login{5432, "PostgreSQL", 3, true, true}, Login{5900, "VNC", 1, false, true},
    Login{5901, "VNC", 1, false, true},       Login{5985, "WinRM", 3, false, false},
    Login{5986, "WinRM", 3, false, false},
};

/// Any other port: only what looks like SSH in every respect.
constexpr Login unknown{0, "a login", 2, false, false};

const Login &login_at(std::uint16_t port)
{
    const auto *found = std::ranges::find(logins, port, &Login::port);
    return found == logins.end() ? unknown : *found;
}

struct Session {
    std::uint32_t begin = 0; ///< seconds since 1970
    std::uint32_t end = 0;
    std::uint32_t up = 0; ///< L2 bytes
    std::uint32_t down = 0;
};

constexpr std::size_t most_sessions = 128; ///< of a series that are remembered; several times what is asked for

struct LoginKey {
    IpAddress source; ///< unspecified: all strangers
    IpAddress target;
    std::uint32_t port = 0; ///< 32 bits, so that there is no padding

    auto operator<=>(const LoginKey &) const = default;
};

constexpr std::uint32_t half_hour = 1800; ///< s

struct Series {
    std::vector<Session> sessions; ///< the latest, by their end
    std::uint64_t total = 0;
    Distinct sources; ///< of strangers together, since `turned`
    Distinct earlier; ///< in the half hour before that
    std::uint32_t turned = 0;
    std::vector<Evidence> samples;
};

/// Of the sessions of some span: how many are there, and how alike are they?
struct Likeness {
    std::size_t count = 0;
    std::size_t similar = 0;
    std::size_t together = 0; ///< the most that were open at once
    double per_minute = 0;
    std::uint32_t first = 0;
    std::uint32_t up = 0; ///< medians
    std::uint32_t down = 0;
    std::uint32_t seconds = 0;
    bool regular = false; ///< they begin as if by a clock

    double share() const { return count == 0 ? 0 : static_cast<double>(similar) / static_cast<double>(count); }
};

template <class Get> std::uint32_t median(std::span<const Session> sessions, Get get)
{
    std::vector<std::uint32_t> values;
    for (const Session &each : sessions)
        values.push_back(get(each));
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

bool is_near(std::uint32_t value, std::uint32_t middle)
{
    return value * 4ULL >= middle * 3ULL && value * 4ULL <= middle * 5ULL;
}

/// Health checks and polls: most pauses are alike, and none is short.
bool is_regular(std::span<const Session> sessions)
{
    constexpr std::uint32_t shortest = 5; ///< s
    std::vector<std::uint32_t> begins;
    for (const Session &each : sessions)
        begins.push_back(each.begin);
    std::ranges::sort(begins);
    std::vector<std::uint32_t> gaps;
    for (std::size_t i = 1; i < begins.size(); i++)
        gaps.push_back(begins[i] - begins[i - 1]);
    if (gaps.empty())
        return false;
    std::vector<std::uint32_t> sorted = gaps;
    std::ranges::sort(sorted);
    const std::uint32_t middle = sorted[sorted.size() / 2];
    const auto alike = std::ranges::count_if(
        gaps, [&](std::uint32_t gap) { return gap + 1 + middle / 10 >= middle && gap <= middle + 1 + middle / 10; });
    return middle >= shortest && alike * 10 >= static_cast<std::ptrdiff_t>(gaps.size() * 8);
}

Likeness likeness_of(const std::vector<Session> &all, std::uint32_t now, std::uint32_t span)
{
    const auto begin = std::ranges::find_if(all, [&](const Session &each) { return each.end + span >= now; });
    const std::span<const Session> sessions(begin, all.end());
    Likeness likeness;
    likeness.count = sessions.size();
    if (sessions.empty())
        return likeness;
    likeness.up = median(sessions, [](const Session &each) { return each.up; });
    likeness.down = median(sessions, [](const Session &each) { return each.down; });
    likeness.seconds = median(sessions, [](const Session &each) { return each.end - each.begin; });
    likeness.first = now;
    for (const Session &each : sessions) {
        likeness.similar += is_near(each.up, likeness.up) && is_near(each.down, likeness.down);
        likeness.first = std::min(likeness.first, each.begin);
        const auto open = std::ranges::count_if(
            sessions, [&](const Session &other) { return other.begin <= each.begin && each.begin < other.end; });
        likeness.together = std::max(likeness.together, static_cast<std::size_t>(open));
    }
    likeness.regular = is_regular(sessions);
    /* If older ones were forgotten, the span is shorter than was asked for. */
    const std::uint32_t seconds = begin == all.begin() ? now - std::min(now, begin->end) : span;
    const std::uint32_t divisor = sessions.size() < most_sessions / 2 ? span : std::max(1U, seconds);
    likeness.per_minute = static_cast<double>(sessions.size()) * 60 / divisor;
    return likeness;
}

/// Closed by the packets of this tick.
bool has_closed(const FlowDelta &delta)
{
    const fg_tcp_counts &client = delta.client_sent.tcp;
    const fg_tcp_counts &server = delta.server_sent.tcp;
    if (client.fin + client.rst + server.fin + server.rst == 0 || delta.flow->state != FlowState::Closed)
        return false;
    const fg_tcp_counts &all_client = delta.flow->client_sent.tcp;
    const fg_tcp_counts &all_server = delta.flow->server_sent.tcp;
    const bool was_reset = all_client.rst > client.rst || all_server.rst > server.rst;
    const bool was_finished = all_client.fin > client.fin && all_server.fin > server.fin;
    return !was_reset && !was_finished;
}

/// The server says more than that it has received: a greeting, a question, a refusal.
bool has_answer(const Flow &flow)
{
    constexpr std::uint64_t least = 32; ///< bytes; the options of a SYN-ACK are at most 24 more than those of an ACK
    return flow.to_client.bytes >= flow.to_client.packets * flow.server_sent.min_length + least;
}

/// A whole dialogue, but a short one: what a login refuses takes a few kilobytes and seconds.
bool is_dialogue(const Flow &flow)
{
    constexpr std::uint64_t most_bytes = 12'000;
    constexpr std::uint64_t least_up = 5;   ///< packets: the handshake, a name, a password, the end
    constexpr std::uint64_t least_down = 4; ///< and their answers
    constexpr TimeNs longest = 60'000'000'000;
    return flow.client_sent.tcp.syn != 0 && flow.server_sent.tcp.syn_ack != 0 && flow.to_server.packets >= least_up &&
           flow.to_client.packets >= least_down && flow.to_server.bytes <= most_bytes &&
           flow.to_client.bytes <= most_bytes && flow.last - flow.start <= longest && has_answer(flow);
}

/// Key exchange both ways of about the same size, and few packets. TLS sends its certificates one way.
bool is_like_ssh(const Flow &flow)
{
    const std::uint64_t up = flow.to_server.bytes;
    const std::uint64_t down = flow.to_client.bytes;
    return up >= 1200 && down >= 1200 && up <= 2 * down && down <= 2 * up && flow.to_server.packets <= 40 &&
           flow.to_client.packets <= 40 && flow.client_sent.max_length >= 300 && flow.server_sent.max_length >= 300;
}

bool is_other_service(std::uint16_t port)
{
    constexpr std::array<std::uint16_t, 14> others{25,  53,   80,   88,   135,  443,  853,
                                                   873, 8000, 8080, 8443, 8888, 9090, 9200};
    constexpr std::uint16_t ephemeral = 49'152;
    return port >= ephemeral || std::ranges::find(others, port) != others.end();
}

class BruteLogin : public Detector {
  public:
    explicit BruteLogin(const Parameters &given)
        : connections_(given["connections"]),
          similar_(given["similar"]),
          slow_factor_(given["slow_factor"]),
          crowd_(static_cast<std::uint64_t>(given["crowd"]))
    {
    }

    void tick(const Tick &tick, std::vector<Finding> &findings) override
    {
        now_ = static_cast<std::uint32_t>(tick.end / 1'000'000'000);
        std::vector<LoginKey> changed;
        for (const FlowDelta &delta : tick.flows)
            if (delta.flow->key.proto == FG_PROTO_TCP && has_closed(delta) && is_dialogue(*delta.flow))
                note(tick, *delta.flow, changed);
        std::ranges::sort(changed);
        const auto repeated = std::ranges::unique(changed);
        changed.erase(repeated.begin(), repeated.end());
        for (const LoginKey &key : changed)
            judge(tick, key, findings);
        sweep();
    }

  private:
    void note(const Tick &tick, const Flow &flow, std::vector<LoginKey> &changed)
    {
        const Login &login = login_at(flow.key.server_port);
        const bool stranger = !tick.locality.is_ours(flow.key.client);
        if (login.port == 0 && (is_other_service(flow.key.server_port) || !is_like_ssh(flow)))
            return;
        if (!login.by_programs || stranger)
            note({.source = flow.key.client, .target = flow.key.server, .port = flow.key.server_port}, flow, changed);
        if (login.by_strangers && stranger)
            note({.source = {}, .target = flow.key.server, .port = flow.key.server_port}, flow, changed);
    }

    void note(const LoginKey &key, const Flow &flow, std::vector<LoginKey> &changed)
    {
        constexpr TimeNs second = 1'000'000'000;
        Series *series = series_.at(key);
        if (!series)
            return;
        if (series->sessions.size() >= most_sessions)
            series->sessions.erase(series->sessions.begin(), series->sessions.begin() + most_sessions / 2);
        series->sessions.push_back({.begin = static_cast<std::uint32_t>(flow.start / second),
                                    .end = static_cast<std::uint32_t>(flow.last / second),
                                    .up = static_cast<std::uint32_t>(flow.to_server.bytes),
                                    .down = static_cast<std::uint32_t>(flow.to_client.bytes)});
        series->total++;
        if (key.source.is_unspecified())
            note_source(*series, flow.key.client, series->sessions.back().end);
        if (series->samples.size() < Finding::max_listed)
            series->samples.push_back(Evidence::of(flow));
        changed.push_back(key);
    }

    static void note_source(Series &series, const IpAddress &source, std::uint32_t now)
    {
        if (now - std::min(now, series.turned) >= half_hour) {
            series.earlier = now - series.turned < 2 * half_hour ? std::move(series.sources) : Distinct();
            series.sources = {};
            series.turned = now;
        }
        series.sources.note(source);
    }

    /// Within the last half hour, or a little longer.
    static Distinct recent_sources(const Series &series)
    {
        Distinct all;
        all.join(series.earlier);
        all.join(series.sources);
        return all;
    }

    void judge(const Tick &tick, const LoginKey &key, std::vector<Finding> &findings)
    {
        constexpr std::uint32_t minute = 60;
        const Series &series = *series_.find(key);
        const bool crowd = key.source.is_unspecified();
        const Login &login = login_at(static_cast<std::uint16_t>(key.port));
        const double least = crowd ? 2 * static_cast<double>(crowd_) : connections_ * login.factor;
        if (static_cast<double>(series.sessions.size()) < least || (crowd && recent_sources(series).count() < crowd_))
            return;
        const Likeness fast = likeness_of(series.sessions, now_, minute);
        const bool is_fast = !crowd && is_guessing(login, fast, least);
        const Likeness slow = is_fast ? fast : likeness_of(series.sessions, now_, half_hour);
        const bool is_slow = !is_fast && login.port != 0 && !slow.regular &&
                             is_guessing(login, slow, crowd ? least : least * slow_factor_);
        if (is_fast || is_slow)
            findings.push_back(make(tick, key, series, is_fast ? fast : slow, is_fast ? minute : half_hour, least));
    }

    bool is_guessing(const Login &login, const Likeness &likeness, double least) const
    {
        constexpr std::size_t several = 4; ///< at once: guessers do not wait, programs do
        if (static_cast<double>(likeness.count) < least || likeness.share() < similar_)
            return false;
        return login.port != 0 || (likeness.together >= several && likeness.seconds >= 1);
    }

    Finding make(const Tick &tick, const LoginKey &key, const Series &series, const Likeness &likeness,
                 std::uint32_t span, double least) const
    {
        const bool crowd = key.source.is_unspecified();
        const auto port = static_cast<std::uint16_t>(key.port);
        const bool from_us = !crowd && tick.locality.is_ours(key.source);
        const Distinct sources = recent_sources(series);
        const std::string who = crowd ? fmt::format("{} strangers together", sources.count()) : key.source.to_string();
        Finding finding{
            .detector = brute_login.id,
            .severity = from_us ? Severity::High
                        : crowd ? Severity::Low
                                : Severity::Medium,
            .subject = {.source = crowd ? std::nullopt : std::optional(key.source),
                        .target = key.target,
                        .proto = FG_PROTO_TCP,
                        .port = port},
            .since = std::max<TimeNs>(TimeNs{likeness.first} * 1'000'000'000, 1),
            .observed = likeness.per_minute,
            .expected = least,
            .unit = "connections/min",
            .metric = "short, similar connections to a login",
            .source_count = crowd ? sources.count() : 1,
            .sources = crowd ? sources.first() : std::vector{key.source},
            .targets = {key.target},
            .explanation = fmt::format(
                "{} opened {} connections to {} on {} port {} within {} s ({} so far). {} of them are alike: about {} "
                "bytes "
                "to the server and {} back, over after {} s, up to {} at once. The same short dialogue again and again "
                "is "
                "what refused passwords look like; {:.0f} within a minute, of which {:.0f} % are alike, are taken for "
                "guessing.",
                who, likeness.count, login_at(port).name, key.target.to_string(), port, span, series.total,
                likeness.similar, likeness.up, likeness.down, likeness.seconds, likeness.together, least,
                100 * similar_),
            .suggestion = suggestion(key, port, crowd, from_us),
            .evidence = series.samples};
        finding.sources.resize(std::min(finding.sources.size(), Finding::max_listed));
        return finding;
    }

    static std::string suggestion(const LoginKey &key, std::uint16_t port, bool crowd, bool from_us)
    {
        if (crowd)
            return fmt::format("flowguard limit --service tcp/{} --new-connections --rate 1/s --per source", port);
        if (from_us)
            return fmt::format("flowguard flows --ended --filter 'src host {} and dst port {}'", key.source.to_string(),
                               port);
        return fmt::format("flowguard block {} --for 1h --reason 'password guessing'", key.source.to_string());
    }

    void sweep()
    {
        constexpr std::uint32_t pause = 30;
        if (now_ - swept_ < pause && now_ >= swept_)
            return;
        swept_ = now_;
        const std::uint32_t longest = series_.size() > max_series / 4 * 3 ? 2 * pause : half_hour;
        series_.erase_if([&](const LoginKey &, const Series &each) {
            return now_ - std::min(now_, each.sessions.back().end) > longest;
        });
    }

    static constexpr std::size_t max_series = 16'384;

    double connections_;
    double similar_;
    double slow_factor_;
    std::uint64_t crowd_;
    std::uint32_t now_ = 0;
    std::uint32_t swept_ = 0;
    BoundedMap<LoginKey, Series, BytesHash> series_{max_series};
};

constexpr std::array<std::string_view, 2> attack{"T1110.001", "T1110.003"};
constexpr std::array<std::string_view, 1> explained{"dos.connection_flood"};
constexpr std::array parameters{
    Parameter{"connections", 10, 3, 1e6, "connections",
              "within a minute, to SSH; a multiple of it where programs connect often"},
    Parameter{"similar", 0.7, 0.3, 1, "share", "of connections within a quarter of the median in both directions"},
    Parameter{"slow_factor", 3, 1, 100, "times", "as many connections, if they take up to half an hour"},
    Parameter{"crowd", 30, 5, 1e6, "sources", "strangers that guess together, with twice as many connections"},
};

} // namespace

constinit const DetectorInfo brute_login{
    .id = "brute.login",
    .title = "Password guessing",
    .category = "Credential access",
    .attack = attack,
    .hold = std::chrono::seconds(60),
    .explains = explained,
    .parameters = parameters,
    .make = [](const Parameters &given) -> std::unique_ptr<Detector> { return std::make_unique<BruteLogin>(given); },
};

} // namespace flowguard
