"""The store on a local file system: immutable objects, written once, read as the annotation asks."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assetflow.errors import FormatError, OutputLostError
from assetflow.faults import fault
from assetflow.model.keys import show
from assetflow.model.record import Current
from assetflow.store import atomic
from assetflow.store.asked import asked, qualified_name
from assetflow.store.flushing import FileSystem, open_file_system
from assetflow.store.formats import LoadRequest, WriteRequest, format_named, write_value
from assetflow.store.hashing import version_hex
from assetflow.store.layout import asset_folder
from assetflow.store.read_log import ReadLog
from assetflow.store.stored import StoredObject
from assetflow.store.union import Part, Union, load_parts

__all__ = ["LocalStore", "StoredObject"]

_BYTES = re.compile(r'"bytes": ?(\d+)')
"""The size within the JSON of a stored object: planning asks for it very often and for nothing else there."""


class LocalStore:
    """Immutable, content-addressed objects below one folder.

    Any number of processes and threads may write and read at once: a write ends in a rename to a name made of
    the content's hash, so two writers of equal content meet in the same object and nobody sees half of one.
    """

    def __init__(self, root: Path) -> None:
        # absolute, because steps may change the working directory
        self.root = Path(root).absolute()
        self._root_text = str(self.root)
        self._file_system: FileSystem | None = None

    def write(
        self,
        value: object,
        *,
        asset: str,
        partition: str | None,
        unordered: bool = False,
        durable: bool = True,
    ) -> StoredObject:
        """Write a value as an immutable object, in the format that its type asks for.

        A lazy frame, a relation or a reader is streamed; its own errors pass through unchanged. `unordered`
        makes the version of a table stand for the multiset of its rows. With `durable=False` nothing is
        flushed to the disk: call `sync` before the object is published. Equal content is kept once.

        Raises `FormatError` for a value that cannot be kept, `StoreError` when the disk fails; then nothing
        is left behind.
        """
        who = f"`{show(asset, partition)}`"
        below = asset_folder(asset, partition)
        folder = f"{self._root_text}/{below}"  # as text: a path object costs more than writing a small value
        with atomic.writing(folder, root=self.root, what=who) as target:
            if not durable and self._file_system is None:
                # before the first write, so that a flush later tells of one that failed
                self._file_system = open_file_system(self.root)
            written = write_value(
                value, WriteRequest(file=target, asset=asset, partition=partition, unordered=unordered)
            )
            name = version_hex(written.data_version) + written.suffix
            size = atomic.put_in_place(
                target, f"{folder}/{name}", root=self.root, durable=durable, read_only=written.read_only
            )
        return StoredObject(
            uri=f"{below}/{name}",
            format=written.format,
            data_version=written.data_version,
            bytes=size,
            rows=written.rows,
            schema=written.schema,
            column_versions=written.column_versions,
            python_type=qualified_name(type(value)),
        )

    def load(
        self,
        obj: StoredObject,
        as_type: object = None,
        *,
        connection: Any = None,
        who: str | None = None,
        reads: ReadLog | None = None,
    ) -> Any:
        """Read an object back as the type that an annotation asks for; None gives what was written.

        `connection` is the DuckDB connection that a relation shall belong to (a fresh one otherwise), `who`
        how messages name the value; `reads` notes what is read of a lazy frame.

        Raises `OutputLostError` when the object is gone or cut, `FormatError` when its
        format cannot give that type.
        """
        found = format_named(obj.format)
        request = replace(self._request(obj, as_type, connection, who), reads=reads)
        try:
            return found.load(request)
        except FormatError:
            # of a union the first member that fits: `pl.DataFrame | None`
            for option in request.asked.options:
                with contextlib.suppress(FormatError):
                    return found.load(replace(request, asked=option))
            raise

    def load_many(
        self,
        objs: Sequence[tuple[str, StoredObject]],
        as_type: object = None,
        *,
        partition_column: str | None = None,
        connection: Any = None,
        who: str | None = None,
        reads: ReadLog | None = None,
        example: StoredObject | None = None,
    ) -> Any:
        """Read the objects of several partitions, given as (partition key, object) in partition order.

        A frame type receives the union of all rows in the order given, with the key of each row in
        `partition_column` when that is named; `dict[str, T]` receives one value per key, `list[T]` the values
        in order; None gives the union of tables, and a dictionary of anything else. Other types are refused
        also for a single partition, so that an input does not change its shape with the number of partitions.
        A frame of no partitions has the columns of the `example`, without its rows.
        """

        def part(key: str, obj: StoredObject) -> Part:
            return Part(key=key, obj=obj, path=self._whole(obj, who), load=self._loader(obj, connection, who, reads))

        parts = [part(key, obj) for key, obj in objs]
        return load_parts(
            parts,
            as_type,
            Union(
                who=who or "the input",
                partition_column=partition_column,
                connection=connection,
                reads=reads,
                example=None if example is None else part("", example),
            ),
        )

    def exists(self, uri: str) -> bool:
        """Whether the object is in the store."""
        return self.path(uri).exists()

    def holds(self, record: Current) -> bool:
        """Whether the object of a record is in the store, for a file with as many bytes as were written."""
        written = _BYTES.search(record.payload)
        return self.has(record.uri, None if written is None else int(written.group(1)))

    def has(self, uri: str, size: int | None) -> bool:
        """Whether an object is in the store, for a file with that many bytes (None: with any)."""
        try:
            status = os.stat(f"{self._root_text}/{uri}")  # a path object costs more than the look
        except (FileNotFoundError, NotADirectoryError):
            return False
        return size is None or status.st_size == size or stat.S_ISDIR(status.st_mode)

    def path(self, uri: str) -> Path:
        """The absolute path of an object."""
        return self.root.joinpath(*uri.split("/"))

    def verify(self, obj: StoredObject) -> bool:
        """Whether the object's content still has the recorded data version; reads all of it.

        A file that its format cannot even read is damaged, thus False; a missing object raises
        `OutputLostError`.
        """
        path = self._existing(obj, None)
        found = format_named(obj.format)
        # any failure of a reader over damaged bytes means the same: this is not what was written
        try:
            return atomic.size_of(str(path)) == obj.bytes and found.version(path, obj) == obj.data_version
        except Exception:
            return False

    def sync(self, uris: Iterable[str]) -> None:
        """Flush objects written with `durable=False`, and the folders that name them, to the disk."""
        paths = [os.path.join(self._root_text, *uri.split("/")) for uri in uris]
        with atomic.disk_errors(self.root, what=f"{len(paths)} objects"):
            fault("store.sync")
            if self._file_system is not None and self._file_system.flush(paths):
                return
            for path in paths:
                atomic.flush(path)
            atomic.flush_folders(map(os.path.dirname, paths), root=self.root)

    def _loader(
        self, obj: StoredObject, connection: Any, who: str | None, reads: ReadLog | None
    ) -> Callable[[object], Any]:
        return lambda as_type: self.load(obj, as_type, connection=connection, who=who, reads=reads)

    def _request(self, obj: StoredObject, as_type: object, connection: Any, who: str | None) -> LoadRequest:
        return LoadRequest(
            path=self._whole(obj, who),
            who=who or f"the object `{obj.uri}`",
            format=obj.format,
            asked=asked(as_type),
            python_type=obj.python_type,
            connection=connection,
        )

    def _existing(self, obj: StoredObject, who: str | None) -> Path:
        path = self.path(obj.uri)
        if not path.exists():
            raise OutputLostError(
                f"the object `{obj.uri}`{f' of {who}' if who else ''} is gone from the store at {self.root}",
                hint="materialize it again; objects must not be removed by hand",
                uri=obj.uri,
            )
        return path

    def _whole(self, obj: StoredObject, who: str | None) -> Path:
        """The path of an object that is there and, for a file, as long as it was written."""
        path = self._existing(obj, who)
        if path.is_file() and (size := path.stat().st_size) != obj.bytes:
            raise OutputLostError(
                f"the object `{obj.uri}`{f' of {who}' if who else ''} is damaged: {size:,} bytes of {obj.bytes:,}",
                hint="materialize it again; objects of the store are never changed by hand",
                uri=obj.uri,
            )
        return path
