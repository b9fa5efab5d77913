// The module's first file; see Docs/Architecture.md for its purpose.
