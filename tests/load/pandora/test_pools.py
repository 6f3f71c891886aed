from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from forebay.errors import UsageError
from forebay.load.pandora.pools import Pool, Result, pools, read
from forebay.load.profiles.shapes import Const, Line, Once, Step, Unlimited
from forebay.load.profiles.stages import Stages

ORDINARY = """
pools:
  - id: HTTP pool
    gun:
      type: http
      target: 127.0.0.1:8080
    ammo:
      type: uri
      uris:
        - "[Host: shop.example]"
        - /orders?page=1 first
        - /orders second
    result:
      type: phout
      destination: ./phout.log
    rps-per-instance: false
    discard_overflow: true
    rps:
      type: line
      from: 1
      to: 5
      duration: 60s
    startup:
      type: once
      times: 10
"""
EVERY_FIELD_OF_THE_GUN = """
type: HTTP
target: 'shop.example:443'
ssl: true
connect-ssl: false
tls-handshake-timeout: 1s
disable-keep-alives: true
disable-compression: false
max-idle-conns: 0
max-idle-conns-per-host: 2
idle-conn-timeout: 90s
response-header-timeout: 1m30s
expect-continue-timeout: 1s
redirect: true
shared-client: {enabled: false, client-number: 1}
dial: {timeout: 1s, dns-cache: true, dual-stack: true, fallback-delay: 300ms, keep-alive: 120s}
answlog: {enabled: true, path: ./answ.log, filter: all}
auto-tag: {enabled: true, uri-elements: 2, no-tag-only: true}
httptrace: {dump: true, trace: true}
"""


def changed(**changes: Any) -> Any:
    """Return the ordinary configuration with other values in its pool; None takes one out."""
    value = yaml.safe_load(ORDINARY)
    for name, one in changes.items():
        value["pools"][0][name.replace("_", "-") if name == "rps_per_instance" else name] = one
    return value


def pool(**changes: Any) -> Pool:
    (found,) = pools(changed(**changes), Path())
    return found


def test_the_configuration_of_the_manual_is_fired_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "load.yaml"
    path.write_text(ORDINARY)
    (found,) = read(path)
    firing = found.firing
    assert found.id == "HTTP pool"
    assert (firing.url, firing.seconds, firing.connections, firing.verify) == ("http://127.0.0.1:8080/", 60, 10, False)
    assert firing.profile == Line(1, 5, 60)
    assert found.result == Result("phout", "./phout.log")
    first, second, again = (firing.ammo(i) for i in range(3))
    assert (first.path, first.tag, first.headers, first.method) == (
        "/orders?page=1",
        "first",
        {"Host": "shop.example"},
        "GET",
    )
    assert (second.path, second.tag) == ("/orders", "second")
    assert again is first
    assert [note for note in found.notes if "discard_overflow" not in note] == []


def test_json_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "load.json"
    path.write_text(json.dumps(changed()))
    assert read(path)[0].firing.profile == Line(1, 5, 60)


def test_every_field_of_the_gun_is_accepted_and_what_changes_nothing_is_said() -> None:
    found = pool(gun=yaml.safe_load(EVERY_FIELD_OF_THE_GUN))
    assert found.firing.url == "https://shop.example:443/"
    assert found.firing.timeout == 90
    assert found.firing.headers == {"Connection": "close", "Accept-Encoding": "gzip"}
    told = " ".join(found.notes)
    for name in ("dial", "shared-client", "answlog", "httptrace", "redirect", "idle-conn-timeout", "max-idle-conns"):
        assert f"pools[0].gun.{name}" in told
    for name in ("ssl ", "auto-tag", "disable-", "target", "response-header"):
        assert f"gun.{name}" not in told


def test_tags_are_made_of_the_path_where_there_are_none() -> None:
    gun = {"type": "http", "target": "a:80", "auto-tag": {"enabled": True}}
    ammo = {"type": "uri", "uris": ["/shop/orders/7?x=1", "/shop/orders/7 mine", "/"]}
    assert [pool(gun=gun, ammo=ammo).firing.ammo(i).tag for i in range(3)] == ["/shop/orders", "mine", "/"]
    gun["auto-tag"] = {"enabled": True, "uri-elements": 1, "no-tag-only": False}
    assert [pool(gun=gun, ammo=ammo).firing.ammo(i).tag for i in range(3)] == ["/shop", "mine|/shop", "/"]


@pytest.mark.parametrize(
    ("rps", "profile", "seconds"),
    [
        ("{type: const, ops: 10000, duration: 300s}", Const(10000, 300), 300),
        ("{type: const, ops: 2.5, duration: 1m30s}", Const(2.5, 90), 90),
        ("{type: line, from: 1, to: 10000, duration: 180s}", Line(1, 10000, 180), 180),
        ("{type: line, from: 50, to: 5, duration: 2500ms}", Line(50, 5, 2.5), 2.5),
        ("{type: step, from: 10, to: 100, step: 5, duration: 30s}", Step(10, 100, 5, 30), 19 * 30),
        ("{type: step, from: 25, to: 5, step: 5, duration: 1h}", Step(25, 5, 5, 3600), 5 * 3600),
        ("{type: once, times: 133}", Once(133), 1),
        ("{type: unlimited, duration: 30s}", Unlimited(30), 30),
        ("{Type: Const, OPS: '7', Duration: 3s}", Const(7, 3), 3),
        ("[{type: const, ops: 0, duration: 5s}, {type: once, times: 3}]", Stages((Const(0, 5), Once(3))), 5),
        (
            "{type: composite, nested: [{type: const, ops: 1, duration: 5s}, {type: once, times: 2}]}",
            Stages((Const(1, 5), Once(2))),
            5,
        ),
    ],
)
def test_a_schedule_is_read(rps: str, profile: object, seconds: float) -> None:
    firing = pool(rps=yaml.safe_load(rps)).firing
    assert firing.profile == profile
    assert firing.seconds == seconds


def test_the_const_of_the_manual_with_a_stray_from_is_accepted_with_a_note() -> None:
    found = pool(rps={"type": "const", "duration": "300s", "from": 1, "ops": 10000})
    assert found.firing.profile == Const(10000, 300)
    assert "pools[0].rps.from" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("startup", "connections", "gradual"),
    [
        ("{type: once, times: 10}", 10, False),
        ("{type: const, ops: 5, duration: 60s}", 300, True),
        ("{type: step, from: 1, to: 3, step: 1, duration: 2s}", 12, True),
        ("{type: step, from: 5, to: 25, step: 5, duration: 300ms}", 21, True),
        ("{type: instance_step, from: 10, to: 100, step: 10, stepduration: 10s}", 100, True),
        ("[{type: once, times: 10}, {type: const, ops: 0, duration: 10s}, {type: once, times: 10}]", 20, True),
    ],
)
def test_instances_are_connections(startup: str, connections: int, gradual: bool) -> None:
    found = pool(startup=yaml.safe_load(startup))
    assert found.firing.connections == connections
    assert any("startup" in note for note in found.notes) is gradual


@pytest.mark.parametrize(
    ("rps", "profile"),
    [
        ({"type": "const", "ops": 3, "duration": "2s"}, Const(30, 2)),
        ({"type": "once", "times": 2}, Once(20)),
        ({"type": "step", "from": 1, "to": 3, "step": 1, "duration": "2s"}, Step(10, 30, 10, 2)),
    ],
)
def test_a_schedule_of_each_instance_goes_on_as_often_as_there_are_instances(rps: Any, profile: object) -> None:
    assert pool(rps=rps, rps_per_instance=True).firing.profile == profile


def test_several_pools_are_several_firings() -> None:
    value = changed()
    value["pools"].append({**changed(id=None)["pools"][0], "result": {"type": "discard"}})
    first, second = pools(value, Path())
    assert (first.id, second.id) == ("HTTP pool", "pool_1")
    assert second.result == Result("discard")


@pytest.mark.parametrize(
    ("result", "read_as"),
    [
        ("{type: phout}", Result("phout")),
        (
            "{type: phout, destination: p.log, id: true, flush-time: 1s, sample-queue-size: 9, buffer-size: 8mb}",
            Result("phout", "p.log", True),
        ),
        ("{type: jsonlines, sink: out.json}", Result("jsonlines", "out.json")),
        ("{type: json, sink: stdout}", Result("jsonlines")),
        ("{type: json, sink: stderr}", Result("jsonlines", "/dev/stderr")),
        ("{type: json, sink: {type: file, path: o.json}}", Result("jsonlines", "o.json")),
        ("{type: log}", Result("log")),
        ("{type: discard}", Result("discard")),
    ],
)
def test_a_result_is_read(result: str, read_as: Result) -> None:
    assert pool(result=yaml.safe_load(result)).result == read_as


def test_variables_come_from_the_environment_and_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.property").write_text("# target\nMY_FIELD = shop.example\nOTHER=1\n")
    monkeypatch.setenv("FOREBAY_RPS", "70")
    (tmp_path / "load.yaml").write_text(
        ORDINARY.replace("to: 5", "to: ${env:FOREBAY_RPS}")
        .replace("from: 1", "from: ${FOREBAY_RPS}")
        .replace("shop.example", "${property:shop.property#MY_FIELD}:8${env:FOREBAY_RPS}0")
    )
    firing = read(tmp_path / "load.yaml")[0].firing
    assert firing.profile == Line(70, 70, 60)
    assert firing.ammo(0).headers == {"Host": "shop.example:8700"}


@pytest.mark.parametrize(
    ("changes", "said", "hint"),
    [
        ({"gun": {"type": "http", "tragte": "a:80"}}, r"gun.target is missing", "'tragte'"),
        ({"gun": {"type": "http", "target": "a:80", "sll": True}}, r"gun.sll is not known", "did you mean ssl"),
        ({"gun": {"type": "grpc", "target": "a:80"}}, "'grpc' is not supported", "http"),
        ({"gun": {"type": "http/scenario", "target": "a:80"}}, "not supported", "http"),
        ({"gun": {"type": "connect", "target": "a:80"}}, "not supported", "http"),
        ({"gun": {"type": "mine", "target": "a:80"}}, "there is no gun", "http"),
        ({"gun": {"type": "http", "target": "a:80", "ssl": "perhaps"}}, "not true or false", ""),
        ({"ammo": {"type": "grpc/json", "file": "x"}}, "not supported", "uri"),
        ({"ammo": {"type": "uri", "file": "no-such-file"}}, "cannot be read", ""),
        ({"ammo": {"type": "raw", "uris": ["/"]}}, "belongs to ammunition of type uri", ""),
        ({"ammo": {"type": "uri", "uris": ["/"], "file": "x"}}, "both", ""),
        ({"ammo": {"type": "uri", "uris": ["/"], "limt": 3}}, "limt is not known", "did you mean limit"),
        ({"ammo": {"type": "uri", "uris": ["/"], "headers": ["Host shop"]}}, "not a header", "Name: value"),
        ({"ammo": {"type": "uri", "uris": ["/a", "b"]}}, "line 2 of pools.0..ammo.uris", "begins with /"),
        ({"rps": {"type": "sine", "from": 0}}, "'sine' is not known", "const"),
        ({"rps": {"type": "const", "ops": 5, "duration": 60}}, "not a duration", "1m30s"),
        ({"rps": {"type": "const", "ops": 5, "duration": "1us"}}, "too short", "1ms"),
        ({"rps": {"type": "const", "ops": -5, "duration": "1s"}}, "not a number of 0 or more", ""),
        ({"rps": {"type": "line", "from": 5, "duration": "1s"}}, r"rps.to is missing", ""),
        ({"rps": {"type": "once", "times": 0}}, "0 is too few", ""),
        ({"rps": {"type": "once", "times": 1.5}}, "not a whole number", ""),
        ({"rps": {"type": "step", "from": 1, "to": 2, "step": 0, "duration": "1s"}}, "leads nowhere", ""),
        ({"rps": []}, "empty list", ""),
        ({"rps": 5}, "not a mapping", ""),
        ({"startup": {"type": "unlimited", "duration": "1s"}}, "too many", "once"),
        ({"startup": {"type": "const", "ops": 0.1, "duration": "1s"}}, "starts no instance", ""),
        ({"result": {"type": "influx"}}, "no result 'influx'", "phout"),
        ({"startup": None}, "startup is missing", ""),
        ({"strtup": 5}, "strtup is not known", "did you mean startup"),
        ({"id": "${env:NO_SUCH_VARIABLE}"}, "no NO_SUCH_VARIABLE", ""),
        ({"id": "${secret:x}"}, "is not known", "env:NAME"),
        ({"id": "${property:no-such-file#K}"}, "cannot be read", ""),
    ],
)
def test_what_is_wrong_is_named_with_its_place(changes: dict[str, Any], said: str, hint: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        pool(**changes)
    assert hint in caught.value.hint


@pytest.mark.parametrize("text", ["", "pools: 5", "pools: []", "pools: [", "- a", "poools: []"])
def test_a_file_that_is_no_configuration_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "load.yaml"
    path.write_text(text)
    with pytest.raises(UsageError):
        read(path)


def test_a_dummy_asks_for_the_root_and_dates_are_those_of_the_shot() -> None:
    assert pool(ammo={"type": "dummy"}).firing.ammo(3).path == "/"
    middlewares = [{"type": "header/date", "location": "EST", "headerName": "X-Date"}]
    shot = pool(ammo={"type": "uri", "uris": ["/"], "middlewares": middlewares}).firing.ammo(0)
    assert shot.headers["X-Date"].endswith(" EST")


def test_the_line_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "load.yaml"
    path.write_text("pools:\n  - id: a\n    ammo: {uris: [/a?b=1]\n")
    with pytest.raises(UsageError, match=r"line 3 of .* is not YAML") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_the_headers_of_the_gun_reach_whole_requests_too(tmp_path: Path) -> None:
    request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    (tmp_path / "shots.raw").write_bytes(f"{len(request)}\n{request}".encode())
    ammo = {"type": "raw", "file": str(tmp_path / "shots.raw"), "headers": ["[Host: b]", "[X: y]"]}
    firing = pool(gun={"type": "http", "target": "a:80", "disable-keep-alives": True}, ammo=ammo).firing
    assert firing.ammo(0).raw == b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: y\r\n\r\n"
    ammo["middlewares"] = [{"type": "header/date"}]
    assert "middlewares changes nothing" in " ".join(pool(ammo=ammo).notes)
