# Common to the scripts of this folder. To be sourced.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# Debian's own, which python3-pytest belongs to; another one may stand before it in the PATH.
python=/usr/bin/python3

say() { printf '%s\n' "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# The folder that a kind of build lives in: "", address, thread or fuzz.
build_folder() { printf 'build%s' "${1:+-$1}"; }

# Runs a command with its output in a file, which is shown only when the command fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}
