"""Project settings: where a project is, and what `[tool.assetflow]` and `ASSETFLOW_…` say about it.

Read on every command, also on the one that finds nothing to do, so it imports nothing heavy: the dozen fields are
checked by hand rather than by pydantic, whose import costs more than the whole check.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from assetflow.errors import ProjectNotFoundError, SettingsError, did_you_mean
from assetflow.values import dataclass

PREFIX = "ASSETFLOW_"
_RESERVED = frozenset({"PROJECT", "DEBUG", "COLOR", "WIDTH", "FAULT"})
"""Variables of the command line and the tests that are no project setting."""

EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one project; every field has the default that an empty `[tool.assetflow]` gives.

    Paths are relative to `root`. `origins` maps each field to the place its value comes from.
    """

    root: Path
    assets: tuple[str, ...] = ("assets",)
    catalog: str = "catalog"
    environment: str = "prod"
    timezone: str = "UTC"
    workers: int = 0
    executor: str = "thread"
    packages: str = "major"
    max_partitions: int = 10_000
    log_level: str = "INFO"
    pools: Mapping[str, int] = field(default_factory=dict)
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    freshness: Mapping[str, Any] = field(default_factory=dict)
    openlineage: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def asset_roots(self) -> tuple[Path, ...]:
        return tuple(self.root / folder for folder in self.assets)

    @property
    def catalog_root(self) -> Path:
        return self.root / self.catalog

    @property
    def cache_root(self) -> Path:
        """Derived files only: deleting the folder costs time, never data."""
        return self.catalog_root / "cache"

    @property
    def worker_count(self) -> int:
        """How many steps run at once: the setting, or one per processor and at least four (0 means automatic)."""
        return self.workers or max(4, os.cpu_count() or 1)


DESCRIPTIONS: Mapping[str, str] = {
    "assets": "folders with asset files, relative to the project",
    "catalog": "folder of the catalog, its log and its store",
    "environment": "environment that commands work on",
    "timezone": "zone of declarations that name none, and of times on the screen",
    "workers": "steps that run at once; 0 is one per processor, at least 4",
    "executor": "where functions run that do not say: thread, process or inline",
    "packages": "how third-party versions count in a code version: major, exact or ignore",
    "max_partitions": "most dynamic partitions one step may add",
    "log_level": "least level of asset log records that are kept",
    "pools": "steps that run at once over all runs of the project, by the pool that assets name with pool=",
    "config": "config values per asset, under [tool.assetflow.config.ASSET]",
    "freshness": "freshness policies that assets inherit, by selection",
    "openlineage": "where runs are told in OpenLineage's words: transport, url, path, namespace, api_key, timeout",
}


def find_root(start: Path) -> Path:
    """The project folder at or above `start`; ProjectNotFoundError when there is none.

    A project is a folder whose `pyproject.toml` has `[tool.assetflow]`, or else one with an `assets` folder.
    """
    start = start.resolve()
    if not start.is_dir():
        raise ProjectNotFoundError(f"`{start}` is not a folder", hint="name a project folder with -C DIR")
    candidates = (start, *start.parents)
    for folder in candidates:
        if _has_table(folder / "pyproject.toml"):
            return folder
    for folder in candidates:
        if (folder / "assets").is_dir():
            return folder
    raise ProjectNotFoundError(
        f"no project at or above `{start}`: no `[tool.assetflow]` in a pyproject.toml and no `assets` folder",
        hint="run `assetflow init` to make one, or name it with -C DIR",
    )


def load_settings(
    root: Path,
    environ: Mapping[str, str],
    *,
    overrides: Mapping[str, Any] = EMPTY,
    overrides_origin: str = "argument",
) -> Settings:
    """Settings of the project at `root`: defaults, then `pyproject.toml`, then `ASSETFLOW_…`, then `overrides`."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = dict.fromkeys(_PARSERS, "default")
    for name, value in _file_values(root).items():
        values[name] = parse_setting(name, value, where="pyproject.toml")
        origins[name] = "pyproject.toml"
    for name, (value, origin) in _environment_values(environ, values).items():
        values[name] = parse_setting(name, value, where=origin)
        origins[name] = origin
    for name, value in overrides.items():
        if value is not None:
            values[name] = parse_setting(name, value, where=overrides_origin)
            origins[name] = overrides_origin
    return Settings(root=root, origins=origins, **values)


def _has_table(path: Path) -> bool:
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError:
        return False
    return "[tool.assetflow" in text and bool(_parse_toml(path, text).get("tool", {}).get("assetflow") is not None)


def _parse_toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path.name} is not valid TOML: {error}", file=str(path)) from error


def _file_values(root: Path) -> dict[str, Any]:
    path = root / "pyproject.toml"
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read `{path}`: {error}") from error
    table = _parse_toml(path, text).get("tool", {}).get("assetflow", {})
    if not isinstance(table, dict):
        raise SettingsError("pyproject.toml: [tool.assetflow] is not a table")
    for name in table:
        _check_name(name, where="pyproject.toml")
    return table


def _environment_values(environ: Mapping[str, str], base: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    found: dict[str, tuple[Any, str]] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable[len(PREFIX) :] in _RESERVED:
            continue
        name, *path = variable[len(PREFIX) :].split("__")
        name = name.lower()
        _check_name(name, where=variable)
        value: Any = environ[variable]
        if path:
            tree = json.loads(json.dumps(dict(found.get(name, (base.get(name, {}), ""))[0]), default=dict))
            node = tree
            for part in path[:-1]:
                node = node.setdefault(part.lower(), {})
            node[path[-1].lower()] = value
            value = tree
        found[name] = (value, variable)
    return found


def _check_name(name: str, *, where: str) -> None:
    if name not in _PARSERS:
        raise SettingsError(
            f"{where}: unknown setting `{name}`",
            hint=did_you_mean(name, _PARSERS) or f"settings are {', '.join(sorted(_PARSERS))}",
        )


def parse_setting(name: str, value: Any, *, where: str = "argument") -> Any:
    """The value of a setting, checked; SettingsError when it does not fit."""
    try:
        return _PARSERS[name](value)
    except (ValueError, TypeError) as error:
        shown = "" if name in ("openlineage", "config") else f" = {value!r}"  # these may hold secrets
        raise SettingsError(f"{where}: setting `{name}`{shown}: {error}", setting=name) from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be text that is not empty")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    items = value.split(os.pathsep if os.pathsep in value else ",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or not items:
        raise ValueError("must be a list of texts")
    return tuple(_text(item) for item in items)


def _whole(least: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError("must be a whole number")
        try:
            number = int(value)
        except ValueError:
            raise ValueError("must be a whole number") from None
        if number < least:
            raise ValueError(f"must be at least {least}")
        return number

    return parse


def _one_of(*allowed: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return str(value)

    return parse


def _zone(value: Any) -> str:
    # only when a zone is set: most commands and projects never ask for one here
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(_text(value))
    except (KeyError, ValueError, OSError):
        hint = did_you_mean(str(value), available_timezones())
        raise ValueError(f"is no time zone{f', {hint}' if hint else ''}") from None
    return str(value)


def _environment_name(value: Any) -> str:
    name = _text(value)
    if not all(part.isalnum() or part in "_-." for part in name):
        raise ValueError("may hold letters, digits, `_`, `-` and `.`")
    return name


def _tables(value: Any) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(value, Mapping) or not all(isinstance(table, Mapping) for table in value.values()):
        raise ValueError("must be a table per asset")
    return {str(name): dict(table) for name, table in sorted(value.items())}


def _policies(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a table of selections and policies")
    return {str(name): policy for name, policy in value.items()}


def _sizes(value: Any) -> Mapping[str, int]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a table of sizes, for example db = 2")
    sizes: dict[str, int] = {}
    for name, size in sorted(value.items()):
        try:
            sizes[str(name)] = _whole(1)(size)
        except ValueError as error:
            raise ValueError(f"pool `{name}` {error}") from None
    return sizes


_TRANSPORTS = {"http": "url", "file": "path", "console": None}
"""How OpenLineage events travel, and what each way has to be told."""
_OPENLINEAGE = ("transport", "url", "path", "namespace", "api_key", "timeout")


def _openlineage(value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a table, for example with url = …")
    found = {str(name): str(each) for name, each in value.items() if each not in (None, "")}
    for name in found:
        if name not in _OPENLINEAGE:
            hint = did_you_mean(name, _OPENLINEAGE)
            raise ValueError(f"has no field `{name}`, {hint or 'fields are ' + ', '.join(_OPENLINEAGE)}")
    if "transport" not in found and "url" in found and "path" in found:
        raise ValueError('has url and path: say which one counts, transport = "http" or transport = "file"')
    kind = openlineage_transport(found)
    if kind is not None and kind not in _TRANSPORTS:
        raise ValueError(f"transport must be one of {', '.join(_TRANSPORTS)}")
    needed = _TRANSPORTS.get(kind or "")
    if needed is not None and needed not in found:
        raise ValueError(f"transport `{kind}` needs {needed} = …")
    if "url" in found:
        _check_receiver(found["url"])
    if "timeout" in found and not _is_positive(found["timeout"]):
        raise ValueError("timeout must be a number of seconds above 0")
    return found


def openlineage_transport(table: Mapping[str, str]) -> str | None:
    """How events travel by these settings: as they say, or by the place that they name; None where they do not."""
    return table.get("transport", "http" if "url" in table else "file" if "path" in table else None)


def _check_receiver(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"url {url!r} must begin with http:// or https://")
    # only where a receiver is set
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("url must not hold a password, which is never sent: give the key of the receiver as api_key")
    try:
        is_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_host = False
    if not is_host or any(each.isspace() or not each.isprintable() for each in url) or not url.isascii():
        raise ValueError(f"url {url!r} names no host and path, as http://localhost:5000 does")


def _is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False


_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "assets": _texts,
    "catalog": _text,
    "environment": _environment_name,
    "timezone": _zone,
    "workers": _whole(0),
    "executor": _one_of("thread", "process", "inline"),
    "packages": _one_of("major", "exact", "ignore"),
    "max_partitions": _whole(1),
    "log_level": lambda value: _one_of("DEBUG", "INFO", "WARNING", "ERROR")(str(value).upper()),
    "pools": _sizes,
    "config": _tables,
    "freshness": _policies,
    "openlineage": _openlineage,
}

assert set(_PARSERS) == {f.name for f in fields(Settings)} - {"root", "origins"} == set(DESCRIPTIONS)
