"""Measurements: each module is a script that measures one thing and prints it; none asserts a time."""
