"""The dashboard's own files, read once, and the headers that every answer carries.

The content security policy lets a page load nothing but these files and speak with nobody but this server; no inline
script or style runs, so nothing that a car or an app says can become one.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from commonwheel.report.palette import DARK, LIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

__all__ = ["HEADERS", "Asset", "document_policy", "load_assets"]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""Of every answer. Files are asked for again each time, and answered with 304 unless they have changed."""

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_NONE = "'none'"
_INLINE = re.compile(r"<(script|style)(?:\s[^>]*)?>(.*?)</\1>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    body: bytes
    packed: bytes
    """The same, gzipped."""
    kind: str
    """Media type."""
    tag: str
    """Its entity tag, quoted."""

    @classmethod
    def of(cls, body: bytes, kind: str) -> Asset:
        """Return an asset of some bytes."""
        tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        return cls(body, gzip.compress(body, 9, mtime=0), kind, tag)


def load_assets() -> dict[str, Asset]:
    """Return every file by its path on the server; ``/`` is the page itself."""
    found = {
        path: Asset.of(file.read_bytes(), kind)
        for path, file, kind in _files(resources.files("commonwheel.web"), "static")
    }
    found["/theme.css"] = Asset.of(_theme().encode(), _KINDS[".css"])
    found["/"] = found.pop("/index.html")
    return found


def _files(folder: Traversable, name: str, path: str = "") -> Iterator[tuple[str, Traversable, str]]:
    for item in (folder / name).iterdir():
        if item.is_dir():
            yield from _files(folder / name, item.name, f"{path}/{item.name}")
            continue
        kind = _KINDS.get("." + item.name.rpartition(".")[2])
        if kind is not None:
            yield f"{path}/{item.name}", item, kind


def _theme() -> str:
    """Return the colours as custom properties: as the system is, unless the reader has chosen."""
    light, dark = (";".join(f"--{name}:{value}" for name, value in colors.items()) for colors in (LIGHT, DARK))
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{color-scheme:dark;{dark}}}}}\n"
    )


def document_policy(html: str) -> str:
    """Return the policy of a page that is complete in itself: its own styles and scripts run, by their hashes."""
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for kind, content in _INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
    allowed = "; ".join(f"{kind}-src {' '.join(found or [_NONE])}" for kind, found in hashes.items())
    return f"default-src 'none'; {allowed}; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
