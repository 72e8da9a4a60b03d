"""What functions read beside their inputs: files and environment variables that no version knows of."""
