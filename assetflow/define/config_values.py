"""Config values of a computation: from defaults, settings and the command line, and their fingerprints."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from assetflow.define.annotations import strip_optional
from assetflow.define.definitions import Computation, Role
from assetflow.errors import UsageError, did_you_mean
from assetflow.model.version import fingerprint
from assetflow.values import dataclass

SECRET = "********"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedConfig:
    """The config of one computation: arguments by parameter, what is recorded, and a fingerprint per field.

    Secrets are masked in `shown` and do not count in `fields`: a new password makes no data stale.
    """

    arguments: Mapping[str, Any]
    shown: Mapping[str, Any]
    fields: tuple[tuple[str, str], ...]


_EMPTY = ResolvedConfig(arguments={}, shown={}, fields=())


def resource_instances(module: ModuleType) -> list[Any]:
    """The `Resource` objects that a module holds at its top level."""
    config = sys.modules.get("assetflow.define.config")
    if config is None:
        return []
    return [value for value in vars(module).values() if isinstance(value, config.Resource)]


def resolve_config(computation: Computation, given: Mapping[str, Any]) -> ResolvedConfig:
    """Config of a computation from `given` values by field name; UsageError for unknown fields and bad values."""
    model = computation.config_parameter
    values = {p.name: p for p in computation.parameters if p.role is Role.VALUE}
    if model is None and not values and not given:
        return _EMPTY
    model_class = strip_optional(model.annotation) if model else None
    model_fields = set(model_class.model_fields) if model_class else set()
    for name in given:
        if name not in model_fields and name not in values:
            known = model_fields | set(values)
            hint = did_you_mean(name, known)
            if hint is None:
                hint = f"its config fields are {', '.join(sorted(known))}" if known else "it has no config"
            raise UsageError(f"asset `{computation.assets[0]}` has no config field `{name}`", hint=hint)
    arguments: dict[str, Any] = {}
    shown: dict[str, Any] = {}
    fields: list[tuple[str, str]] = []
    for name, parameter in values.items():
        value = _coerce(computation, name, parameter.annotation, given[name]) if name in given else parameter.default
        if name in given or name in computation.declaration.bound:
            arguments[name] = value
            shown[name], version = _field(name, value)
            fields.append((name, version))
    if model is not None and model_class is not None:
        instance = _build(
            computation, model_class, {n: v for n, v in given.items() if n in model_fields}, model.default
        )
        arguments[model.name] = instance
        for name in sorted(model_fields):
            shown[name], version = _field(name, getattr(instance, name))
            fields.append((name, version))
    return ResolvedConfig(arguments=arguments, shown=shown, fields=tuple(sorted(fields)))


def _build(computation: Computation, model_class: Any, given: Mapping[str, Any], default: Any) -> Any:
    from pydantic import (
        ValidationError,
    )  # loaded by the Config class already; not worth its time in other projects

    base = default.model_dump() if default is not None else {}
    try:
        return model_class.model_validate({**base, **given})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"config of asset `{computation.assets[0]}`: `{place}`: {first['msg']}",
            hint=f"set it with -p {computation.assets[0]}.{place or 'field'}=value",
        ) from None


def _coerce(computation: Computation, name: str, annotation: Any, value: Any) -> Any:
    if annotation is None or isinstance(annotation, str):
        return value
    from pydantic import TypeAdapter, ValidationError  # only when a plain parameter is overridden

    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        message = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise UsageError(f"config of asset `{computation.assets[0]}`: `{name}`: {message}") from None


def _field(name: str, value: Any) -> tuple[Any, str]:
    """What is recorded for a value, and its fingerprint."""
    if hasattr(value, "get_secret_value"):
        return SECRET, fingerprint("g1", name, "secret")
    plain = _plain(value)
    return plain, fingerprint("g1", name, type(value).__name__, plain)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "get_secret_value"):
        return SECRET
    if hasattr(value, "model_dump"):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item) for item in value), key=repr)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return repr(value)
