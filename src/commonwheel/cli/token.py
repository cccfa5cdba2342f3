"""Make keys, tokens and certificates for development, and explain a token.

For development only: the private keys lie in plain files, and whoever has one can let in anyone. In a
car, tokens come from the maker's own authority; only its public key is given to the service.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from commonwheel.cli import FINE, PROBLEMS, show
from commonwheel.errors import OutputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.broker.certificates import Issuer
    from commonwheel.broker.keys import PrivateKey
    from commonwheel.broker.scopes import Scope

__all__ = ["configure", "run"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST_S = 3650 * 86_400
_BEGIN = "eyJ"
"""How every token begins: '{"' in base64."""
_HOSTS = ("localhost", "127.0.0.1", "::1")
_ALGORITHMS = ("EdDSA", "ES256", "ES384", "ES512", "RS256")
_ACTIONS = ("read", "actuate", "provide", "create")


def configure(parser: argparse.ArgumentParser) -> None:
    """State the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="keys|make|show|tls")
    keys = actions.add_parser("keys", help="make a private key and its public half")
    keys.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for NAME.pem and NAME.pub.pem")
    keys.add_argument("--name", default="dev", help="what the files, and the key in tokens, are called; default: dev")
    keys.add_argument("--algorithm", choices=_ALGORITHMS, default="EdDSA", help="default: EdDSA (Ed25519)")
    _configure_make(actions.add_parser("make", help="make a token"))
    explained = actions.add_parser("show", help="explain a token")
    explained.add_argument("token", help="the token, a file that holds it, or '-' for standard input")
    explained.add_argument("--key", type=Path, metavar="PUB", help="public key (or a folder of them) to check it with")
    tls = actions.add_parser("tls", help="make an authority, and certificates for a server and its clients")
    tls.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder; an authority in it is used again")
    tls.add_argument("--host", action="append", metavar="HOST",
                     help=f"name or address of the server, several times; default: {', '.join(_HOSTS)}")  # fmt: skip
    tls.add_argument("--client", action="append", metavar="NAME",
                     help="name of a client, several times; default: client")  # fmt: skip
    tls.add_argument("--valid", type=_seconds, default="90d", metavar="TIME", help="default: 90d")
    for action in actions.choices.values():
        action.add_argument("--json", action="store_true", help="print the facts as JSON")


def _configure_make(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", type=Path, required=True, metavar="FILE", help="private key that signs it")
    parser.add_argument("--subject", metavar="NAME", help="who it is for; the service's name of it; default: the app")
    parser.add_argument("--app", metavar="APP", help="what this app (a name or a file) declares, and nothing else")
    for action in _ACTIONS:
        parser.add_argument(f"--{action}", action="append", nargs="?", const="", default=[], metavar="PATH",
                            help=f"may {action} this signal, branch or pattern; alone: all; several times")  # fmt: skip
    parser.add_argument("--valid", type=_seconds, default="1h", metavar="TIME", help="90s, 15m, 1h, 30d; default: 1h")
    parser.add_argument(
        "--priority",
        type=int,
        metavar="N",
        help="highest priority of its requests, -100 to 100; default: the app's, or 0",
    )
    parser.add_argument("--audience", action="append", metavar="NAME", help="default: kuksa.val")
    parser.add_argument("--algorithm", metavar="NAME", help="one of the key's; default: its first")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it there; default: print it")


def _seconds(text: str) -> int:
    """Read a length of time for argparse, which says what a ValueError says."""
    import argparse

    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if found is None or not 0 < (seconds := int(found[1]) * _UNITS[found[2]]) <= _LONGEST_S:
        message = f"{text!r} is not a length of time: 90s, 15m, 1h or 30d (at most {_LONGEST_S // 86_400}d)"
        raise argparse.ArgumentTypeError(message)
    return seconds


def run(args: argparse.Namespace) -> int:
    """Make or explain; returns the exit status."""
    actions: Mapping[str, Callable[[argparse.Namespace], int]] = {
        "keys": _keys,
        "make": _make,
        "show": _show,
        "tls": _tls,
    }
    return actions[args.action](args)


def _keys(args: argparse.Namespace) -> int:
    from commonwheel.broker.keys import make_key, write_new

    _check_name(args.name)
    key = make_key(args.name, args.algorithm)
    private, public = args.out / f"{args.name}.pem", args.out / f"{args.name}.pub.pem"
    write_new(private, key.private_pem(), private=True)
    write_new(public, key.public_pem())
    facts = {"private": str(private), "public": str(public), "algorithm": args.algorithm}
    if args.json:
        show.print_json(facts)
    else:
        print(f"{private}: private key ({args.algorithm}); it signs tokens, keep it to yourself")
        print(f"{public}: public key; give it to the service")
    return FINE


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        message = f"{name!r} becomes a file's name: use letters, digits, '-' and '_'"
        raise OutputError(message)


def _make(args: argparse.Namespace) -> int:
    from commonwheel.broker.keys import private_key, write_new
    from commonwheel.broker.scopes import parse_scopes
    from commonwheel.broker.tokens import AUDIENCE, make_token

    key: PrivateKey = private_key(args.key)
    named = [(action, path) for action in _ACTIONS for path in getattr(args, action)]
    words = [f"{action}:{path}" if path else action for action, path in named]
    subject, priority = args.subject, args.priority
    if args.app is not None:
        app, declared, bound = _app(args.app)
        priority = bound if priority is None else priority
        subject, words = (app if subject is None else subject), [*words, declared]
    if subject is None:
        message = "name who the token is for: --subject NAME, or --app APP"
        raise OutputError(message)
    scopes = parse_scopes(" ".join(words))
    _warn(scopes)
    issued, audience = int(time.time()), args.audience or [AUDIENCE]
    token = make_token(
        key,
        subject,
        scopes,
        issued_s=issued,
        valid_s=args.valid,
        audience=audience,
        algorithm=args.algorithm,
        priority=priority or 0,
    )
    if args.output is not None:
        write_new(args.output, token.encode() + b"\n", private=True)
    if args.json:
        facts: dict[str, Any] = {"subject": subject, "scopes": [str(scope) for scope in scopes]}
        facts |= {"audience": audience, "expires": _utc(issued + args.valid)}
        show.print_json(facts | ({"file": str(args.output)} if args.output else {"token": token}))
    elif args.output is None:
        print(token)
    else:
        print(f"{args.output}: token of {subject} until {_utc(issued + args.valid)}")
    return FINE


def _app(name: str) -> tuple[str, str, int]:
    """Return an app's name, what it declares as scopes, and the highest priority that it may ask with."""
    from commonwheel.apps.checks import check
    from commonwheel.apps.loading import load_app
    from commonwheel.apps.scopes import scopes_of

    app = load_app(name)
    check(app)
    return app.manifest.name, scopes_of(app.manifest), max(app.manifest.priorities.values(), default=0)


def _warn(scopes: Sequence[Scope]) -> None:
    """Say which scopes select nothing of the standard: a service with signals of its own may still know them."""
    from commonwheel.broker.faults import BrokerError
    from commonwheel.broker.signals import SignalTable
    from commonwheel.catalog import load_catalog

    if not scopes:
        show.note("note: the token allows nothing; give --read, --actuate, --provide, --create or --app")
        return
    table = SignalTable(load_catalog())
    for scope in scopes:
        try:
            table.match(scope.pattern)
        except BrokerError as error:
            show.note(f"note: {scope}: {error}")


def _show(args: argparse.Namespace) -> int:
    from commonwheel.broker.authority import JwtAuthority
    from commonwheel.broker.faults import BrokerError
    from commonwheel.broker.tokens import explain_token

    token = _given(args.token)
    facts = explain_token(token, time.time_ns())
    if args.key is None:
        facts["verdict"] = "not checked: give the public key as --key"
    else:
        try:
            JwtAuthority.from_files([args.key]).verify(token)
            facts["verdict"] = "good"
        except BrokerError as error:
            facts["verdict"] = str(error)
    if args.json:
        show.print_json(facts)
    else:
        for name, value in facts.items():
            print(f"{name:<10}{_line(value)}")
    good = facts["verdict"] == "good" or (args.key is None and not facts["faults"])
    return FINE if good else PROBLEMS


def _line(value: Any) -> str:  # noqa: ANN401 - whatever a token may hold
    return ", ".join(map(str, cast("list[object]", value))) or "none" if isinstance(value, list) else str(value)


def _given(text: str) -> str:
    """Return the token that is meant: it itself, or what a file or standard input holds."""
    if text == "-":
        return sys.stdin.read().strip()
    if text.startswith(_BEGIN):
        return text.strip()
    try:
        return Path(text).read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        message = f"{text[:80]!r} is neither a token nor a file ({error.strerror or error})"
        raise OutputError(message) from error


def _utc(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def _tls(args: argparse.Namespace) -> int:
    for name in args.client or ():
        _check_name(name)
    valid = dt.timedelta(seconds=args.valid)
    issuer = _issuer(args.out, valid)
    files = {"authority": str(args.out / "ca.pem")}
    anew = args.host is not None or not (args.out / "server.pem").exists()
    if anew:
        certificate, key = issuer.server(args.host or _HOSTS, valid).write(args.out, "server")
        files |= {"certificate": str(certificate), "key": str(key)}
    names = args.client or (["client"] if anew else [])
    for name in names:
        certificate, key = issuer.client(name, valid).write(args.out, name)
        files |= {f"certificate of {name}": str(certificate), f"key of {name}": str(key)}
    if args.json:
        show.print_json(files)
        return FINE
    for what, path in files.items():
        print(f"{path}: {what}")
    print("for development only: whoever has ca.key.pem can pass for anyone")
    return FINE


def _issuer(folder: Path, valid: dt.timedelta) -> Issuer:
    from commonwheel.broker.certificates import Issuer

    certificate, key = folder / "ca.pem", folder / "ca.key.pem"
    if certificate.exists():
        return Issuer.read(certificate, key)
    issuer = Issuer.new("Commonwheel development", valid)
    issuer.pair.write(folder, "ca")
    return issuer
