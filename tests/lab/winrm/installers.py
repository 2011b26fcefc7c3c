# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the two installers do to a machine.

A file is an installer if its first line says so: ``mediverse-lab-installer: orthanc 26.8.1``. The behaviour
follows the scripts that Orthanc's and Syncthing's projects publish, with their traps: a second run of Orthanc's
installer shows a dialog that nobody can close, and does not look whether its service was made. Syncthing's setup
refuses where ``.js`` files have another handler, keeps the settings of its first run, and reports success whatever its
helper programs did. ``orthanc32 26.8.1`` is the 32-bit Orthanc, as it is found on a PC. An uninstaller whose product
the state names in ``broken_uninstallers`` leaves Orthanc's own key behind.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from . import security
from .filesystem import make_folder
from .programs import orthanc, syncthing
from .registry import UNINSTALL
from .windows import Failure, Windows

MARK = "mediverse-lab-installer: "
ORTHANC_PRODUCT = "Orthanc for Windows 64_is1"
ORTHANC_PRODUCT_32 = "Orthanc for Windows 32_is1"
ORTHANC_FOLDER_32 = r"C:\Program Files (x86)\Orthanc Server"
ORTHANC_KEY = r"HKLM\SOFTWARE\WOW6432Node\Orthanc\Orthanc Server"
SYNCTHING_PRODUCT = "{1EEA2B6F-FD76-47D7-B74C-03E14CF043F9}_is1"
SYNCTHING_FOLDER = r"C:\Program Files\Syncthing"
_PLUGINS = {
    "OrthancDicomWeb.dll": "libOrthancDicomWeb.so",
    "ModalityWorklists.dll": "libModalityWorklists.so",
    "Housekeeper.dll": "libHousekeeper.so",
    "DelayedDeletion.dll": "libDelayedDeletion.so",
}
_STOCK = {
    "dicomweb.json": {
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": True, "WadoRoot": "/wado", "Ssl": False}
    },
    "worklists.json": {"Worklists": {"Enable": False, "Database": r"C:\Program Files\Orthanc Server\Worklists"}},
    "housekeeper.json": {"Housekeeper": {"Enable": False}},
    "delayed-deletion.json": {"DelayedDeletion": {"Enable": False}},
}


def install(windows: Windows, file: Path, arguments: str) -> int:
    """Runs an installer; returns its exit code. Raises Failure where the real one would wait for ever."""
    first = file.read_bytes()[:200].decode("utf-8", "replace").splitlines()[:1]
    match = re.fullmatch(re.escape(MARK) + r"(\w+) (\S+)", first[0]) if first else None
    known: dict[str, Callable[[Windows, str, str], int]] = {
        "orthanc": _orthanc,
        "orthanc32": _orthanc_32,
        "syncthing": _syncthing,
    }
    if match is None or match.group(1) not in known:
        raise Failure(f"The simulated Windows has no model for the installer {file.name}.")
    if "/VERYSILENT" not in arguments.upper():
        raise Failure(
            f"{file.name} was started without /VERYSILENT: on Windows it would wait for an answer that nobody can give."
        )
    return known[match.group(1)](windows, match.group(2), arguments)


def uninstall(windows: Windows, product: str, arguments: str) -> int:
    """Runs the uninstaller of a product; configuration and data stay, as with the real ones."""
    if product == ORTHANC_PRODUCT:
        # Nobody looks whether these succeed.
        key = windows.services.find("Orthanc")
        if key:
            windows.services.delete(key)
        if product not in windows.state.get("broken_uninstallers", []):
            windows.registry.delete(ORTHANC_KEY)
        for name in ("OrthancService.exe", "Orthanc.exe", "Plugins"):
            path = windows.path(rf"{orthanc.FOLDER}\{name}")
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    elif product == SYNCTHING_PRODUCT:
        windows.services.delete("syncthing")
        shutil.rmtree(windows.path(SYNCTHING_FOLDER), ignore_errors=True)
        _drop_rule(windows)
    else:
        raise Failure(f"The simulated Windows cannot uninstall {product}.")
    windows.registry.delete(rf"{UNINSTALL}\{product}")
    windows.save()
    return 0


def _write_new(path: Path, content: str | bytes) -> None:
    if not path.exists():
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _orthanc(windows: Windows, version: str, arguments: str) -> int:
    if windows.registry.exists(ORTHANC_KEY):
        raise Failure(
            "Orthanc's installer was run on a machine that has Orthanc: it shows a dialog which "
            "/SUPPRESSMSGBOXES does not suppress, and on Windows this call would never return. Test the registry first."
        )
    if re.search(r"/DIR=", arguments, re.I):
        raise Failure("The simulated Windows does not model /DIR for Orthanc's installer.")
    compact = re.search(r"/TYPE=compact\b", arguments, re.I) is not None
    folder = orthanc.FOLDER
    for name in ("Configuration", "Logs", "Plugins", "Tools"):
        make_folder(windows, windows.path(rf"{folder}\{name}"))
    make_folder(windows, windows.path(r"C:\Orthanc"))
    for name in ("Orthanc.exe", "OrthancService.exe"):
        windows.path(rf"{folder}\{name}").write_text(f"stands for {name} of Orthanc {version}\n")
    configuration = windows.path(rf"{folder}\Configuration")
    default = {
        "Name": "Orthanc",
        "StorageDirectory": r"C:\Orthanc",
        "IndexDirectory": r"C:\Orthanc",
        "Plugins": [rf"{folder}\Plugins"],
        "HttpsCACertificates": rf"{folder}\Configuration\ca-certificates.crt",
    }
    _write_new(configuration / "orthanc.json", json.dumps(default, indent=2))
    authorities = Path("/etc/ssl/certs/ca-certificates.crt")
    if authorities.is_file():
        shutil.copyfile(authorities, configuration / "ca-certificates.crt")
    if not compact:
        for name, content in _STOCK.items():
            _write_new(configuration / name, json.dumps(content, indent=2))
        for dll, library in _PLUGINS.items():
            windows.path(rf"{folder}\Plugins\{dll}").write_bytes(orthanc.plugin_file(library))
    _own_key(windows, version, folder)
    _register(windows, ORTHANC_PRODUCT, f"Orthanc {version}", folder, version)
    try:
        windows.services.create(
            "Orthanc", display_name="Orthanc", path=f'"{folder}\\OrthancService.exe"', start_mode="auto"
        )
        windows.services.start("Orthanc")
    except Failure as failure:
        windows.event(f"Orthanc's installer could not create its service ({failure}); it reports success all the same")
    return 0


def _own_key(windows: Windows, version: str, folder: str) -> None:
    """The installer is a program of 32 bits, so both builds write the same key."""
    for name, data in (
        ("Installed", "1"),
        ("Version", version),
        ("InstallDir", folder),
        ("OrthancDir", r"C:\Orthanc"),
        ("Verbose", "0"),
    ):
        windows.registry.set(ORTHANC_KEY, name, "string", data)


def _orthanc_32(windows: Windows, version: str, arguments: str) -> int:
    """What is left of it is enough to be found; it does not run here."""
    make_folder(windows, windows.path(rf"{ORTHANC_FOLDER_32}\Configuration"))
    _own_key(windows, version, ORTHANC_FOLDER_32)
    _register(windows, ORTHANC_PRODUCT_32, f"Orthanc {version}", ORTHANC_FOLDER_32, version, wow=True)
    line = f'"{ORTHANC_FOLDER_32}\\OrthancService.exe"'
    windows.services.create("Orthanc", display_name="Orthanc", path=line, start_mode="auto")
    return 0


def _register(
    windows: Windows, product: str, name: str, folder: str, version: str | None, *, wow: bool = False
) -> None:
    root = UNINSTALL.replace("SOFTWARE", r"SOFTWARE\WOW6432Node") if wow else UNINSTALL
    key = rf"{root}\{product}"
    windows.registry.set(key, "DisplayName", "string", name)
    windows.registry.set(key, "InstallLocation", "string", folder + "\\")
    windows.registry.set(key, "UninstallString", "string", f'"{folder}\\unins000.exe"')
    windows.registry.set(key, "QuietUninstallString", "string", f'"{folder}\\unins000.exe" /SILENT')
    if version:
        windows.registry.set(key, "DisplayVersion", "string", version)
    windows.save()


def _drop_rule(windows: Windows) -> None:
    firewall = windows.state["firewall"]
    firewall["rules"] = [rule for rule in firewall["rules"] if rule["Name"] != "Syncthing"]


def _argument(arguments: str, name: str) -> str | None:
    match = re.search(rf'(?i)/{name}=("([^"]*)"|\S+)', arguments)
    return (match.group(2) if match.group(2) is not None else match.group(1)) if match else None


def _syncthing(windows: Windows, version: str, arguments: str) -> int:
    handler = windows.registry.data(r"HKCR\.js", "")
    if handler != "JSFile":
        return 1  # aborts before it touches anything
    if "/allusers" not in arguments.lower():
        raise Failure("The simulated Windows models Syncthing's setup only with /allusers.")
    archive = _argument(arguments, "zipfilepath")
    if not archive:
        return 1  # it would download Syncthing, and this machine has no Internet
    sticky = windows.registry.data(rf"{UNINSTALL}\{SYNCTHING_PRODUCT}", "Inno Setup: Settings")
    settings = (
        json.loads(sticky)
        if sticky
        else {
            "address": _argument(arguments, "listenaddress") or "127.0.0.1",
            "port": _argument(arguments, "listenport") or "8384",
            "relays": (_argument(arguments, "relaysenabled") or "true").lower(),
        }
    )
    make_folder(windows, windows.path(SYNCTHING_FOLDER))
    match = re.search(r"syncthing-windows-amd64-v([\d.]+)\.zip$", archive, re.I)
    if windows.path(archive).is_file() and match:
        for name in ("syncthing.exe", "shawl.exe"):
            windows.path(rf"{SYNCTHING_FOLDER}\{name}").write_text(f"stands for {name}\n")
        setup = f"[Setup]\nInstalledVersion={match.group(1)}\n"
        windows.path(rf"{SYNCTHING_FOLDER}\SetupVersion.ini").write_text(setup)
        _syncthing_service(windows, settings, arguments)
    else:
        windows.event("Syncthing's setup could not unpack its archive; it reports success all the same")
    _register(windows, SYNCTHING_PRODUCT, "Syncthing", SYNCTHING_FOLDER, None)
    windows.registry.set(rf"{UNINSTALL}\{SYNCTHING_PRODUCT}", "Inno Setup: Settings", "string", json.dumps(settings))
    windows.save()
    return 0


def _syncthing_service(windows: Windows, settings: dict[str, str], arguments: str) -> None:
    account = syncthing.ACCOUNT
    windows.state["users"].setdefault(account, {"groups": ["Users"], "enabled": True})
    full = rf"{windows.computer}\{account}"
    logon = windows.state["rights"]["SeServiceLogonRight"]
    if full not in logon:
        logon.append(full)
    home = windows.path(syncthing.HOME)
    make_folder(windows, home)
    descriptor = security.descriptor(windows, syncthing.HOME, change=True)
    flags = {"type": "allow", "inherit": ["ContainerInherit", "ObjectInherit"], "propagation": "None"}
    descriptor["protected"] = True
    descriptor["entries"] = [
        {"account": who, "rights": rights, **flags}
        for who, rights in (
            (r"NT AUTHORITY\SYSTEM", security.RIGHTS["FullControl"]),
            (r"BUILTIN\Administrators", security.RIGHTS["FullControl"]),
            (full, security.RIGHTS["Modify"] | security.SYNCHRONIZE),
        )
    ]
    security.enforce(windows, syncthing.HOME)
    if not (home / "config.xml").exists():
        _generate(home, settings)
    rules = windows.state["firewall"]["rules"]
    if not any(rule["Name"] == "Syncthing" for rule in rules):
        rules.append(
            {
                "Name": "Syncthing",
                "Description": "",
                "Direction": 1,
                "Action": 1,
                "Grouping": "",
                "ServiceName": "",
                "ApplicationName": rf"{SYNCTHING_FOLDER}\syncthing.exe",
                "Enabled": True,
                "Profiles": 0x7FFFFFFF,
                "LocalAddresses": "*",
                "RemoteAddresses": "*",
                "LocalPorts": "*",
                "RemotePorts": "*",
                "Protocol": 256,
                "InterfaceTypes": "All",
            }
        )
    if windows.services.find("syncthing") is None:
        program = rf'"{SYNCTHING_FOLDER}\syncthing.exe" --home "{syncthing.HOME}"'
        line = rf'"{SYNCTHING_FOLDER}\shawl.exe" run --name syncthing -- {program}'
        windows.services.create(
            "syncthing", display_name="Syncthing", path=line, start_mode="delayed", username=f".\\{account}"
        )
    if "!startserviceafterinstall" not in arguments.lower():
        windows.services.start("syncthing")


def _generate(home: Path, settings: dict[str, str]) -> None:
    """The real syncthing makes keys and config.xml; setup's script then sets the listen address."""
    binary = shutil.which("syncthing")
    if binary is None:
        raise Failure("The simulated Windows has no syncthing to run.")
    done = subprocess.run(
        [binary, "generate", f"--home={home}", "--no-default-folder"],
        env={"PATH": "/usr/bin:/bin", **syncthing.settings(home)},
        user=syncthing.linux_user(),
        group=syncthing.linux_user(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failure(f"syncthing generate failed: {done.stdout.strip() or done.stderr.strip()}")
    file = home / "config.xml"
    text = file.read_text(encoding="utf-8")
    text = re.sub(
        r"(<gui[^>]*>.*?<address>)[^<]*(</address>)",
        rf"\g<1>{settings['address']}:{settings['port']}\g<2>",
        text,
        count=1,
        flags=re.S,
    )
    text = re.sub(r"<relaysEnabled>\w+<", f"<relaysEnabled>{settings['relays']}<", text)
    file.write_text(text, encoding="utf-8")
