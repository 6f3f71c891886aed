import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.quantity import duration
from forebay.queue.opening import open_driver
from forebay.url import URL, parse, with_port, without_passwords


def test_an_address_comes_apart_into_its_parts():
    url = parse("kafka://me:s%40crt@one:9092,two:9092/orders?group=workers&lease=15s")
    assert url == URL("kafka", "one:9092,two:9092", "orders", "me", "s@crt", {"group": "workers", "lease": "15s"})


@pytest.mark.parametrize(("text", "path"), [("sqlite:///a.db", "a.db"), ("sqlite:////var/a.db", "/var/a.db")])
def test_three_slashes_are_a_relative_file_and_four_an_absolute_one(text, path):
    assert parse(text).path == path


def test_the_text_of_an_address_never_shows_its_password():
    text = "postgresql://me:canary@host/db?sslpassword=canary2"
    shown = str(parse(text)) + repr(parse(text))
    assert "canary" not in str(parse(text))
    assert "password='canary'" not in shown


@pytest.mark.parametrize(
    "text", ["orders.db", "sqlite:///a?x=1&x=2", "sqlite:///a?x", "sqlite:///a#b", "memory://a?=1&"]
)
def test_what_is_not_an_address_is_refused(text):
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://me:canary@host/orders", "redis://me:***@host/orders"),
        ("at amqp://:can@ary@host, twice: nats://me:canary@a", "at amqp://:***@host, twice: nats://me:***@a"),
        ("--queue=kafka://host/a?sasl_password=canary&group=b", "--queue=kafka://host/a?sasl_password=***&group=b"),
        ("http://host:80/a?b=me:you@there", "http://host:80/a?b=me:you@there"),
    ],
)
def test_a_text_is_shown_without_the_passwords_of_its_urls(text, shown):
    assert without_passwords(text) == shown


def test_an_unknown_option_is_refused_and_the_nearest_known_one_named():
    with pytest.raises(UsageError, match="'leese'") as caught:
        parse("memory://a?leese=1s").check_options({"lease", "topic"})
    assert caught.value.hint == "did you mean lease?"


def test_an_option_that_cannot_be_read_is_named():
    with pytest.raises(UsageError, match="lease='soon'"):
        parse("memory://a?lease=soon").option("lease", duration, 15.0)


def test_an_option_that_is_absent_has_its_default():
    assert parse("memory://a").option("lease", duration, 15.0) == 15.0


@given(st.dictionaries(st.text("abcdef", min_size=1), st.text(min_size=1), max_size=3))
def test_options_survive_their_text_form(options):
    options = {name: value for name, value in options.items() if "password" not in name}
    assert parse(str(URL("memory", "a", options=options))).options == options


def test_a_token_of_nats_is_as_secret_as_a_password():
    url = parse("nats://canary@host/orders")
    assert "canary" not in f"{url} {url!r}"
    assert str(url) == "nats://***@host/orders" == without_passwords("nats://canary@host/orders")
    assert str(parse("postgresql://me@host/db")) == "postgresql://me@host/db"


@pytest.mark.parametrize("text", ["redis://me:canary@[::1/orders", "redis://me:canary@h\u2100st/orders"])
def test_a_host_that_cannot_be_read_is_refused_and_no_password_told(text):
    with pytest.raises(UsageError, match="host of this redis://") as caught:
        parse(text)
    assert "canary" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("text", ["redis:/me:can:ary@host/orders", "nats:canary@host"])
def test_what_is_not_an_address_is_told_without_its_password(text):
    with pytest.raises(UsageError, match="is not a URL") as caught:
        parse(text)
    assert "ary" not in caught.value.what


@pytest.mark.parametrize(
    ("host", "servers"),
    [
        ("a", [("a", 4222)]),
        ("a:1,b", [("a", 1), ("b", 4222)]),
        ("[::1]", [("::1", 4222)]),
        ("[::1]:65535", [("::1", 65535)]),
        (":1", [("localhost", 1)]),
        ("", []),
    ],
)
def test_a_host_is_several_servers_each_with_its_port(host, servers):
    assert parse(f"nats://{host}/orders").servers(4222) == servers


@pytest.mark.parametrize("scheme", ["nats", "kafka", "redis", "amqp"])
@pytest.mark.parametrize("port", ["x", "0", "65536", "-1", "\u0661", ""])
async def test_a_port_that_is_none_is_wrong_usage_on_every_broker(scheme, port):
    with pytest.raises(UsageError, match="no such port"):
        await open_driver(f"{scheme}://localhost:{port}/orders")


def test_a_server_is_written_as_it_is_read():
    assert [with_port("a", 1), with_port("::1", 2)] == ["a:1", "[::1]:2"]
