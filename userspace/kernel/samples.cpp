// SPDX-License-Identifier: Apache-2.0
#include "flowguard/kernel/samples.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace flowguard {

struct SampleReader::Impl {
    static int receive(void *context, void *data, std::size_t size)
    {
        const auto *visit = static_cast<Impl *>(context)->visit;
        if (visit && size >= sizeof(fg_sample))
            (*visit)(*static_cast<const fg_sample *>(data));
        return 0;
    }

    struct Close {
        void operator()(ring_buffer *ring) const { ring_buffer__free(ring); }
    };
    std::unique_ptr<ring_buffer, Close> ring;
    const std::function<void(const fg_sample &)> *visit = nullptr;
};

SampleReader::SampleReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SampleReader::SampleReader(SampleReader &&) noexcept = default;
SampleReader &SampleReader::operator=(SampleReader &&) noexcept = default;
SampleReader::~SampleReader() = default;

Result<SampleReader> SampleReader::open(const Maps &maps)
{
    auto impl = std::make_unique<Impl>();
    impl->ring.reset(ring_buffer__new(maps.fd("fg_samples"), &Impl::receive, impl.get(), nullptr));
    if (!impl->ring)
        return fail(ExitCode::Failed, fmt::format("cannot map the ring of DNS samples: {}", std::strerror(errno)));
    return SampleReader(std::move(impl));
}

void SampleReader::read(const std::function<void(const fg_sample &)> &visit)
{
    impl_->visit = &visit;
    ring_buffer__consume(impl_->ring.get());
    impl_->visit = nullptr;
}

} // namespace flowguard
