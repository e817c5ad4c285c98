// SPDX-License-Identifier: Apache-2.0
#include "flowguard/api/server.h"

#include "flowguard/api/peer.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <sys/stat.h>

namespace flowguard {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Stream = beast::basic_stream<asio::local::stream_protocol>;

namespace {

constexpr std::uint64_t longest_body = 1 << 20;
constexpr auto patience = std::chrono::seconds(15); /* for a whole request, and for each piece of an answer */
constexpr int most_connections = 64;

Response refuse(int status, ExitCode code, const std::string &why)
{
    return {status, {{"error", why}, {"code", static_cast<int>(code)}}};
}

std::optional<Request> decode(const http::request<http::string_body> &message, const Peer &peer)
{
    Request request{.method = std::string(message.method_string()), .path = {}, .query = {}, .peer = peer};
    if (!parse_target(std::string_view(message.target().data(), message.target().size()), request))
        return {};
    if (!message.body().empty())
        request.body = Json::parse(message.body(), nullptr, false);
    return request.body.is_object() ? std::optional(request) : std::nullopt;
}

asio::awaitable<void> send_body(Stream &stream, const Response &response)
{
    http::response<http::string_body> message(static_cast<http::status>(response.status), 11);
    message.set(http::field::content_type, "application/json");
    message.keep_alive(false);
    /* Names come from the kernel and from packets: what is no UTF-8 is replaced, never an error. */
    message.body() = response.body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    message.prepare_payload();
    stream.expires_after(patience);
    co_await http::async_write(stream, message, asio::use_awaitable);
}

asio::awaitable<void> send_lines(Stream &stream, const Response &response)
{
    http::response<http::empty_body> head(http::status::ok, 11);
    head.set(http::field::content_type, "application/x-ndjson");
    head.chunked(true);
    head.keep_alive(false);
    http::response_serializer<http::empty_body> serializer(head);
    stream.expires_after(patience);
    co_await http::async_write_header(stream, serializer, asio::use_awaitable);
    std::string lines;
    for (bool more = true; more;) {
        lines.clear();
        more = response.lines(lines);
        if (lines.empty())
            continue;
        stream.expires_after(patience);
        co_await asio::async_write(stream, http::make_chunk(asio::buffer(lines)), asio::use_awaitable);
    }
    co_await asio::async_write(stream, http::make_chunk_last(), asio::use_awaitable);
}

asio::awaitable<Response> answer(const http::request<http::string_body> &message, const std::optional<Peer> &peer,
                                 const Handler &handler)
{
    if (!peer)
        co_return refuse(403, ExitCode::Permission, "not permitted: be root or in group flowguard");
    if (message.method() != http::verb::get && !peer->may_write)
        co_return refuse(403, ExitCode::Permission, "not permitted: changes need root or group flowguard-admin");
    const std::optional<Request> request = decode(message, *peer);
    if (!request)
        co_return refuse(400, ExitCode::Usage, "the request's path or JSON body cannot be read");
    Response response = co_await handler(*request);
    co_return response;
}

} // namespace

struct Server::Impl {
    Impl(asio::io_context &io, std::filesystem::path path_, Handler handler_)
        : acceptor(io),
          path(std::move(path_)),
          handler(std::move(handler_))
    {
    }

    asio::awaitable<void> accept();
    asio::awaitable<void> serve(asio::local::stream_protocol::socket socket);

    asio::local::stream_protocol::acceptor acceptor;
    std::filesystem::path path;
    Handler handler;
    int connections = 0;
};

asio::awaitable<void> Server::Impl::serve(asio::local::stream_protocol::socket socket)
{
    const std::optional<Peer> peer = identify_peer(socket.native_handle());
    Stream stream(std::move(socket));
    try {
        beast::flat_buffer buffer;
        http::request_parser<http::string_body> parser;
        parser.body_limit(longest_body);
        stream.expires_after(patience);
        co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
        stream.expires_never();
        const Response response = co_await answer(parser.get(), peer, handler);
        if (response.lines)
            co_await send_lines(stream, response);
        else
            co_await send_body(stream, response);
    } catch (const boost::system::system_error &) {
        /* The client left, was too slow or spoke no HTTP: its connection ends, nobody else's. */
    }
    connections--;
}

asio::awaitable<void> Server::Impl::accept()
{
    while (acceptor.is_open()) {
        boost::system::error_code error;
        auto socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
        if (error)
            continue;
        if (connections >= most_connections)
            continue; /* closes it: a client in a loop must not use up the daemon's descriptors */
        connections++;
        asio::co_spawn(acceptor.get_executor(), serve(std::move(socket)), asio::detached);
    }
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { close(); }

void Server::close()
{
    if (!impl_->acceptor.is_open())
        return;
    boost::system::error_code ignored;
    impl_->acceptor.close(ignored);
    std::error_code also_ignored;
    std::filesystem::remove(impl_->path, also_ignored);
}

Result<std::unique_ptr<Server>> Server::listen(asio::io_context &io, const std::filesystem::path &path, Handler handler)
{
    auto impl = std::make_unique<Impl>(io, path, std::move(handler));
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    boost::system::error_code error;
    impl->acceptor.open(asio::local::stream_protocol(), error);
    /* Private until its mode is set. */
    const mode_t before = umask(0177);
    if (!error)
        impl->acceptor.bind(asio::local::stream_protocol::endpoint(path.string()), error);
    umask(before);
    if (!error)
        impl->acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error)
        return fail(ExitCode::Failed, fmt::format("cannot listen on {}: {}", path.string(), error.message()));
    if (has_access_group() && chmod(path.c_str(), 0666) != 0)
        return fail(ExitCode::Failed, fmt::format("cannot open {} to group flowguard", path.string()));
    asio::co_spawn(io, impl->accept(), asio::detached);
    return std::unique_ptr<Server>(new Server(std::move(impl)));
}

} // namespace flowguard
