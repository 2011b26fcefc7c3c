#!/usr/bin/env bash
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
# Converges a real Windows and proves it, from Linux beside it; see README.md here. It has not been run yet.
# run.sh <folder of prepare.ps1> <address of this Linux as Windows sees it> <address of Windows>...
# ORTHANC_INSTALLER, ORTHANC_SHA256 and ORTHANC_VERSION name the installer.
set -euo pipefail

folder=$(realpath "$1")
cloud=$2
shift 2
cd "$(dirname "$0")/../.."
# Not in the folder, which may lie on a drive of Windows: the logins are here.
work=$(mktemp -d)
collections=$work/collections
mkdir -p "$collections/ansible_collections/mediverse"
ln -sfn "$PWD" "$collections/ansible_collections/mediverse/pacs"

# The first address of Windows that answers: which one it is depends on the kind of WSL.
windows=
for address in "$@"; do
  if timeout 5 bash -c "</dev/tcp/$address/5986" 2>/dev/null; then
    windows=$address
    break
  fi
done
[ -n "$windows" ] || { echo "None of $* answers on port 5986; look at prepare.ps1 and the firewall." >&2; exit 1; }

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet ansible-core pywinrm requests
export PATH=$work/venv/bin:$PATH
export ANSIBLE_COLLECTIONS_PATH=$collections ANSIBLE_CONFIG=/dev/null
ansible-galaxy collection install ansible.windows community.windows community.docker -p "$collections"

# The cloud: Debian's or Ubuntu's Orthanc behind a certificate of its own.
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=cloud -addext "subjectAltName=IP:$cloud" \
  -keyout "$work/cloud.key" -out "$work/cloud.crt" 2>/dev/null
cat "$work/cloud.crt" "$work/cloud.key" > "$work/cloud.pem"
password=$(openssl rand -hex 16)
cat > "$work/cloud.json" <<JSON
{"HttpPort": 8043, "DicomPort": 11112, "SslEnabled": true, "SslCertificate": "$work/cloud.pem", "RemoteAccessAllowed": true,
 "AuthenticationEnabled": true, "RegisteredUsers": {"gateway": "$password"}, "StorageDirectory": "$work/cloud", "OverwriteInstances": false}
JSON
mkdir -p "$work/cloud"
Orthanc "$work/cloud.json" > "$work/cloud.log" 2>&1 &
orthanc=$!
trap 'kill "$orthanc"; rm -rf "$work"' EXIT

python3 - "$folder" "$work" "$windows" "$cloud" "$password" <<'PYTHON'
import json
import os
import secrets
import sys
from pathlib import Path

folder, work, windows, cloud, password = sys.argv[1:]
login = json.loads(Path(folder, "login.json").read_text())
variables = {
    "ansible_host": windows,
    "ansible_connection": "winrm",
    "ansible_port": 5986,
    "ansible_winrm_transport": "ntlm",
    "ansible_winrm_ca_trust_path": f"{folder}/authority.pem",
    "ansible_user": login["user"],
    "ansible_password": login["password"],
    "cloud_url": f"https://{cloud}:8043",
    "cloud_authority": f"{work}/cloud.crt",
    "cloud_password": password,
    "gateway_password": secrets.token_hex(16),
    "installer": {
        "src": os.environ["ORTHANC_INSTALLER"],
        "sha256": os.environ["ORTHANC_SHA256"],
        "version": os.environ["ORTHANC_VERSION"],
    },
}
Path(work, "hosts.json").write_text(json.dumps({"all": {"hosts": {"gateway": variables}}}))
PYTHON

play() {
  ansible-playbook -i "$work/hosts.json" "tests/windows/$1.yml" "${@:2}" | tee "$work/$1.log"
}
export ANSIBLE_CALLBACKS_ENABLED=mediverse.pacs.windows_capture
# This folder may leave the computer.
MEDIVERSE_CAPTURE=$folder/captured play converge
unset ANSIBLE_CALLBACKS_ENABLED
play converge
grep -Eq 'gateway +: ok=[0-9]+ +changed=0 ' "$work/converge.log" || { echo "The second run changed something." >&2; exit 1; }
play deliver
