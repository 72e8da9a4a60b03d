"""The command line: words and exit codes around the use cases of `assetflow.project`; no logic of its own."""
