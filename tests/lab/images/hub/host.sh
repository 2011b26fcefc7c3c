#!/usr/bin/env bash
# Stands for the service manager of the LIMS host: starts SSH, Syncthing and the units of
# the product, and starts them again when they end.
set -u
rm -f /run/sshd.pid /run/nologin /var/lib/syncthing/syncthing.lock
mkdir -p /run/sshd
home=/var/lib/syncthing

as_syncthing() {
    setpriv --reuid=syncthing --regid=syncthing --init-groups env HOME="$home" STNOUPGRADE=1 STNODEFAULTFOLDER=1 "$@"
}

if [ ! -s "$home/config.xml" ]; then
    as_syncthing syncthing generate --home="$home" --skip-port-probing --no-default-folder >>/var/log/syncthing.log 2>&1
    # A lab talks to nobody outside: no relays, no global discovery, no port mapping, no reports.
    for option in relaysEnabled globalAnnounceEnabled natEnabled crashReportingEnabled; do
        sed -i "s|<$option>true</$option>|<$option>false</$option>|" "$home/config.xml"
    done
    sed -i 's|<urAccepted>0</urAccepted>|<urAccepted>-1</urAccepted>|' "$home/config.xml"
fi

syncthing_loop() {
    while true; do
        as_syncthing syncthing serve --home="$home" --no-browser --no-restart >>/var/log/syncthing.log 2>&1
        sleep 1
    done
}

# What a unit says, once a role has placed it, and again when it ends.
unit_loop() {
    unit=/etc/systemd/system/$1.service
    while true; do
        if [ -e "$unit" ]; then
            sed -n 's/^ExecStartPre=//p' "$unit" | sh -e && sh -ec "exec $(sed -n 's/^ExecStart=//p' "$unit")"
        fi >>"/var/log/$1.log" 2>&1
        sleep 1
    done
}

stop() {
    kill "$loop" 2>/dev/null
    pkill -TERM -u syncthing
    exit 0
}
trap stop TERM INT

syncthing_loop &
loop=$!
unit_loop mediverse-access &
unit_loop mediverse-access-ssh &
/usr/sbin/sshd -D -e 2>>/var/log/sshd.log &
while true; do
    wait -n
    pgrep -x sshd >/dev/null || /usr/sbin/sshd -D -e 2>>/var/log/sshd.log &
    sleep 1
done
