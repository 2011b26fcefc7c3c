#!/usr/bin/env bash
# Starts the endpoint. The lab puts certificate, key and password into /etc/mediverse-lab and names the host by
# MEDIVERSE_LAB_HOST, _USER, _ADDRESS and _SCANNER_MAC. Everything that the simulated machine is lies in /srv/windows.
# With MEDIVERSE_LAB_FRESH it is a Windows as it comes; _ROUTER is its way to all other networks.
set -eu
settings=/etc/mediverse-lab
computer=${MEDIVERSE_LAB_HOST:-gateway}
computer=${computer:0:15}
if [ -n "${MEDIVERSE_LAB_ROUTER:-}" ]; then
    ip route replace default via "$MEDIVERSE_LAB_ROUTER"
fi
if [ -n "${MEDIVERSE_LAB_FRESH:-}" ]; then
    exec python3 -m winrm --root /srv/windows --computer "${computer^^}" --fresh --log /var/log/winrm.log
fi
exec python3 -m winrm --root /srv/windows --computer "${computer^^}" --user "${MEDIVERSE_LAB_USER:-Administrator}" \
    --password-file "$settings/password" --cert "$settings/tls.crt" --key "$settings/tls.key" --log /var/log/winrm.log
