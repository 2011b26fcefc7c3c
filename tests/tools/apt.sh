# shellcheck shell=bash
# Sourced by setup and engine: apt-get that waits for another program's package lock, and says so.

# What an index that could not be fetched says explains more than the error about a package that it lacks.
apt_said() { { grep -m 1 -E 'Temporary failure|Could not|Failed to fetch' "$1" || grep '^E:' "$1" || true; } | tail -n 1 | cut -c1-200; }

# apt_get LOG ARGUMENT... : apt-get with its output in LOG. A fresh machine updates itself in its first minutes and holds the locks;
# apt's own DPkg::Lock::Timeout waits in silence, and not at all for the lock of the index.
apt_get() {
    local log=$1 patience=${APT_PATIENCE:-900} said="" holder begin=$SECONDS code
    shift
    while true; do
        code=0
        apt-get "$@" >"$log.now" 2>&1 || code=$?
        if [ "$code" -eq 0 ] || ! grep -qE '^E: (Could not get lock|Unable to (lock|acquire the dpkg frontend lock))' "$log.now"; then
            cat "$log.now" >>"$log"
            rm -f "$log.now"
            return "$code"
        fi
        holder=$(sed -nE 's/.*It is held by process ([0-9]+ \([^)]*\)).*/process \1/p' "$log.now" | head -n 1)
        if [ $((SECONDS - begin)) -ge "$patience" ]; then
            cat "$log.now" >>"$log"
            rm -f "$log.now"
            printf 'setup: %s still holds the package lock after %s s: end it or let it finish, and run again\n' \
                "${holder:-another program}" "$patience" >&2
            return "$code"
        fi
        [ "$said" = "$holder." ] || printf 'setup: waiting for %s, which holds the package lock (up to %s s)\n' "${holder:-another program}" "$patience"
        said="$holder."
        sleep 1
    done
}
