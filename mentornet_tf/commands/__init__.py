"""The command lines: flags, checks and one call into the library each."""
