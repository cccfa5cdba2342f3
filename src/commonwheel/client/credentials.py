"""What a client shows to a server: a token, renewed where it comes from, and the files of TLS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.errors import CommonwheelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    import grpc

    TokenSource: TypeAlias = str | Path | Callable[[], str]
    TlsSource: TypeAlias = "bool | str | Path | ClientTls"

__all__ = ["ClientTls", "Token", "credentials", "pem_files"]

_LONGEST_NAME = 255


class Token:
    """A bearer token: as it is, out of a file, or from a function; the last two are asked again for a new one."""

    def __init__(self, source: TokenSource | None) -> None:
        """Take a token, the name of a file that holds one, or a function that returns one."""
        self._source = _file(source) if isinstance(source, str) else source
        self._text: str | None = None

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes along with each call.

        Raises:
            CommonwheelError: the token cannot be had, or is none.
        """
        if self._source is None:
            return ()
        if self._text is None:
            self._text = self._read()
        return (("authorization", f"Bearer {self._text}"),)

    def renew(self) -> bool:
        """Ask for the token again; whether it is another one now.

        Raises:
            CommonwheelError: the token cannot be had, or is none.
        """
        if self._source is None or isinstance(self._source, str):
            return False
        before, self._text = self._text, self._read()
        return self._text != before

    def _read(self) -> str:
        source = self._source
        if isinstance(source, Path):
            try:
                text = source.read_text("ascii")
            except (OSError, ValueError) as error:
                message = f"{source}: the token cannot be read ({getattr(error, 'strerror', None) or error})"
                raise CommonwheelError(message) from error
        else:
            text = source() if callable(source) else source
        token = text.strip() if isinstance(text, str) else ""
        if not token or not token.isascii() or any(character <= " " for character in token):
            where = source if isinstance(source, Path) else "the token"
            message = f"{where}: a token is one word of plain characters; give what 'commonwheel token make' printed"
            raise CommonwheelError(message)
        return token


def _file(source: str) -> str | Path:
    """Return the file that a text names, or the text."""
    if len(source) > _LONGEST_NAME or "\0" in source:
        return source
    path = Path(source)
    return path if path.is_file() else source


@dataclass(frozen=True, slots=True)
class ClientTls:
    """Files of the client's side, PEM."""

    authority: str | Path | None = None
    """Certificates that sign the server's; None: those that the system trusts."""
    certificate: str | Path | None = None
    """The client's own certificate, where the server asks for one (mutual TLS) ..."""
    key: str | Path | None = None
    """... and its key."""
    server_name: str | None = None
    """The name in the server's certificate, where it is not the one that it is reached by."""


def credentials(tls: TlsSource) -> tuple[grpc.ChannelCredentials | None, list[tuple[str, str]]]:
    """Return what a channel needs for TLS, and its options; (None, []) without TLS.

    Args:
        tls: True for the system's authorities, a file of authorities, or everything.

    Raises:
        CommonwheelError: a file cannot be read, or a certificate comes without its key.
    """
    if tls is False:
        return None, []
    import grpc

    files = tls if isinstance(tls, ClientTls) else ClientTls(None if tls is True else tls)
    pem = pem_files(files)
    made = grpc.ssl_channel_credentials(pem.get("authority"), pem.get("key"), pem.get("certificate"))
    return made, [("grpc.ssl_target_name_override", files.server_name)] if files.server_name else []


def pem_files(files: ClientTls) -> dict[str, bytes]:
    """Return what the files hold, by ``authority``, ``certificate`` and ``key``; those that are given.

    Raises:
        CommonwheelError: a file cannot be read, or a certificate comes without its key.
    """
    if (files.certificate is None) != (files.key is None):
        message = "TLS: a certificate and its key come together; give both or none"
        raise CommonwheelError(message)
    named = {"authority": files.authority, "certificate": files.certificate, "key": files.key}
    return {name: _read(path) for name, path in named.items() if path is not None}


def _read(path: str | Path) -> bytes:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        message = f"{path}: {error.strerror or error}; TLS needs it"
        raise CommonwheelError(message) from error
    if b"-----BEGIN" not in data:
        message = f"{path} is no PEM file (it has no line -----BEGIN ...); TLS needs one"
        raise CommonwheelError(message)
    return data
