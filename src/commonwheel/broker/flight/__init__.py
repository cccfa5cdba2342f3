"""The native stream: columnar batches over Arrow Flight, for dashboards, loggers and uploads.

Any Arrow Flight client of any language reads it; ``docs/native.md`` shows how.
"""
