#!/bin/sh
# Checks what the build needs. Silent when all is there; installs by apt-get what is missing, or names the command.
set -eu

missing=""
need() { missing="$missing $1"; }

command -v cc >/dev/null 2>&1 && command -v c++ >/dev/null 2>&1 && command -v make >/dev/null 2>&1 || need build-essential
command -v git >/dev/null 2>&1 || need git
# bindgen reads RocksDB's header with libclang. libclang-cpp is another library, which other packages bring.
libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    for found in /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so* /usr/lib64/libclang*.so*; do
        case "$found" in *libclang-cpp*) continue ;; esac
        [ -e "$found" ] && return 0
    done
    return 1
}
libclang || need libclang-dev
# Only `make lint`: buf comes by npx.
command -v npx >/dev/null 2>&1 || need npm
# Only the test against a second implementation.
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || need python3-venv

if [ -n "$missing" ]; then
    as_root=""
    [ "$(id -u)" = 0 ] || as_root="sudo"
    install="apt-get install --yes --no-install-recommends$missing"
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Missing:$missing (names of Debian packages). Install them with your system's package manager." >&2
        exit 1
    fi
    if [ -n "$as_root" ] && ! sudo -n true 2>/dev/null; then
        echo "Missing:$missing. Install them with:" >&2
        echo "    sudo apt-get update && sudo $install" >&2
        exit 1
    fi
    echo "Installing:$missing"
    # shellcheck disable=SC2086  # a list of words
    $as_root apt-get update --quiet && DEBIAN_FRONTEND=noninteractive $as_root $install
fi

if ! command -v cargo >/dev/null 2>&1; then
    echo "Missing: Rust. Install it with:" >&2
    echo "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y" >&2
    exit 1
fi
