"""Immutable objects: where values are kept, how they are hashed, written and read back by type."""

from assetflow.store.external import hash_file, hash_files, read_file, read_partitions
from assetflow.store.objects import LocalStore
from assetflow.store.split import split_partitions
from assetflow.store.stored import StoredObject
from assetflow.store.sweep import remove_abandoned, remove_object, stored_uris

__all__ = [
    "LocalStore",
    "StoredObject",
    "hash_file",
    "hash_files",
    "read_file",
    "read_partitions",
    "remove_abandoned",
    "remove_object",
    "split_partitions",
    "stored_uris",
]
