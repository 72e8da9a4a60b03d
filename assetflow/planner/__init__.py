"""Planning as pure computation: definitions and a catalog snapshot in, a plan out; no file, no clock."""
