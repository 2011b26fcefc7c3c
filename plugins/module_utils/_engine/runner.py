# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs what a module declares: read, plan, write, read back, report.

:func:`run` knows neither AnsibleModule nor where it runs; :func:`run_module` is the adapter for a Python target, and
the action plugins (``plugin_utils/_rest_action.py``) are the one for Windows. It is also the only place that catches
ApiError.

A module on this engine is a field table and three lines::

    SPEC = ResourceSpec(service=ORTHANC, fields=FIELDS, client=PeerClient, returns="peer", noun="Orthanc peer")

    def main() -> None:
        run_module(SPEC)

and its client four methods (see :class:`.resource.Client`). What a module never does: HTTP, ``changed``, check mode,
diff, masking.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .errors import INPUT, NOT_KEPT, ApiError, InputError
from .fields import MASK, secrets_of, show_all
from .hiding import hide, without_secrets
from .http import HAS_REQUESTS, Api, RequestsTransport, Transport
from .reconcile import CREATE, DELETE, NONE, ON_CREATE, UPDATE, Plan, checked, not_kept, plan, wanted_values
from .resource import ActionSpec, InfoSpec, Params, ResourceSpec, Spec

Register = Callable[[Iterable[str]], None]

_NOTHING = Plan(NONE, {}, {}, {}, {})


def run(spec: Spec, params: Params, transport: Transport, check_mode: bool, register: Register) -> dict[str, Any]:
    """Carry out one task and return its result, a failed one included.

    params     validated options.
    register   called with the secret texts that the server returned, so that the caller can hide them everywhere.
    """
    read_only = check_mode or isinstance(spec, InfoSpec)
    api = Api(transport, spec.service.login_help, spec.service.explain, read_only)
    result: dict[str, Any] = {"changed": False}
    try:
        if isinstance(spec, InfoSpec):
            result.update(spec.read(api, params))
        elif isinstance(spec, ActionSpec):
            result.update(spec.act(api, params, check_mode))
        else:
            _reconcile(spec, params, api, check_mode, register, result)
    except ApiError as error:
        result["changed"] |= error.changed
        result.update(failed=True, msg=error.msg, failure=error.failure)
    return result


class _Object:
    """One object on its way: it is checked, looked at, planned, written, read back and shown."""

    def __init__(self, spec: ResourceSpec, params: Params, api: Api, register: Register) -> None:
        self.spec, self.params, self._api, self._register = spec, params, api, register
        self.client = spec.client(api, params)
        # The key becomes part of a path: it is checked, like everything else that can be, before the first request.
        self.key = next((checked(field, params[field.option]) for field in spec.fields if field.key), None)
        if params.get("state", "present") == "present":
            wanted_values(spec.fields, params)
        self.current: dict[str, Any] | None = None
        self.planned = _NOTHING

    def look(self) -> None:
        """Read it, and decide."""
        spec, params = self.spec, self.params
        self.current = self._get()
        self.planned = plan(
            spec.fields,
            params,
            self.current,
            update_secret=params.get("update_secret", ON_CREATE),
            noun=spec.called(params),
            fingerprint=spec.fingerprint,
            salt=os.urandom(16),
        )
        if spec.validate:
            spec.validate(params, self.current, self.planned)

    @property
    def diff(self) -> dict[str, Any]:
        """The difference as the diff mode shows it."""
        return {"before": self.planned.before, "after": self.planned.after}

    def write(self, result: dict[str, Any]) -> None:
        """Carry the plan out."""
        planned, current, client = self.planned, self.current, self.client
        try:
            if planned.action == CREATE:
                client.create(self.key, planned)
            elif planned.action == UPDATE and current is not None:
                client.update(self.key, planned, current)
            elif planned.action == DELETE and current is not None:
                client.delete(self.key, current)
        except ApiError as error:
            # The server said no: nothing happened. In every other case something may have. A client with several
            # writes knows better: what came before the refused one was done.
            unsure = error.status is None or error.status >= 500
            result["changed"] |= bool(getattr(client, "wrote", unsure))
            raise
        result["changed"] = True

    def read_back(self) -> None:
        """Read it again; ApiError when the server did not keep what was written."""
        self.current = self._get()
        lost = not_kept(self.spec.fields, self.planned, self.current, self.spec.fingerprint)
        if lost:
            told = ", ".join(f"{option} (asked for {asked!r}, found {found!r})" for option, asked, found in lost)
            raise ApiError(
                f"{self._api.where} accepted the change of {self.spec.called(self.params)} but did not keep {told}. "
                "Check the value, and that nothing else manages the same object.",
                kind=NOT_KEPT,
            )

    def shown(self, written: bool) -> dict[str, Any]:
        """The object as it is, or as it would be."""
        planned = self.planned
        future = planned.changed and not written
        current = ({} if planned.action == DELETE else planned.desired) if future else self.current
        if not current:
            return {}
        return {**({self.spec.key: self.key} if self.spec.key else {}), **show_all(self.spec.fields, current)}

    def _get(self) -> dict[str, Any] | None:
        current = self.client.get(self.key)
        self._register(secrets_of(self.spec.fields, current))
        return current


def _reconcile(
    spec: ResourceSpec, params: Params, api: Api, check_mode: bool, register: Register, result: dict[str, Any]
) -> None:
    given = params.get(spec.several) if spec.several else None
    objects = [_Object(spec, one, api, register) for one in _each(spec, params, given)]
    result["warnings"] = [] if given is not None else getattr(objects[0].client, "warnings", [])
    listing = spec.listing if given is not None else ""
    _foresee(objects, api, listing)
    for one in objects:
        one.look()
    if listing:
        result["others"] = sorted(set(api.read(listing, absent=())) - {one.key for one in objects})
    due = [one for one in objects if one.planned.changed]
    result["diff"] = objects[0].diff if given is None else [_headed(one) for one in due]
    if check_mode:
        result["changed"] = bool(due)
    else:
        for one in due:
            one.write(result)
        _foresee(due, api)
        for one in due:
            one.read_back()
    if given is not None:
        result[spec.several] = {one.key: one.shown(not check_mode) for one in objects}
        return
    (single,) = objects
    result[spec.returns] = single.shown(not check_mode)
    if spec.finish and not check_mode and params.get("state", "present") == "present":
        result.update(spec.finish(single.client, params))


def _each(spec: ResourceSpec, params: Params, given: Sequence[Params] | None) -> list[Params]:
    """The options of each object."""
    if given is None:
        return [params]
    if params["state"] == "absent":
        raise InputError(f"state belongs to each of {spec.several}, and not beside them. Write it where it is meant.")
    names = [one[spec.key] for one in given]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{spec.several} names {', '.join(twice)} more than once. Write each of them once.")
    return [{**params, **one} for one in given]


def _foresee(objects: Sequence[_Object], api: Api, listing: str = "") -> None:
    path = objects[0].spec.path if len(objects) > 1 or (objects and listing) else None
    if path:
        api.foresee(*(path(one.key) for one in objects), *([listing] if listing else []))


def _headed(one: _Object) -> dict[str, Any]:
    name = one.spec.called(one.params)
    return {**one.diff, "before_header": name, "after_header": name}


def run_module(spec: Spec) -> None:
    """The body of every module's ``main()``."""
    module = AnsibleModule(argument_spec=spec.argument_spec(), supports_check_mode=True, **spec.rules())
    if not HAS_REQUESTS:
        module.fail_json(msg=missing_required_lib("requests"), failure={"status": None, "code": INPUT, "path": None})
    hidden: set[str] = module.no_log_values
    try:
        transport = RequestsTransport(spec.service.endpoint(module.params))
        result = run(spec, module.params, transport, module.check_mode, lambda found: hide(found, hidden))
    except Exception as error:  # a bug of ours: still one readable failure, with the trace where -vvv shows it
        module.fail_json(msg=f"Unexpected {type(error).__name__}: {error}", exception=traceback.format_exc())
    veiled = {name: MASK for name in spec.service.veiled}
    result = without_secrets(result, {**module.params, **veiled}, hidden)
    for warning in result.pop("warnings", []):
        module.warn(warning)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)
