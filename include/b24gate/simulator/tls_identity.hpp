// A certificate for the simulated cloud, made at start: a private CA and a leaf for the given names.
#pragma once

#include <string>
#include <vector>

namespace b24gate::simulator {

struct TlsIdentity {
    std::string ca_pem, certificate_pem, key_pem;
};

enum class CertificateKind { valid, expired, wrong_host };

/// `names`: DNS names and IP addresses. Throws std::runtime_error when OpenSSL fails.
[[nodiscard]] TlsIdentity make_tls_identity(const std::vector<std::string>& names, CertificateKind kind);

}  // namespace b24gate::simulator
