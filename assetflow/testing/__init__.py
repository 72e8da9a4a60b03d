"""Support for testing assets: run them for real, in a throw-away project."""
