#!/usr/bin/env bash
# Starts the endpoint. The lab puts certificate, key and password into /etc/mediverse-lab and names the host by
# MEDIVERSE_LAB_HOST, _USER, _ADDRESS and _SCANNER_MAC. Everything that the simulated machine is lies in /srv/windows.
set -eu
settings=/etc/mediverse-lab
computer=${MEDIVERSE_LAB_HOST:-gateway}
computer=${computer:0:15}
exec python3 -m winrm --root /srv/windows --computer "${computer^^}" --user "${MEDIVERSE_LAB_USER:-Administrator}" \
    --password-file "$settings/password" --cert "$settings/tls.crt" --key "$settings/tls.key" --log /var/log/winrm.log
