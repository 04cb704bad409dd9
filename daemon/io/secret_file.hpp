#pragma once

// Secrets in files: read so that no copy of them stays behind in memory, and looked at for who else can
// read them.

#include "daemon/core/result.hpp"
#include "daemon/core/signature.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <string>

namespace hookswitch {

struct SecretFile {
    Secret secret;         // without the newline at its end; never empty
    std::string exposure;  // who can read or replace it and should not; empty: nobody
};

/// Fails for what is no file, is empty or has over 64 KiB; the system's code for what cannot be read.
Result<SecretFile> read_secret_file(const std::filesystem::path& file);

/// "can be read by every user of this machine"; empty if only its owner, root and `gid`'s group can. To root
/// only what concerns every user is told: whom it reads the file for is unknown to it.
std::string exposure_of(const struct stat& file, uid_t uid, gid_t gid);

}  // namespace hookswitch
