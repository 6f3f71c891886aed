"""The ammunition of Pandora's HTTP guns: uri, uripost, raw, http/json, and a dummy."""

from __future__ import annotations

import datetime
import zoneinfo
from pathlib import Path

import msgspec

from forebay.errors import Unsupported, UsageError
from forebay.load.ammo.files import AmmoFile, Source
from forebay.load.ammo.notation import ALIASES, FORMATS, only
from forebay.load.ammo.text import Unreadable, header, with_headers
from forebay.load.pandora.gun import Gun
from forebay.load.pandora.section import Section
from forebay.load.pandora.substitution import beside
from forebay.load.shot import Ammo, Shot

_TYPES = ("uri", "uripost", "raw", "http/json", "jsonline")
_OTHERS = ("http/scenario", "http2/scenario", "grpc/scenario", "grpc/json")


def ammo(section: Section, folder: Path, gun: Gun) -> Ammo:
    """Return the ammunition that a section describes.

    Arguments:
        folder: of the configuration. gun: what fires it: its headers stand below all others, and it may make tags.

    Raises:
        Unsupported: a type that is not of the http family. UsageError: names what cannot be read.
    """
    kind = section.text("type").lower()
    if kind == "http":
        kind = section.text("decoder").lower()
    if kind == "dummy":
        section.close()
        return only(Shot(method="GET", path="/"))
    if kind not in _TYPES:
        what = f"the ammunition {kind!r} is not supported" if kind in _OTHERS else f"there is no ammunition {kind!r}"
        raise Unsupported(f"{section.at('type')}: {what}", f"supported: {', '.join(_TYPES)}, http, dummy")
    source = _source(section, kind, folder)
    headers = with_headers(gun.headers, _headers(section))
    limit, passes = section.whole("limit", 0), section.whole("passes", 0)
    cases = frozenset(section.texts("chosencases"))
    dated = _dates(section)
    if dated and kind == "raw":
        section.notes.append(f"{section.at('middlewares')} changes nothing: a whole request is sent as it is")
    section.meaningless("a file with an error is refused", "continueonerror")
    section.meaningless("a request may have up to 64 MiB", "maxammosize")
    section.meaningless("small files are held and large ones streamed", "preload")
    section.close()
    format = FORMATS[ALIASES.get(kind, kind)]
    found = AmmoFile(source, format, gun.url, headers, limit, passes, cases, gun.auto_tag)
    return _dated(found, *dated) if dated else found


def _source(section: Section, kind: str, folder: Path) -> Source:
    lines = section.texts("uris")
    if lines and kind != "uri":
        raise UsageError(f"{section.at('uris')} belongs to ammunition of type uri", "name a file")
    if lines and section.has("file"):
        raise UsageError(f"{section.place} has both uris and a file", "leave one of them out")
    if lines:
        return Source.of_lines(lines, section.at("uris"))
    return Source.of_path(beside(section.text("file"), folder))


def _headers(section: Section) -> dict[str, str]:
    try:
        return dict(header(line) for line in section.texts("headers"))
    except Unreadable as error:
        raise UsageError(f"{section.at('headers')}: {error}", error.hint) from error


def _dates(section: Section) -> tuple[str, datetime.tzinfo] | None:
    """Return the name of the header that holds the date of a shot, and its time zone; None: there is none."""
    found = None
    for i, value in enumerate(section.value("middlewares", [])):
        inner = Section(value, f"{section.at('middlewares')}[{i}]", section.notes)
        if inner.text("type") != "header/date":
            raise Unsupported(f"{inner.at('type')}: {inner.text('type')!r} is not supported", "supported: header/date")
        location = inner.text("location", "UTC")
        try:
            found = inner.text("headerName", "Date"), zoneinfo.ZoneInfo(location)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
            raise UsageError(f"{inner.at('location')}: there is no time zone {location!r}") from error
        inner.close()
    return found


def _dated(ammo: Ammo, name: str, zone: datetime.tzinfo) -> Ammo:
    """Return the ammunition with the date in a header, at the instant at which each shot is due."""

    def shot(index: int) -> Shot:
        plain = ammo(index)
        date = f"{datetime.datetime.now(zone):%a, %d %b %Y %H:%M:%S %Z}"
        return msgspec.structs.replace(plain, headers={**plain.headers, name: date})

    return shot
