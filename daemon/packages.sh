# Which Debian packages Hookswitch is built, tested and measured with, and how to get them. To be sourced:
#
#     . daemon/packages.sh
#     need_packages $BUILD_PACKAGES $TEST_PACKAGES
#
# shellcheck shell=bash disable=SC2034

BUILD_PACKAGES="g++ cmake ninja-build ccache git pkg-config
    libboost1.81-dev libssl-dev libsqlite3-dev libzstd-dev libsimdjson-dev libspdlog-dev libtomlplusplus-dev libcli11-dev
    libxxhash-dev libhowardhinnant-date-dev libgtest-dev"

# systemd for systemd-analyze; iproute2, util-linux and mount to run the unit in a systemd of its own.
TEST_PACKAGES="clang-format clang-tidy python3 curl openssl procps
    nginx-light haproxy caddy prometheus systemd iproute2 util-linux mount tzdata"

# For tests/system/run: a Debian in a container, and what looks at the package.
SYSTEM_PACKAGES="debootstrap systemd-container lintian dpkg-dev file man-db mandoc bash-completion zsh fish"

# need_packages PACKAGE...: installs those that are missing. Needs root or sudo only if any is.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
    done
    if ((${#missing[@]})); then install_packages "${missing[@]}"; fi
}

# Node may be there from elsewhere, and Debian's package would then only be in its way.
need_node() {
    command -v node >/dev/null || need_packages nodejs
}

install_packages() {
    local as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || {
            echo "hookswitch: missing packages: $*: install them as root, or install sudo" >&2
            return 1
        }
        as_root=(sudo)
    fi
    echo "hookswitch: installing $*" >&2
    "${as_root[@]}" apt-get -qq update
    "${as_root[@]}" bash -c '
        set -e
        # nginx, HAProxy and Caddy are wanted as programs: keep their services from starting.
        if [ ! -e /usr/sbin/policy-rc.d ]; then
            trap "rm -f /usr/sbin/policy-rc.d" EXIT
            printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d
            chmod 755 /usr/sbin/policy-rc.d
        fi
        DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
            install --no-install-recommends "$@" </dev/null >&2' install "$@"
}
