"""How a verb reaches a car that 'commonwheel run' serves: the options, and the way there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from commonwheel.client import Car

__all__ = ["add_connect_options", "connected"]

USUAL = "localhost:55555"


def add_connect_options(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    remote = parser.add_argument_group("a car that is served")
    remote.add_argument(
        "--connect", default=USUAL, metavar="HOST:PORT", help=f"the gRPC port of a running 'commonwheel run' ({USUAL})"
    )
    remote.add_argument("--token", metavar="TOKEN|FILE", help="what 'commonwheel token make' printed")
    remote.add_argument("--tls", action="store_true", help="the server has TLS, signed by who this system trusts ...")
    remote.add_argument("--tls-ca", metavar="FILE", help="... or by one of these, PEM")
    remote.add_argument("--tls-cert", metavar="FILE", help="this client's own certificate, where the server asks ...")
    remote.add_argument("--tls-key", metavar="FILE", help="... and its key")


def connected(args: argparse.Namespace, scope: str) -> Car:
    """Connect by the options; *scope* is what a token has to allow.

    Raises:
        CommonwheelError: it cannot be reached, or does not let us in; says what to do.
    """
    from commonwheel.broker.faults import BrokerError, Reason
    from commonwheel.client import ClientTls, connect
    from commonwheel.errors import CommonwheelError

    token: str | None = args.token
    make = f"'commonwheel token make --key KEY {scope}' makes one"
    if token and token.count(".") != 2 and not Path(token).is_file():  # noqa: PLR2004 - between a token's three parts
        message = f"--token {token:.60}: there is no such file, and it is no token; {make}"
        raise CommonwheelError(message)
    given = args.tls or args.tls_ca or args.tls_cert or args.tls_key
    tls = ClientTls(args.tls_ca, args.tls_cert, args.tls_key) if given else False
    try:
        return connect(args.connect, token=token, tls=tls)
    except BrokerError as error:
        if error.reason is not Reason.UNAUTHENTICATED or token:
            raise
        message = f"{args.connect} asks for a token: --token FILE; {make}"
        raise CommonwheelError(message) from error
