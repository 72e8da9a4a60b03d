"""The use cases: everything the command line, the watch and a notebook do with a project."""
