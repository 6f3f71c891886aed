from __future__ import annotations

import base64
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.load.ammo.files import AmmoFile, Source
from forebay.load.ammo.notation import FORMATS, ammo_of
from forebay.load.shot import Shot
from forebay.load.wire.target import Target

URL = "http://127.0.0.1:8080/orders"
GET = b"GET /orders HTTP/1.1\r\nHost: shop.example\r\n\r\n"
POST = b"POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
JSON = {"Content-Type": "application/json"}

URI = """[Connection: close]
[Host: your.host.tld]
[Cookie: None]
/?drg tag1
/

# a comment
/buy tag2 and more
[cookie: test]
http://127.0.0.1:8080/buy/?rt=0&station_to=7
"""
URIPOST = """[Host: shop.example]
5 /orders first
hello
7 /orders
two
two

[X-Shop: 2]
0 /empty tag
"""
RAW = b"%d good\n%s\n%d\n%s\r\n\n0\nnot read" % (len(GET), GET, len(POST), POST)
STPD = b"%d 0 good\n%s\n%d 1500\n%s\n" % (len(GET), GET, len(POST), POST)
HTTP_JSON = """{"tag": "t", "uri": "/", "method": "PUT", "headers": {"Accept": "*/*", "Host": "no"}, "host": "a.shop"}
{"uri": "/a", "body": "h\\u00e9", "something": 1}
"""
VEGETA = """# comment
GET http://127.0.0.1:8080/path?item=ball
X-Account-ID: 8675309
X-Account-ID: 2
# another

DELETE http://127.0.0.1:8080/path
GET http://127.0.0.1:8080/next
POST http://127.0.0.1:8080/things
Content-Type: application/json
@order.json
"""
VEGETA_JSON = """{"method": "GET", "url": "http://127.0.0.1:8080/1"}
{"method": "POST", "url": "/2", "body": "e30=", "header": {"Accept": ["a", "b"]}}
"""
ACCESS = """10.0.0.1 - - [21/Nov/2026:12:00:00 +0000] "GET /orders?a=b HTTP/1.1" 200 12 "-" "curl/8 (a)"
10.0.0.1 - - [21/Nov/2026:12:00:00 +0000] "POST /orders HTTP/1.1" 202 12 "-" "curl"
10.0.0.1 - - [21/Nov/2026:12:00:01 +0000] "HEAD / HTTP/2.0" 200 0
"""
SAMPLES: dict[str, bytes | str] = {
    "uri": URI,
    "uripost": URIPOST,
    "raw": RAW,
    "stpd": STPD,
    "http/json": HTTP_JSON,
    "vegeta": VEGETA,
    "vegeta/json": VEGETA_JSON,
    "bodies": '{"a": 1}\n\n{"a":2}',
    "access": ACCESS,
}


def shots(folder: Path, content: bytes | str, format: str = "", name: str = "ammo") -> list[Shot]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "order.json").write_bytes(b'{"n": 1}')
    ammo = ammo_of(f"{format}:{path}" if format else str(path), URL)
    assert isinstance(ammo, AmmoFile)
    assert ammo.shots is not None
    return ammo.shots


def test_uri_is_a_list_of_paths_with_headers_and_tags(tmp_path: Path) -> None:
    headers = {"Connection": "close", "Host": "your.host.tld", "Cookie": "None"}
    assert shots(tmp_path, URI) == [
        Shot(method="GET", path="/?drg", tag="tag1", headers=headers),
        Shot(method="GET", path="/", headers=headers),
        Shot(method="GET", path="/buy", tag="tag2 and more", headers=headers),
        Shot(
            method="GET",
            path="/buy/?rt=0&station_to=7",
            headers={"Connection": "close", "Host": "your.host.tld", "cookie": "test"},
        ),
    ]


def test_uripost_has_a_body_of_so_many_bytes(tmp_path: Path) -> None:
    assert shots(tmp_path, URIPOST) == [
        Shot(b"hello", path="/orders", tag="first", headers={"Host": "shop.example"}),
        Shot(b"two\ntwo", path="/orders", headers={"Host": "shop.example"}),
        Shot(b"", path="/empty", tag="tag", headers={"Host": "shop.example", "X-Shop": "2"}),
    ]


@pytest.mark.parametrize("name", ["raw", "phantom"])
def test_raw_goes_over_the_wire_byte_by_byte_up_to_a_size_of_0(name: str, tmp_path: Path) -> None:
    assert shots(tmp_path, RAW, name) == [Shot(raw=GET, tag="good"), Shot(raw=POST)]


def test_stpd_holds_requests_and_their_instants(tmp_path: Path) -> None:
    assert shots(tmp_path, STPD) == [Shot(raw=GET, tag="good"), Shot(raw=POST)]


@pytest.mark.parametrize("form", [HTTP_JSON, json.dumps(list(map(json.loads, HTTP_JSON.splitlines())), indent=2)])
@pytest.mark.parametrize("name", ["", "http/json", "jsonline"])
def test_http_json_is_objects_behind_each_other_or_an_array(form: str, name: str, tmp_path: Path) -> None:
    assert shots(tmp_path, form, name) == [
        Shot(method="PUT", path="/", tag="t", headers={"Accept": "*/*", "Host": "a.shop"}),
        Shot("hé".encode(), method="GET", path="/a"),
    ]


def test_the_targets_of_vegeta_have_headers_and_bodies_of_other_files(tmp_path: Path) -> None:
    assert shots(tmp_path, VEGETA) == [
        Shot(method="GET", path="/path?item=ball", headers={"X-Account-ID": "8675309, 2"}),
        Shot(method="DELETE", path="/path"),
        Shot(method="GET", path="/next"),
        Shot(b'{"n": 1}', method="POST", path="/things", headers=JSON),
    ]


def test_the_json_targets_of_vegeta_hold_their_bodies_in_base64(tmp_path: Path) -> None:
    assert shots(tmp_path, VEGETA_JSON) == [
        Shot(method="GET", path="/1"),
        Shot(base64.b64decode("e30="), method="POST", path="/2", headers={"Accept": "a, b"}),
    ]


def test_lines_of_json_that_name_no_request_are_bodies_for_the_target(tmp_path: Path) -> None:
    assert shots(tmp_path, '{"a": 1}\n\n{"a":2}') == [Shot(b'{"a": 1}', headers=JSON), Shot(b'{"a":2}', headers=JSON)]


def test_a_log_gives_what_was_asked_for_and_says_what_it_passes_over(tmp_path: Path) -> None:
    assert shots(tmp_path, ACCESS) == [Shot(method="GET", path="/orders?a=b"), Shot(method="HEAD", path="/")]
    ammo = ammo_of(str(tmp_path / "ammo"))
    assert isinstance(ammo, AmmoFile)
    assert ammo.cautions == ("lines passed over, which are no GET and no HEAD: 1",)


def test_there_is_a_sample_of_every_format() -> None:
    assert SAMPLES.keys() == FORMATS.keys()


@pytest.mark.parametrize("format", FORMATS)
def test_a_format_is_told_by_its_content_or_said_and_may_be_packed_or_have_other_line_ends(
    format: str, tmp_path: Path
) -> None:
    sample = SAMPLES[format]
    content = sample if isinstance(sample, bytes) else sample.encode()
    told = shots(tmp_path, content)
    assert told
    assert told == shots(tmp_path, content, format)
    assert told == shots(tmp_path, gzip.compress(content), name="ammo.gz")
    assert told == shots(tmp_path, b"\n\n" + content)
    if format not in ("raw", "stpd", "uripost"):
        assert told == shots(tmp_path, content.replace(b"\n", b"\r\n"))
        assert told == shots(tmp_path, b"\xef\xbb\xbf" + content)


@pytest.mark.parametrize("format", FORMATS)
def test_every_shot_of_every_format_can_be_sent(format: str, tmp_path: Path) -> None:
    for shot in shots(tmp_path, SAMPLES[format], format):
        request = Target(URL).encode(shot)
        assert b"\r\n\r\n" in request
        assert b"Host: " in request


def test_where_the_content_could_be_both_the_name_decides(tmp_path: Path) -> None:
    content = b"%d 15\n%s" % (len(GET), GET)
    assert shots(tmp_path, content, name="a.raw") == [Shot(raw=GET, tag="15")]
    assert shots(tmp_path, content, name="a.stpd") == shots(tmp_path, content) == [Shot(raw=GET)]


@pytest.mark.parametrize("format", ["uri", "uripost", "raw", "http/json", "vegeta", "bodies", "access"])
def test_headers_from_outside_stand_below_those_of_the_file(format: str, tmp_path: Path) -> None:
    path = tmp_path / "ammo"
    sample = SAMPLES[format]
    path.write_bytes(sample if isinstance(sample, bytes) else sample.encode())
    (tmp_path / "order.json").write_bytes(b"{}")
    given = {"host": "outside", "X-New": "1"}
    ammo = ammo_of(f"{format}:{path}", URL, headers=given)
    request = Target(URL).encode(ammo(0))
    assert request.count(b"X-New: 1\r\n") == 1
    hosts = [line.lower() for line in request.split(b"\r\n") if line.lower().startswith(b"host:")]
    own = {"uri": b"your.host.tld", "uripost": b"shop.example", "raw": b"shop.example", "http/json": b"a.shop"}
    assert hosts == [b"host: " + own.get(format, b"outside")]


bodies = st.binary(max_size=60)
tags = st.text("abc |#", max_size=8).map(str.strip)


@given(st.lists(st.tuples(bodies, tags), min_size=1, max_size=8))
def test_what_is_written_as_uripost_or_raw_is_read_back(written: list[tuple[bytes, str]]) -> None:
    posts = b"".join(b"%d /x %s\n%s\n" % (len(body), tag.encode(), body) for body, tag in written)
    assert [(shot.body, shot.tag) for shot in _of("uripost", posts)] == written
    requests = [b"PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body) for body, _ in written]
    raws = b"".join(
        b"%d %s\n%s\n" % (len(request), tag.encode(), request)
        for request, (_, tag) in zip(requests, written, strict=True)
    )
    assert [(shot.raw, shot.tag) for shot in _of("raw", raws)] == list(
        zip(requests, [tag for _, tag in written], strict=True)
    )


@given(
    st.lists(st.fixed_dictionaries({"uri": st.just("/"), "body": st.text(max_size=40)}), min_size=1),
    st.sampled_from(["\n", "  ", "\n\n", ",\n", ""]),
    st.sampled_from([None, 2]),
)
def test_json_is_read_whatever_stands_between_its_values(
    values: list[dict[str, str]], between: str, indent: int | None
) -> None:
    content = between.join(json.dumps(value, indent=indent) for value in values).encode()
    assert [shot.body.decode() for shot in _of("http/json", content)] == [value["body"] for value in values]


def _of(format: str, content: bytes) -> list[Shot]:
    made = AmmoFile(Source("here", lambda: io.BytesIO(content)), FORMATS[format])
    assert made.shots is not None
    return made.shots


@pytest.mark.parametrize(
    ("format", "content", "said"),
    [
        ("uri", "/a\nfoo", "line 2 of .*'foo' is neither a path nor a URL"),
        ("uri", "/a\n\n/é", "line 3 .* no URL may have"),
        ("uri", "[Host shop]\n/a", "line 1 .* is not a header"),
        ("uri", "/a\nhttp://other/b", "line 2 .* http://other is not the target"),
        ("uri", "/a\nhttp://a:port/b", "line 2 .* is not a URL"),
        ("uri", b"/a\n\xff", "line 2 .* not text"),
        ("uri", "", "holds no shot"),
        ("uripost", "five /a\nhello", "line 1 .* not the size"),
        ("uripost", "5\nhello", "line 1 .* not the size"),
        ("uripost", "5 /a\nhello\n9 /b\nhello", "line 3 .* 9 bytes are announced and 5"),
        ("raw", b"%d\n%s" % (len(GET), b"X" * len(GET)), "line 1 .* not an HTTP/1.1 request"),
        ("raw", b"%d\n%s\n%d\n%s" % (len(GET), GET, len(GET) - 2, GET[:-2]), "line 6 .* not an HTTP"),
        ("raw", b"%d\n%s" % (len(POST) - 1, POST[:-1]), "Content-Length of 2 and a body of 1"),
        ("raw", b"%d\n%s" % (len(POST) + 1, POST + b"x"), "Content-Length of 2 and a body of 3"),
        ("stpd", b"%d good\n%s" % (len(GET), GET), "does not announce a request"),
        ("http/json", '{"uri": "/"}\n{"uri": /}\n', "line 2 .* not JSON"),
        ("http/json", '{"uri": "/"}\n\n{"uri": "/"', "line 3 .* not JSON"),
        ("http/json", '{"uri": "/", "metod": "POST"}', "'metod' is not known"),
        ("http/json", '{"uri": "/", "headers": "a"}', "'headers' is str, not dict"),
        ("http/json", '{"tag": "/"}', "no 'uri'"),
        ("http/json", "[1, 2]", "not a JSON object"),
        ("vegeta", "Accept: x\nGET /", "line 1 .* not a target"),
        ("vegeta", "GET /\n\nPOST /a\n@nothing.json", "line 3 .* nothing.json cannot be read"),
        ("vegeta", "GET /\nAccept", "line 1 .* not a header"),
        ("vegeta/json", '{"method": "GET", "url": "/", "body": "{}"}', "not base64"),
        ("vegeta/json", '{"method": "GET", "url": "/", "extra": 1}', "'extra' is not known"),
        ("bodies", '{"a": 1}\n{"a": }', "line 2 .* not JSON"),
        ("access", "nothing here", "holds no shot"),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_line(
    format: str, content: bytes | str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        shots(tmp_path, content, format)
    assert str(tmp_path / "ammo") in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no-such-file", "cannot be read"),
        ("urii:paths.txt", "no format 'urii'"),
        ("uri:no-such-file", "cannot be read"),
        (".", "cannot be read"),
    ],
)
def test_a_file_that_is_not_there_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        ammo_of(text)
    assert caught.value.hint


@pytest.mark.parametrize("content", ["", "hello", "<a>", "\x00\x01"])
def test_a_format_that_is_not_known_is_refused_with_how_to_say_it(content: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not known") as caught:
        shots(tmp_path, content)
    assert "uri:" in caught.value.hint


def test_half_a_packed_file_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress("".join(f"/{n}\n" for n in range(30_000)).encode())
    with pytest.raises(UsageError, match="ended before"):
        shots(tmp_path, whole[: len(whole) - 20])


def test_the_server_that_a_file_names_is_known_where_no_target_is_given(tmp_path: Path) -> None:
    (tmp_path / "ammo").write_text("GET http://shop.example:80/a\n\nGET http://shop.example/b\n")
    ammo = ammo_of(str(tmp_path / "ammo"))
    assert isinstance(ammo, AmmoFile)
    assert ammo.origin.url == "http://shop.example"


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://a:port/", "not a URL"), ("http://", "no host"), ("http://b/", "http://a is not the target")],
)
def test_a_target_is_compared_with_the_file(url: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "ammo").write_text("http://a/x\n")
    with pytest.raises(UsageError, match=said):
        ammo_of(str(tmp_path / "ammo"), url)


@pytest.mark.parametrize("url", ["kafka://orders", "http+unix://%2Frun%2Fshop.sock/", "http://A:80/y", ""])
def test_what_is_no_http_server_is_not_compared(url: str, tmp_path: Path) -> None:
    (tmp_path / "ammo").write_text("http://a/x\n")
    assert ammo_of(str(tmp_path / "ammo"), url)(0).path == "/x"
