"""Commonwheel: describe a car once; every function, tool and service runs on it."""

from __future__ import annotations

__version__ = "0.1.0"
