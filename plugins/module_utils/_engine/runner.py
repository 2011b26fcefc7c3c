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
from collections.abc import Callable, Iterable
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .errors import INPUT, NOT_KEPT, ApiError
from .fields import secrets_of, show_all
from .hiding import hide, without_secrets
from .http import HAS_REQUESTS, Api, RequestsTransport, Transport
from .reconcile import CREATE, DELETE, ON_CREATE, UPDATE, Plan, checked, not_kept, plan, wanted_values
from .resource import ActionSpec, Client, InfoSpec, Params, ResourceSpec, Spec

Register = Callable[[Iterable[str]], None]


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
        result.update(failed=True, msg=error.msg, failure=error.failure)
    return result


def _reconcile(
    spec: ResourceSpec, params: Params, api: Api, check_mode: bool, register: Register, result: dict[str, Any]
) -> None:
    client = spec.client(api, params)
    # The key becomes part of a path: it is checked, like everything else that can be, before the first request.
    key = next((checked(field, params[field.option]) for field in spec.fields if field.key), None)
    if params.get("state", "present") == "present":
        wanted_values(spec.fields, params)
    result["warnings"] = getattr(client, "warnings", [])
    current = _get(spec, client, key, register)
    planned = plan(
        spec.fields,
        params,
        current,
        update_secret=params.get("update_secret", ON_CREATE),
        noun=spec.called(params),
        fingerprint=spec.fingerprint,
        salt=os.urandom(16),
    )
    if spec.validate:
        spec.validate(params, current, planned)
    result["diff"] = {"before": planned.before, "after": planned.after}
    if planned.changed and not check_mode:
        try:
            _write(client, key, planned, current)
        except ApiError as error:
            # The server said no: nothing happened. In every other case something may have.
            result["changed"] = error.status is None or error.status >= 500
            raise
        result["changed"] = True
        current = _get(spec, client, key, register)
        _require_kept(spec, params, api, planned, current)
        result[spec.returns] = _shown(spec, key, current)
    else:
        result["changed"] = planned.changed
        after = {} if planned.action == DELETE else planned.desired if planned.changed else current
        result[spec.returns] = _shown(spec, key, after)
    if spec.finish and not check_mode and params.get("state", "present") == "present":
        result.update(spec.finish(client, params))


def _get(spec: ResourceSpec, client: Client, key: Any, register: Register) -> dict[str, Any] | None:
    current = client.get(key)
    register(secrets_of(spec.fields, current))
    return current


def _write(client: Client, key: Any, planned: Plan, current: dict[str, Any] | None) -> None:
    if planned.action == CREATE:
        client.create(key, planned)
    elif planned.action == UPDATE and current is not None:
        client.update(key, planned, current)
    elif planned.action == DELETE and current is not None:
        client.delete(key, current)


def _require_kept(spec: ResourceSpec, params: Params, api: Api, planned: Plan, current: dict[str, Any] | None) -> None:
    lost = not_kept(spec.fields, planned, current, spec.fingerprint)
    if lost:
        told = ", ".join(f"{option} (asked for {asked!r}, found {found!r})" for option, asked, found in lost)
        raise ApiError(
            f"{api.where} accepted the change of {spec.called(params)} but did not keep {told}. "
            "Check the value, and that nothing else manages the same object.",
            kind=NOT_KEPT,
        )


def _shown(spec: ResourceSpec, key: Any, current: dict[str, Any] | None) -> dict[str, Any]:
    if not current:
        return {}
    return {**({spec.key: key} if spec.key else {}), **show_all(spec.fields, current)}


def run_module(spec: Spec) -> None:
    """The body of every module's ``main()``."""
    module = AnsibleModule(argument_spec=spec.argument_spec(), supports_check_mode=True, **spec.constraints)
    if not HAS_REQUESTS:
        module.fail_json(msg=missing_required_lib("requests"), failure={"status": None, "code": INPUT, "path": None})
    hidden: set[str] = module.no_log_values
    try:
        transport = RequestsTransport(spec.service.endpoint(module.params))
        result = run(spec, module.params, transport, module.check_mode, lambda found: hide(found, hidden))
    except Exception as error:  # a bug of ours: still one readable failure, with the trace where -vvv shows it
        module.fail_json(msg=f"Unexpected {type(error).__name__}: {error}", exception=traceback.format_exc())
    result = without_secrets(result, module.params, hidden)
    for warning in result.pop("warnings", []):
        module.warn(warning)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)
