// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "subject.h"

struct bpf_object;

namespace flowguard::bench {

/// xdp-filter of xdp-tools, as Debian compiled it: the smallest of its programs that blocks addresses. Loaded without
/// libxdp's dispatcher, which would cost a call more.
class XdpFilterSubject : public Subject {
  public:
    /// Blocks the sources 10.0.0.0, 10.0.0.1, ...
    static Result<std::unique_ptr<XdpFilterSubject>> load(std::uint32_t hosts);
    ~XdpFilterSubject() override;

    int program() const override;
    Abilities abilities() const override { return {}; }
    Result<Counted> drain() override;

  private:
    explicit XdpFilterSubject(bpf_object *object) : object_(object) {}
    Result<void> block(std::uint32_t hosts);

    bpf_object *object_;
    Counted seen_;
};

} // namespace flowguard::bench
