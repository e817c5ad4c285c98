// SPDX-License-Identifier: Apache-2.0
#include "flowguard/daemon/endpoints.h"

#include "flowguard/core/top.h"
#include "flowguard/daemon/incident_query.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <fstream>
#include <limits>
#include <optional>
#include <unistd.h>

namespace flowguard {
namespace {

constexpr auto longest_poll = std::chrono::seconds(5);
constexpr auto poll_step = std::chrono::milliseconds(20);
constexpr std::size_t lines_at_once = 64;
constexpr std::uint64_t max_age_s = 10ULL * 365 * 86400;
constexpr std::string_view blocks_prefix = "/v1/blocks/";
constexpr std::string_view rules_prefix = "/v1/rules/";

int http_status(ExitCode code)
{
    switch (code) {
    case ExitCode::Done:
        return 200;
    case ExitCode::Usage:
        return 400;
    case ExitCode::Permission:
        return 403;
    case ExitCode::NotRunning:
        return 404;
    case ExitCode::Refused:
        return 422;
    case ExitCode::Failed:
        break;
    }
    return 500;
}

Response respond(const Result<Json> &result)
{
    if (result)
        return {200, *result};
    return {http_status(result.error().code),
            {{"error", result.error().message}, {"code", static_cast<int>(result.error().code)}}};
}

std::string parameter(const Request &request, const std::string &name, const std::string &otherwise)
{
    const auto found = request.query.find(name);
    return found == request.query.end() || found->second.empty() ? otherwise : found->second;
}

bool flag(const Request &request, const std::string &name)
{
    const std::string value = parameter(request, name, "0");
    return value != "0" && value != "false";
}

Result<std::uint64_t> number(const Request &request, const std::string &name, std::uint64_t otherwise)
{
    const std::string text = parameter(request, name, "");
    std::uint64_t value = otherwise;
    const char *end = text.data() + text.size();
    if (!text.empty() && std::from_chars(text.data(), end, value).ptr != end)
        return fail(ExitCode::Usage, fmt::format("'{}' is not a number for '{}'", text, name));
    return value;
}

/// Of this process.
std::uint64_t resident_bytes()
{
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages >> pages;
    return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

/// What flows and top select by.
struct Selection {
    SortBy sort;
    FlowFilter filter;
    std::size_t limit;
};

Result<Selection> selection(const Request &request, const std::string &sort, std::uint64_t limit)
{
    auto by = parse_sort_by(parameter(request, "sort", sort));
    if (!by)
        return std::unexpected(by.error());
    auto filter = FlowFilter::compile(parameter(request, "filter", ""));
    if (!filter)
        return std::unexpected(filter.error());
    auto rows = number(request, "n", limit);
    if (!rows)
        return std::unexpected(rows.error());
    return Selection{*by, std::move(*filter), *rows};
}

} // namespace

boost::asio::awaitable<Response> Endpoints::handle(const Request &request)
{
    if (request.method != "GET") {
        Response response = change(request);
        co_return response;
    }
    if (request.query.contains("after")) {
        const auto after = number(request, "after", 0);
        const auto deadline = std::chrono::steady_clock::now() + longest_poll;
        boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
        while (after && revision(request) <= *after && std::chrono::steady_clock::now() < deadline) {
            timer.expires_after(poll_step);
            co_await timer.async_wait(boost::asio::use_awaitable);
        }
    }
    Response response = get(request);
    co_return response;
}

/// What a request with `after` waits for; at once if it is none of those.
std::uint64_t Endpoints::revision(const Request &request) const
{
    if (request.path == "/v1/top")
        return engine_.snapshot()->tick;
    if (request.path == "/v1/incidents" && engine_.watch())
        return engine_.watch()->incidents()->revision;
    return std::numeric_limits<std::uint64_t>::max();
}

Response Endpoints::get(const Request &request)
{
    if (request.path == "/v1/version")
        return respond(Json{
            {"version", settings_.version}, {"api", 1}, {"abi", FG_ABI_VERSION}, {"instance", settings_.instance}});
    if (request.path == "/v1/status")
        return respond(status(request));
    if (request.path == "/v1/flows")
        return flows(request);
    if (request.path == "/v1/overflow")
        return overflow();
    if (request.path == "/v1/top")
        return respond(top(request));
    if (request.path == "/v1/incidents")
        return incidents(request);
    if (request.path == "/v1/blocks")
        return respond(engine_.blocks());
    if (request.path == "/v1/rules") {
        const std::string format = parameter(request, "export", "");
        return respond(format.empty() ? engine_.rules() : engine_.export_rules(format));
    }
    return respond(fail(ExitCode::NotRunning, fmt::format("there is no {}", request.path)));
}

Json Endpoints::status(const Request &request) const
{
    Json json = status_to_json(*engine_.snapshot(), settings_.version, flag(request, "verbose"));
    json["policy"] = engine_.policy_counts();
    if (const Watch *watch = engine_.watch()) {
        const auto incidents = watch->incidents();
        json["incidents"] = {{"open", incidents->open}, {"revision", incidents->revision}};
        const Watch::Cost cost = watch->cost();
        if (flag(request, "verbose"))
            json["detection"] = {{"last_ms", cost.last_ms},
                                 {"longest_ms", cost.longest_ms},
                                 {"dns_samples", cost.samples},
                                 {"memory_bytes", resident_bytes()}};
    }
    return json;
}

Response Endpoints::incidents(const Request &request) const
{
    if (!engine_.watch())
        return respond(
            fail(ExitCode::Failed, "detection is off: see 'enabled' under [detection] in the configuration"));
    const auto since = number(request, "since", 0);
    const auto after = number(request, "after", 0);
    if (!since || !after)
        return respond(std::unexpected((since ? after : since).error()));
    IncidentQuery query{
        .only_open = flag(request, "open"), .since = {}, .id = parameter(request, "id", ""), .after = {}};
    if (request.query.contains("since"))
        query.since = real_time_ns() - static_cast<TimeNs>(std::min<std::uint64_t>(*since, max_age_s)) * 1'000'000'000;
    if (request.query.contains("after"))
        query.after = *after;
    auto selected = select_incidents(*engine_.watch()->incidents(), query, engine_.config().state_dir / "state.db");
    if (!selected)
        return respond(std::unexpected(selected.error()));
    return {200, {}, [selected = std::move(*selected), next = std::size_t{0}](std::string &lines) mutable {
                const std::size_t end = std::min(next + lines_at_once, selected.size());
                for (; next < end; next++)
                    lines += selected[next].dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
                return next < selected.size();
            }};
}

/// As lines, some at a time: hundreds of thousands of flows must not stand in memory as one text.
Response Endpoints::flows(const Request &request) const
{
    const auto wanted = selection(request, "bytes", 0);
    if (!wanted)
        return respond(std::unexpected(wanted.error()));
    const auto snapshot = engine_.snapshot();
    const std::vector<Flow> &all = flag(request, "ended") ? *snapshot->ended : snapshot->flows;
    const auto selected = select_flows(all, snapshot->clock, wanted->filter, wanted->sort, wanted->limit);
    return {
        200, {}, [snapshot, flows = selected.flows, next = std::size_t{0}](std::string &lines) mutable {
            const std::size_t end = std::min(next + lines_at_once, flows.size());
            for (; next < end; next++)
                lines += flow_to_json(*flows[next], *snapshot).dump(-1, ' ', false, Json::error_handler_t::replace) +
                         "\n";
            return next < flows.size();
        }};
}

/// There are few of them.
Response Endpoints::overflow() const
{
    return {200, {}, [snapshot = engine_.snapshot()](std::string &lines) {
                for (const OverflowAggregate &aggregate : snapshot->overflow)
                    lines += overflow_to_json(aggregate, *snapshot).dump() + "\n";
                return false;
            }};
}

Result<Json> Endpoints::top(const Request &request) const
{
    const auto by = parse_top_by(parameter(request, "by", "flow"));
    if (!by)
        return std::unexpected(by.error());
    const auto wanted = selection(request, "rate", 20);
    if (!wanted)
        return std::unexpected(wanted.error());
    Json json = top_to_json(*engine_.snapshot(), *by, wanted->sort, wanted->filter, wanted->limit);
    json["blocks"] = engine_.block_count();
    if (engine_.watch())
        json["incidents"] = {{"open", engine_.watch()->incidents()->open}};
    json["filter"] = parameter(request, "filter", "");
    return json;
}

Response Endpoints::change(const Request &request)
{
    try {
        if (request.method == "POST" && request.path == "/v1/attach")
            return respond(attach(request.body));
        if (request.method == "POST" && request.path == "/v1/detach")
            return respond(detach(request.body));
        if (request.method == "POST" && request.path == "/v1/blocks")
            return respond(engine_.block(request.body, request.peer.uid));
        if (request.method == "POST" && request.path == "/v1/rules")
            return respond(engine_.add_rule(request.body, request.peer.uid));
        if (request.method == "DELETE" && request.path.starts_with(rules_prefix))
            return respond(engine_.remove_rules(parameter(request, "action", "block"),
                                                request.path.substr(rules_prefix.size()), flag(request, "dry_run")));
        if (request.method == "DELETE" && request.path.starts_with(blocks_prefix))
            return respond(engine_.unblock(request.path.substr(blocks_prefix.size()), flag(request, "dry_run")));
    } catch (const Json::exception &error) {
        return respond(fail(ExitCode::Usage, fmt::format("the request's JSON does not fit: {}", error.what())));
    }
    return respond(fail(ExitCode::NotRunning, fmt::format("there is no {} {}", request.method, request.path)));
}

Result<Json> Endpoints::attach(const Json &body)
{
    const auto mode = parse_xdp_mode(body.value("xdp_mode", "auto"));
    if (!mode)
        return std::unexpected(mode.error());
    const auto names = body.value("interfaces", std::vector<std::string>());
    if (names.empty())
        return fail(ExitCode::Usage, "attach needs the name of an interface; 'ip link' lists them");
    std::optional<bool> tunnels;
    if (body.contains("tunnels"))
        tunnels = body.at("tunnels").get<bool>();
    return engine_.attach(names, *mode, tunnels, body.value("dry_run", false));
}

Result<Json> Endpoints::detach(const Json &body)
{
    const bool dry_run = body.value("dry_run", false);
    auto answer = engine_.detach(body.value("interfaces", std::vector<std::string>()), dry_run);
    if (!answer || dry_run)
        return answer;
    (*answer)["pid"] = getpid();
    if (answer->value("ending", false))
        settings_.on_ending(false);
    else if (!engine_.has_interfaces())
        (*answer)["ending"] = settings_.on_ending(true);
    return answer;
}

} // namespace flowguard
