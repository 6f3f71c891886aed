"""What goes out by the words of `forebay fire`, as the server reads it."""

from __future__ import annotations

from wire import OK, hear, listening


def heard_by(forebay, *words):
    """Return the one request that a server gets, fired by these words."""
    heard = []

    def talk(connection):
        heard.append(hear(connection))
        connection.sendall(OK)
        hear(connection)

    with listening(talk) as serving:
        done = forebay("fire", serving.url + "a?b=1", "--profile", "once(1)", "--for", "100ms", *words)
        assert done.returncode in (0, 5), done.stderr
    return heard[0].decode(errors="surrogateescape")


def test_a_shot_is_a_get_where_nothing_else_is_said(forebay):
    assert heard_by(forebay).startswith("GET /a?b=1 HTTP/1.1\r\nHost: localhost:")


def test_a_body_makes_it_a_post(forebay, tmp_path):
    (tmp_path / "order").write_bytes(b"mill")
    request = heard_by(forebay, "--body", "@order", "-H", "X-A: 1", "--header", "x-b:2")
    assert request.startswith("POST /a?b=1 HTTP/1.1\r\n")
    assert "\r\nX-A: 1\r\nx-b: 2\r\n" in request
    assert request.endswith("Content-Length: 4\r\n\r\nmill")


def test_a_body_is_the_bytes_that_were_typed_and_the_file_of_the_run_bears_them(forebay, tmp_path):
    request = heard_by(forebay, "--body", b"caf\xe9", "--out", "run")
    assert request.endswith("\r\n\r\ncaf\udce9")
    assert "caf\\\\udce9" in (tmp_path / "run").read_text()


def test_a_method_may_be_said(forebay):
    assert heard_by(forebay, "--method", "delete").startswith("DELETE ")


def test_ammunition_is_fired_with_its_seed(forebay):
    assert '"username":"forebay-7-0"' in heard_by(forebay, "--ammo", "forebay:orders", "--seed", "7")
    assert '"username":"forebay-3-0"' in heard_by(forebay, "--ammo", "forebay:orders?seed=3", "--seed", "7")
