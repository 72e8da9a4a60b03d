"""Definitions: decorators, loading, the code version, project settings."""
