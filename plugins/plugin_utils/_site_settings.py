# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the settings of a run, by the argument specifications of the roles. Pure: no Ansible, no files.

A specification is what Ansible reads from C(meta/argument_specs.yml), and the only place in which an option stands.
The rules here are those of Ansible and stricter where a role gets the value as it was written: Ansible takes C(a,b) for
a list and C(true) for text, hands both to the role unconverted, and the role fails with them later.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ..module_utils._rules import containers
from ..module_utils._rules import values as rules

Options = Mapping[str, Mapping[str, Any]]
# Hides what is secret in a text that is shown.
Mask = Callable[[str], str]

# Where a site file has what the inventory plugin gives to the hosts of a site.
SITE_FILE_KEYS = {
    "mediverse_site": "the name of the site",
    "mediverse_label": "sites.{site}.label",
    "mediverse_domain": "domain",
    "mediverse_viewer_fqdn": "the name of the site, and domain",
    "mediverse_pacs_fqdn": "the name of the site, and domain",
    "mediverse_peer": "the name of the site",
    "mediverse_worklist_folder": "the name of the site",
    "mediverse_gateway_aet": "sites.{site}.gateway.aet",
    "mediverse_scanners": "sites.{site}.scanners",
    "mediverse_scanner_address": "sites.{site}.gateway.scanner_address",
    "mediverse_scanner_mac": "sites.{site}.gateway.scanner_mac",
    "mediverse_cloud": "the name of the site",
    "mediverse_gateway_kind": "sites.{site}.gateway.host and user",
    "mediverse_gateway_host": "sites.{site}.gateway.host",
    "mediverse_to_gateways": "hub.to_gateways",
    "mediverse_gateway": "the name of the site",
    "mediverse_hub": "hub",
    "mediverse_rest_port": "sites.{site}.cloud.rest_port",
    "mediverse_worklist_root": "hub.worklist_root",
    "mediverse_worklist_uid": "hub.worklist_uid",
    "mediverse_hub_sync_address": "hub.sync_address",
}
# What playbooks and roles register or set while they run. It stands in no file of variables.
RUNTIME_NAMES = frozenset(
    {
        "docker_host_ready",
        "mediverse_fetched_files",
        "mediverse_gateway_adapters",
        "mediverse_gateway_answer",
        "mediverse_machine_secrets",
        "mediverse_settings",
        "mediverse_sheets_written",
        "mediverse_site_secrets",
        "mediverse_way",
    }
)

_EXPECTED = {
    "bool": "true or false",
    "dict": "a map",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "path": "a path",
    "str": "text",
}
_TRUTHS = frozenset({"true", "false", "yes", "no", "on", "off", "1", "0"})
# In quotes as templates make them; whole numbers are those of ``rules.number``.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What Ansible says of a template that fails, each with the name of what fails in it.
_FAILING = (
    (re.compile(r"'([A-Za-z_][A-Za-z0-9_]*)' is undefined"), "'{name}' is undefined"),
    (re.compile(r"has no attribute '([A-Za-z_][A-Za-z0-9_]*)'"), "'{name}' is undefined"),
    (re.compile(r"filter plugin '(?:[a-z0-9_]+[.])*([a-z0-9_]+)' failed"), "the filter {name} fails"),
    (re.compile(r"lookup plugin '(?:[a-z0-9_]+[.])*([a-z0-9_]+)' failed"), "the lookup {name} fails"),
)
_USERINFO = re.compile(r"//[^/@\s]*@")
_QUERY = re.compile(r"[?]\S+")
# What a role asks for too, but only after others were made of it or a host was asked; by the last part of a name.
_RULES: Mapping[str, rules.Rule] = {
    "sha256": rules.checksum,
    "cloud_pacs_orthanc_memory": containers.memory,
    "mediverse_minimum_free_gb": rules.within(0, 65536),
}
_LONGEST = 60
# So like a known name that it can hardly be meant as another one, although it begins with no prefix of ours.
_SAME_BUT_FOR_A_SLIP = 0.92


def problems(options: Options, values: Mapping[str, Any], mask: Mask) -> Iterator[tuple[str, str]]:
    """``(option, sentence)`` for everything in ``values`` that ``options`` do not allow, and for what is missing.

    values  rendered, by the name of the option; others are not looked at.
    mask    applied to every value that is shown. Of lists, maps and secret options only the kind is shown.
    """
    for name, spec in options.items():
        if name in values:
            yield from ((name, sentence) for sentence in _of_value(name, spec, values[name], mask))
        elif spec.get("required"):
            yield name, f"{name} is not set; expected {_expected(spec)}."


def as_written(spec: Mapping[str, Any], written: Any, value: Any) -> Any:
    """The rendered value; a number that a template gave for a text becomes text, because YAML did not bend it."""
    if isinstance(written, Mapping) and isinstance(value, Mapping):
        options: Options = spec.get("options") or {}
        return {name: as_written(options.get(name, {}), written.get(name), one) for name, one in value.items()}
    if isinstance(written, list) and isinstance(value, list) and len(written) == len(value):
        element = {**spec, "type": spec.get("elements", "raw")}
        return [as_written(element, *pair) for pair in zip(written, value, strict=True)]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return str(value) if number and isinstance(written, str) and spec.get("type", "str") in ("str", "path") else value


def unclear(name: str, spec: Mapping[str, Any] | None, variables: Mapping[str, Any], error: Exception) -> str:
    """The sentence about an option that cannot be rendered; nothing of it comes from a value.

    What was said may repeat whatever a filter was given, or a key that was looked for, and a template of any option may
    refer to a password. So it is searched for names, and only those are told that stand in a template.

    spec       of the option; None when it has none.
    variables  as they were written.
    """
    words, said = _words(name, variables), " ".join(str(error).split())
    found = ((text, pattern.search(said)) for pattern, text in _FAILING)
    reasons = (text.format(name=match[1]) for text, match in found if match and match[1] in words)
    reason = next(reasons, f"its template fails ({type(error).__name__})")
    return f"{name} cannot be worked out: {reason}{f'; expected {_expected(spec)}' if spec else ''}."


def _words(name: str, variables: Mapping[str, Any]) -> set[str]:
    """The words of all templates that a variable is made of, in however many steps. A value is no template."""
    words: set[str] = set()
    reached, waiting = set(), [name]
    while waiting:
        one = waiting.pop()
        if one not in reached and one in variables:
            reached.add(one)
            new = {word for text in _templates(variables[one]) for word in _NAME.findall(text)}
            words |= new
            waiting += new
    return words


def _templates(value: Any) -> Iterator[str]:
    # No other mapping: to look at the variables of all hosts would render them.
    if isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _templates(one)
    elif isinstance(value, str):
        yield from re.findall(r"[{][{%].*?[%}][}]", value, re.DOTALL)


def secrets(
    given: Mapping[Any, Any], purposes: Iterable[str], refused: Callable[[str], str | None]
) -> Iterator[tuple[str, str]]:
    """``(option, sentence)`` for the secrets that an operator brings: an unknown purpose, and what is no secret.

    purposes  for which there are secrets.
    refused   why a text cannot be a secret; None when it can.
    """
    name, known = "mediverse_secrets", list(purposes)
    for purpose, value in given.items():
        if purpose not in known:
            spec: dict[str, Any] = {"options": {one: {} for one in known}}
            yield from ((name, said) for said in _of_map(name, spec, {purpose: ""}, str))
        elif value is None or value == "":
            yield name, f"{name}.{purpose} is empty; give a text, or remove it, and a secret is made on the first run."
        elif not isinstance(value, str):
            shown = _shown(value, {"no_log": True}, str)
            yield name, f"{name}.{purpose} is {shown}; expected text{_advice('str', value)}."
        elif why := refused(value):
            yield name, f"{name}.{purpose} is refused: it {why}."


def secret_texts(options: Options, values: Any) -> Iterator[str]:
    """Every text in ``values`` that stands where ``options`` say that it is secret."""
    if isinstance(values, list):
        for item in values:
            yield from secret_texts(options, item)
    elif isinstance(values, Mapping):
        for name, spec in options.items():
            if name in values:
                yield from _texts(values[name]) if spec.get("no_log") else ()
                yield from secret_texts(spec.get("options") or {}, values[name])


def holds_secrets(spec: Mapping[str, Any]) -> bool:
    """Whether an option is secret, or has a suboption that is."""
    return bool(spec.get("no_log")) or any(holds_secrets(one) for one in (spec.get("options") or {}).values())


class Names:
    """Which names of settings are known, and what is said about one that is not, or that has no effect.

    options   names of all options of roles and playbooks.
    prefixes  what the names of settings begin with; whatever else begins like that is a mistake.
    given     what the playbooks set for the roles: the template by the name of the variable.
    own       names, or patterns such as C(mediverse_lab_*), that the operator keeps for himself.
    """

    def __init__(
        self, options: Iterable[str], prefixes: Iterable[str], given: Mapping[str, Any], own: Iterable[str] = ()
    ) -> None:
        self._settable = sorted({*options, *SITE_FILE_KEYS} - set(given))
        self._known = {*self._settable, *given, *RUNTIME_NAMES}
        self._prefixes, self._given, self._own = tuple(prefixes), given, list(own)

    def unknown(self, name: str, site: str) -> str | None:
        """The sentence about a name that nobody reads; None when it is known, or looks like none of ours."""
        if name in self._known or self._is_own(name):
            return None
        said = f"{name} is read by no role and no playbook"
        ours = name.startswith(self._prefixes)
        near = self._nearest(name)
        if near in SITE_FILE_KEYS:
            return f"{said}; did you mean {near}, which the site file has ({_in_site_file(near, site)})?"
        if near:
            return f"{said}; did you mean {near}?"
        return f"{said}; remove it, or list it in mediverse_own_names if it is yours." if ours else None

    def without_effect(self, name: str, site: str) -> str | None:
        """The sentence about what a file of variables sets although it comes from elsewhere; None when it counts."""
        if self._is_own(name):
            return None
        if name in SITE_FILE_KEYS:
            place = _in_site_file(name, site)
            return f"{name} comes from the site file ({place}); set it there and remove it here."
        if name not in self._given:
            return None
        origin = self._origin(name)
        if origin is None:
            return f"{name} has no effect, because the playbook sets it itself; remove it here."
        if origin in SITE_FILE_KEYS:
            place = _in_site_file(origin, site)
            return f"{name} has no effect, because the playbook takes it from the site file ({place}); remove it here."
        return f"{name} has no effect, because the playbook takes it from {origin}; set that and remove it here."

    def repeats(self, name: str, wrong: Collection[str]) -> bool:
        """Whether a name that the playbooks set is made, in however many steps, of a ``wrong`` setting."""
        reached, waiting = set(), [name]
        while waiting:
            one = waiting.pop()
            if one in reached or one not in self._given:
                continue
            reached.add(one)
            waiting += re.findall(r"[a-z_]+", str(self._given[one]))
            if any(other in wrong and other not in self._given for other in waiting):
                return True
        return False

    def _nearest(self, name: str) -> str | None:
        prefix = next((prefix for prefix in self._prefixes if name.startswith(prefix)), "")
        # All names with the same long prefix are alike; what comes after it tells them apart.
        ends = {other[len(prefix) :]: other for other in self._settable if other.startswith(prefix)}
        near = difflib.get_close_matches(name[len(prefix) :], ends, 1, 0.6 if prefix else _SAME_BUT_FOR_A_SLIP)
        return ends[near[0]] if near else None

    def _origin(self, name: str) -> str | None:
        """What an operator sets instead of a name that the playbooks set; None when there is nothing."""
        for other in re.findall(r"[a-z_]+", str(self._given[name])):
            if other in self._settable:
                return str(other)
            # What is made of another name that the playbooks set; they do not go round in circles.
            if other in self._given and other != name:
                return self._origin(other)
        return None

    def _is_own(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self._own)


def _in_site_file(name: str, site: str) -> str:
    return SITE_FILE_KEYS[name].format(site=site)


def _of_value(path: str, spec: Mapping[str, Any], value: Any, mask: Mask) -> Iterator[str]:
    if value is None and not spec.get("required") and spec.get("default") is None:
        return
    kind = str(spec.get("type", "str"))
    fits = _fits(kind, value)
    rule = _RULES.get(path.rpartition(".")[2])
    # A number, too: put in quotes alone it would be wrong all the same.
    plain = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    if rule and plain and (why := rule(str(value))):
        yield f"{path} is {_shown(value, spec, mask)}, which {why}."
    elif not fits or (spec.get("choices") and kind != "list" and value not in spec["choices"]):
        advice = "" if fits else _advice(kind, value)
        yield f"{path} is {_shown(value, spec, mask)}; expected {_expected(spec)}{advice}."
    elif kind == "list":
        element = {"type": spec.get("elements", "raw")} | {k: v for k, v in spec.items() if k in _OF_AN_ELEMENT}
        for index, item in enumerate(value):
            yield from _of_value(f"{path}[{index}]", {**element, "required": True}, item, mask)
    elif kind == "dict" and spec.get("options"):
        yield from _of_map(path, spec, value, mask)


# What a specification says about the elements of a list and not about the list.
_OF_AN_ELEMENT = ("choices", "no_log", "options")


def _of_map(path: str, spec: Mapping[str, Any], value: Mapping[Any, Any], mask: Mask) -> Iterator[str]:
    options: Options = spec["options"]
    for key in value:
        if key in options:
            continue
        # What is no name may be the rest of a line: of "password:x", the colon without a space makes all of it the key.
        if not isinstance(key, str) or not _NAME.fullmatch(key):
            yield f"{path} has a key that is no name; expected {_either(options)}, and a space after each colon."
            continue
        near = difflib.get_close_matches(key, options, 1)
        yield f"{path}.{key} is unknown; {f'did you mean {near[0]}?' if near else f'expected {_either(options)}.'}"
    for name, sentence in problems(options, value, mask):
        # Sentences of the inner level begin with their own name.
        yield f"{path}.{name}{sentence[len(name) :]}"


def _fits(kind: str, value: Any) -> bool:
    if kind == "bool":
        return isinstance(value, bool) or value in (0, 1) or (isinstance(value, str) and value.lower() in _TRUTHS)
    if kind in ("int", "float"):
        if isinstance(value, str):
            return rules.number(value) is not None if kind == "int" else bool(_NUMBER.fullmatch(value))
        whole = isinstance(value, int) or (isinstance(value, float) and (kind == "float" or value.is_integer()))
        return whole and not isinstance(value, bool)
    if kind in ("str", "path"):
        # A number in its place may have been 00123456 or 1_000 when it was written.
        return isinstance(value, str)
    if kind == "list":
        return isinstance(value, (list, tuple))
    return isinstance(value, Mapping) if kind == "dict" else True


def _expected(spec: Mapping[str, Any]) -> str:
    kind = str(spec.get("type", "str"))
    if kind == "list":
        return f"a list of {_either(spec['choices'], 'and')}" if spec.get("choices") else "a list"
    if spec.get("choices"):
        return _either(spec["choices"])
    required = [name for name, one in (spec.get("options") or {}).items() if one.get("required")]
    return _EXPECTED.get(kind, kind) + (f" with {_either(required, 'and')}" if required else "")


def _advice(kind: str, value: Any) -> str:
    """What to do about a value that YAML took for something else."""
    quoted = kind in ("str", "path") and value is not None and not isinstance(value, (list, Mapping))
    return ", so put it in quotes" if quoted else ""


def _either(names: Iterable[Any], word: str = "or") -> str:
    *most, last = [str(name) for name in names]
    return f"{', '.join(most)} {word} {last}" if most else last


def _shown(value: Any, spec: Mapping[str, Any], mask: Mask) -> str:
    if value is None:
        return "empty"
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, (list, tuple)):
        return "a list"
    if holds_secrets(spec):
        return next((word for kind, word in _KINDS.items() if isinstance(value, kind)), "a date")
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    text = _QUERY.sub("?***", _USERINFO.sub("//***@", mask(value)))
    return str.__repr__(text if len(text) <= _LONGEST else text[:_LONGEST] + "...")


_KINDS = {str: "text that is not shown", bool: "true or false", int: "a number", float: "a number"}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
