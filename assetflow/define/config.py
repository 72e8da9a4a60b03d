"""Config and resources: pydantic models that are injected by type."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Base of an asset's config: typed fields with defaults, set by `[tool.assetflow.config.ASSET]` or `-p`.

    A field that changes makes the asset stale. Unknown fields are errors. Secrets are `pydantic.SecretStr`: resolved,
    never recorded.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class Resource(BaseModel):
    """Base of something assets share during a run: a client, a connection.

    One instance per run: `open` is called before its first use, `close` at the end, in reverse order. Its fields are
    settings, not data: they make nothing stale.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    def open(self) -> None:
        """Called once per run, before the first step that needs the resource."""

    def close(self) -> None:
        """Called once at the end of the run, if `open` was."""
