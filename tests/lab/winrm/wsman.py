# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WS-Management messages: what comes in with a POST and the XML that goes back."""

from __future__ import annotations

import base64
import re
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from xml.sax.saxutils import escape

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
}
SHELL_URI = f"{NS['rsp']}/cmd"
TIMED_OUT = 2150858793  # nothing to report within OperationTimeout: the client asks again
REFUSED = 2150858843  # no such shell, or an envelope that is too large


@dataclass
class Request:
    """One SOAP request. ``action`` is the last part of its address, such as Create or Receive."""

    root: ET.Element
    action: str
    message_id: str
    shell: str | None

    def text(self, path: str, default: str = "") -> str:
        return self.root.findtext(path, default, NS)

    def option(self, name: str) -> str:
        return next((item.text or "" for item in self.root.iterfind(".//w:Option", NS) if item.get("Name") == name), "")

    @property
    def command_line(self) -> str:
        arguments = [item.text or "" for item in self.root.iterfind(".//rsp:Arguments", NS)]
        return " ".join(part for part in [self.text(".//rsp:Command"), *arguments] if part)

    @property
    def command_id(self) -> str:
        for path in (".//rsp:DesiredStream", ".//rsp:Stream", ".//rsp:Signal"):
            found = self.root.find(path, NS)
            if found is not None:
                return found.get("CommandId", "")
        return ""

    @property
    def stdin(self) -> tuple[bytes, bool]:
        """The bytes of a Send and whether they are the last ones."""
        streams = self.root.findall(".//rsp:Stream", NS)
        data = b"".join(base64.b64decode(item.text or "") for item in streams)
        return data, any(item.get("End", "").lower() == "true" for item in streams)

    @property
    def timeout(self) -> float:
        match = re.search(r"([\d.]+)S", self.text(".//w:OperationTimeout", "PT20S"))
        return float(match.group(1)) if match else 20.0


def read(body: bytes) -> Request:
    """Raises ET.ParseError for anything that is not XML."""
    root = ET.fromstring(body)
    selectors = root.iterfind(".//w:Selector", NS)
    shell = next((item.text for item in selectors if item.get("Name") == "ShellId"), None)
    action = root.findtext(".//a:Action", "", NS).rsplit("/", 1)[-1]
    return Request(root, action, root.findtext(".//a:MessageID", "", NS), shell)


def _envelope(action: str, relates: str, body: str) -> bytes:
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NS.items())
    head = (
        f"<a:Action>{action}</a:Action><a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID>"
        f"<a:To>{NS['a']}/role/anonymous</a:To><a:RelatesTo>{escape(relates)}</a:RelatesTo>"
    )
    content = f"<s:Header>{head}</s:Header><s:Body>{body}</s:Body>"
    return f'<s:Envelope xml:lang="en-US" {spaces}>{content}</s:Envelope>'.encode()


def created(request: Request, shell: str) -> bytes:
    body = (
        f"<x:ResourceCreated><a:Address>{NS['a']}/role/anonymous</a:Address><a:ReferenceParameters>"
        f'<w:ResourceURI>{SHELL_URI}</w:ResourceURI><w:SelectorSet><w:Selector Name="ShellId">{shell}</w:Selector>'
        "</w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>"
    )
    return _envelope(f"{NS['x']}/CreateResponse", request.message_id, body)


def command_accepted(request: Request, command: str) -> bytes:
    body = f"<rsp:CommandResponse><rsp:CommandId>{command}</rsp:CommandId></rsp:CommandResponse>"
    return _envelope(f"{NS['rsp']}/CommandResponse", request.message_id, body)


def acknowledged(request: Request) -> bytes:
    """The empty answers of Send, Signal and Delete."""
    if request.action == "Delete":
        return _envelope(f"{NS['x']}/DeleteResponse", request.message_id, "")
    return _envelope(f"{NS['rsp']}/{request.action}Response", request.message_id, f"<rsp:{request.action}Response/>")


def output(request: Request, command: str, stdout: str, stderr: str, code: int) -> bytes:
    streams = "".join(
        f'<rsp:Stream Name="{name}" CommandId="{command}">{base64.b64encode(text.encode()).decode()}</rsp:Stream>'
        for name, text in (("stdout", stdout), ("stderr", stderr))
        if text
    )
    state = f'<rsp:CommandState CommandId="{command}" State="{NS["rsp"]}/CommandState/Done">'
    body = (
        f"<rsp:ReceiveResponse>{streams}{state}<rsp:ExitCode>{code}</rsp:ExitCode></rsp:CommandState>"
        "</rsp:ReceiveResponse>"
    )
    return _envelope(f"{NS['rsp']}/ReceiveResponse", request.message_id, body)


def fault(relates: str, code: int, message: str) -> bytes:
    text = escape(message)
    subcode = "w:TimedOut" if code == TIMED_OUT else "w:InvalidSelectors"
    body = (
        f"<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{text}</s:Text></s:Reason><s:Detail>'
        f'<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{code}" Machine="gateway">'
        f"<f:Message>{text}</f:Message></f:WSManFault></s:Detail></s:Fault>"
    )
    return _envelope("http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", relates, body)
