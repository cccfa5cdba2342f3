"""The tests; a package of its own, since others are installed under the same name."""
