"""The guns of Pandora: `http`, which the cannon is; the others are named."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec

from forebay.errors import Unsupported
from forebay.load.pandora.section import Section
from forebay.load.shot import Shot

_TIMEOUT = 30.0
_OTHERS = ("http2", "connect", "grpc", "http/scenario", "http2/scenario", "grpc/scenario")


@dataclass(frozen=True, slots=True)
class AutoTag:
    """Tags made of the path of a shot.

    Arguments:
        elements: of the path, so many. untagged: only for shots that have no tag of their own.
    """

    elements: int
    untagged: bool

    def __call__(self, shot: Shot) -> Shot:
        """Return the shot with its tag."""
        if shot.tag and self.untagged:
            return shot
        path = urlsplit(shot.path or shot.raw.split(b" ", 2)[1].decode("latin-1")).path
        made = "/".join(path.split("/")[: self.elements + 1]) or "/"
        return msgspec.structs.replace(shot, tag=f"{shot.tag}|{made}" if shot.tag else made)


@dataclass(frozen=True, slots=True)
class Gun:
    """What a gun shoots at, and how.

    Arguments:
        url: of the target. timeout: seconds, see `Firing`. headers: of every shot.
        auto_tag: how tags are made; None: they are those of the ammunition.
    """

    url: str
    timeout: float = _TIMEOUT
    headers: dict[str, str] = field(default_factory=dict)
    auto_tag: AutoTag | None = None


def gun(section: Section) -> Gun:
    """Return the gun that a section describes.

    Raises:
        Unsupported: a gun of another type. UsageError: names what cannot be read.
    """
    kind = section.text("type").lower()
    if kind != "http":
        what = f"the gun {kind!r} is not supported" if kind in _OTHERS else f"there is no gun {kind!r}"
        raise Unsupported(f"{section.at('type')}: {what}", "supported: http, over HTTP/1.1 and TLS")
    scheme = "https" if section.flag("ssl", False) else "http"
    headers = {"Connection": "close"} if section.flag("disable-keep-alives", False) else {}
    if not section.flag("disable-compression", True):
        headers["Accept-Encoding"] = "gzip"
    timeout = section.seconds("response-header-timeout", 0.0) or _TIMEOUT
    found = Gun(f"{scheme}://{section.text('target')}/", timeout, headers, _auto_tag(section))
    _accept(section)
    section.close()
    return found


def _auto_tag(section: Section) -> AutoTag | None:
    if not section.has("auto-tag"):
        return None
    inner = section.section("auto-tag")
    enabled, elements = inner.flag("enabled", False), inner.whole("uri-elements", 2)
    found = AutoTag(elements, inner.flag("no-tag-only", True))
    inner.close()
    return found if enabled else None


def _accept(section: Section) -> None:
    """Accept what belongs to Go's HTTP client, and what is told in other ways here."""
    section.meaningless(
        "connections are kept and opened as they are needed", "max-idle-conns", "max-idle-conns-per-host"
    )
    section.meaningless("idle connections are kept", "idle-conn-timeout")
    section.meaningless("opening a connection is within the one timeout", "tls-handshake-timeout", "dial")
    section.meaningless("a request that expects 100-continue does not wait", "expect-continue-timeout")
    section.meaningless("each instance is a connection, all of one client", "shared-client")
    section.meaningless("only the gun connect uses it", "connect-ssl")
    section.meaningless("examples of errors are in the report", "answlog")
    section.meaningless("all times and bytes are always measured", "httptrace")
    if section.has("redirect") and section.flag("redirect"):
        section.notes.append(f"{section.at('redirect')}: redirects are counted as answers and not followed")
