# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module declares: its service, its field table and its client.

Every module file has a module-level ``SPEC``: a :class:`ResourceSpec`, an :class:`InfoSpec` or an
:class:`ActionSpec`. The module's ``main()`` and the action plugin of the same name both run it, so neither holds any
logic of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Union

from .fields import Field, argument_spec, check_table
from .http import LONGEST_PAUSE, Api, Endpoint
from .messages import Response
from .reconcile import ALWAYS, ON_CREATE, WHEN_CHANGED, Plan

Params = Mapping[str, Any]

_STATE: Mapping[str, Any] = {"type": "str", "choices": ["present", "absent"], "default": "present"}


class Client(Protocol):
    """One kind of object behind an API. Objects are dicts in API names. Methods raise ApiError; they never look at
    check mode. A client may have ``warnings``, a list of sentences that the operator should see.
    """

    def get(self, key: Any) -> dict[str, Any] | None:
        """The object, or None when it does not exist. One request if at all possible: on Windows each one takes a
        second.
        """

    def create(self, key: Any, planned: Plan) -> None:
        """Create it from ``planned.desired``."""

    def update(self, key: Any, planned: Plan, current: dict[str, Any]) -> None:
        """Send ``planned.delta`` (PATCH) or ``planned.desired`` (PUT). ``current`` is what :meth:`get` returned
        before.
        """

    def delete(self, key: Any, current: dict[str, Any]) -> None:
        """Remove it; ``current`` is what :meth:`get` returned before."""


@dataclass(frozen=True)
class Service:
    """An API with its connection options.

    name         as messages call it: ``Orthanc``.
    api_url      the default of that option.
    options      the argument spec of its credentials; the common connection options are added.
    headers      options -> headers that go out with every request.
    login_help   the sentence after a refused login.
    explain      an error answer -> the server's own short reason.
    retry_for    seconds during which safe requests are repeated while the service is starting.
    veiled       options that no result shows. Unlike a secret they are not looked for in other texts.
    longest_pause  see :class:`.http.Endpoint`.
    """

    name: str
    api_url: str
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    headers: Callable[[Params], Mapping[str, str]] = lambda params: {}
    login_help: str = ""
    explain: Callable[[Response], str] | None = None
    retry_for: float = 10.0
    veiled: tuple[str, ...] = ()
    longest_pause: float = LONGEST_PAUSE

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        """The connection options of every module of this service."""
        return {
            "api_url": {"type": "str", "default": self.api_url},
            "validate_certs": {"type": "bool", "default": True},
            "ca_path": {"type": "path"},
            "api_timeout": {"type": "int", "default": 30},
            **{name: dict(spec) for name, spec in self.options.items()},
        }

    def endpoint(self, params: Params) -> Endpoint:
        """Where the task wants to go."""
        return Endpoint(
            service=self.name,
            url=str(params["api_url"]).rstrip("/"),
            headers=self.headers(params),
            validate_certs=bool(params["validate_certs"]),
            ca_path=params["ca_path"],
            timeout=float(params["api_timeout"]),
            retry_for=self.retry_for,
            longest_pause=self.longest_pause,
        )


@dataclass(frozen=True)
class ResourceSpec:
    """A kind of object that tasks create, change and remove.

    returns      the name of the object in the result, e.g. ``peer``; noun is its name in messages, e.g. ``Orthanc
                 peer``.
    client       (Api, options) -> Client.
    key          the option that identifies it; empty for a singleton (options of a server), which has no ``state``
                 either.
    validate     (options, current object or None, plan) -> None; raises InputError. Runs before anything is written, in
                 check mode too. For rules between options, or between an option and what is on the server, such as
                 "not while it is in use" (``planned.action == DELETE``).
    fingerprint  API name under which the object can carry a fingerprint of its write-only values; makes
                 ``update_secret`` default to ``when_changed``.
    options      the argument spec of options that are no property of the object, e.g. how long to wait.
    finish       (client, options) -> more keys of the result, or ApiError. Runs last, only when the object is present
                 and never in check mode; for waiting until a change has taken effect.
    constraints  AnsibleModule keyword arguments: required_if, required_together, mutually_exclusive, ...
    several      the option that takes a list of objects in the place of one, e.g. ``peers``: all are read together,
                 what differs is written, and that is read back together. Needs ``path``.
    path         key -> the path of the GET with which the client reads that object.
    listing      the path of a GET that tells the keys of all objects; with ``several`` it is asked in the same trip.
    """

    service: Service
    fields: tuple[Field, ...]
    client: Callable[[Api, Params], Client]
    returns: str
    noun: str
    key: str = "name"
    validate: Callable[[Params, Mapping[str, Any] | None, Plan], None] | None = None
    fingerprint: str = ""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    finish: Callable[[Any, Params], dict[str, Any]] | None = None
    constraints: Mapping[str, Any] = field(default_factory=dict)
    several: str = ""
    path: Callable[[Any], str] | None = None
    listing: str = ""

    def __post_init__(self) -> None:
        check_table(self.fields, self.noun)
        if self.several and not (self.path and self.key and not self.finish):
            raise ValueError(f"{self.noun}: several of them need a key and a path, and cannot be waited for")
        keys = [f.option for f in self.fields if f.key]
        if keys != ([self.key] if self.key else []):
            raise ValueError(f"{self.noun}: the key is {self.key!r}, but the table marks {keys}")

    @property
    def has_write_only(self) -> bool:
        """Whether there are values that cannot be read back, and so an option ``update_secret``."""
        return any(f.write_only for f in self.fields)

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        """All options of the module."""
        spec = {**self.service.argument_spec(), **argument_spec(self.fields)}
        spec.update({name: dict(option) for name, option in self.options.items()})
        if self.key:
            spec["state"] = dict(_STATE)
        if self.several:
            spec[self.several] = {
                "type": "list",
                "elements": "dict",
                "options": {**argument_spec(self.fields), "state": dict(_STATE)},
                **self.constraints,
            }
            spec[self.key]["required"] = False
        if self.has_write_only:
            choices = [ALWAYS, ON_CREATE] + ([WHEN_CHANGED] if self.fingerprint else [])
            default = WHEN_CHANGED if self.fingerprint else ON_CREATE
            spec["update_secret"] = {"type": "str", "choices": choices, "default": default, "no_log": False}
        return spec

    def rules(self) -> dict[str, Any]:
        """AnsibleModule's keyword arguments: rules between options."""
        found: dict[str, Any] = {name: list(value) for name, value in self.constraints.items()}
        if self.several:
            found["required_one_of"] = [*found.get("required_one_of", []), (self.key, self.several)]
            beside = [(self.several, one.option) for one in self.fields if one.is_option]
            found["mutually_exclusive"] = [*found.get("mutually_exclusive", []), *beside]
        return found

    def called(self, params: Params) -> str:
        """The object of this task, for messages: ``Orthanc peer 'cloud'``."""
        return f"{self.noun} {params[self.key]!r}" if self.key else self.noun


@dataclass(frozen=True)
class InfoSpec:
    """A module that only reads. ``read`` returns the keys and values of the result."""

    service: Service
    read: Callable[[Api, Params], dict[str, Any]]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    constraints: Mapping[str, Any] = field(default_factory=dict)

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        """All options of the module."""
        return {**self.service.argument_spec(), **{name: dict(spec) for name, spec in self.options.items()}}

    def rules(self) -> dict[str, Any]:
        """AnsibleModule's keyword arguments: rules between options."""
        return dict(self.constraints)


@dataclass(frozen=True)
class ActionSpec:
    """A module that makes the server do something, without an object that could be compared afterwards.

    ``act`` returns the keys and values of the result, ``changed`` among them. In check mode it may only read.
    """

    service: Service
    act: Callable[[Api, Params, bool], dict[str, Any]]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    constraints: Mapping[str, Any] = field(default_factory=dict)

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        """All options of the module."""
        return {**self.service.argument_spec(), **{name: dict(spec) for name, spec in self.options.items()}}

    def rules(self) -> dict[str, Any]:
        """AnsibleModule's keyword arguments: rules between options."""
        return dict(self.constraints)


Spec = Union[ResourceSpec, InfoSpec, ActionSpec]
