"""Every variable of the original service is understood, and what cannot be read is told by its name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay import env_file
from forebay.errors import UsageError
from forebay.queue.opening import queue_url
from forebay.queue.options import asked_of
from forebay.services.orderstore.app import orderstore
from forebay.services.orderstore.variables import VARIABLES, settings_of
from forebay.settings import BY_NAME, Settings
from forebay.url import parse

TABLE = """\
# Переменные DB необходимо указать для запуска через Docker Compose
DB_PROTOCOL=postgres
DB_HOST=postgres
DB_PORT=5432 

# Строка подключения к БД формируется следующим образом:
# DB_PROTOCOL://POSTGRES_USER:POSTGRES_PASSWORD@DB_HOST:DB_PORT/POSTGRES_DB
POSTGRES_USER=user
POSTGRES_PASSWORD=12345
POSTGRES_DB=orders

KAFKA_NETWORK=tcp
KAFKA_PROTOCOL=kafka
KAFKA_PORT=9092

KAFKA_TOPIC=go-orders
KAFKA_GROUP_ID=go-orders-1
KAFKA_MAX_BYTES=20000 # 20kb
KAFKA_RECONNECT_ATTEMPTS=20

KAFKA_READER_GOROUTINES=1
KAFKA_WRITE_EXAMPLES=0 # при 1 (true) генерирует данные для записи в Kafka
KAFKA_WRITER_GOROUTINES=1

MEMORY_HANDLER_GOROUTINES=1

MEMORY_RESTORE_DATA=1
MEMORY_CLEANUP_MINUTES_INTERVAL=10
MEMORY_ORDERS_LIMIT=100000 # исходя из максимального размера сообщения 20kb, 100 тысяч сообщений это не более 2гб памяти

SERVER_PORT=3000
SERVER_GET_ORDER_BY_ID=1 # при 0 (false) заказ можно получить по его order_uid
"""  # noqa: W291 - as the original service tells it, with its defaults
QUEUE = "kafka://kafka:9092/go-orders?group=go-orders-1"
STORE = "postgres://user:12345@postgres:5432/orders"
MEANT = {
    "queue": QUEUE,
    "store": STORE,
    "largest": "20000",
    "reconnects": "20",
    "readers": "1",
    "examples": "no",
    "writers": "1",
    "workers": "1",
    "restore": "yes",
    "cleanup": "10m",
    "orders_limit": "100000",
    "port": "3000",
    "by": "number",
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / ".env"
    path.write_text(TABLE, "utf-8")
    return env_file.read(path)


def names():
    return [line.partition("=")[0] for line in TABLE.splitlines() if line and not line.startswith("#")]


def test_the_table_of_the_original_is_ours_but_for_the_brokers():
    assert {variable.name for variable in VARIABLES} - {"KAFKA_BROKERS"} == set(names())
    assert len({variable.name for variable in VARIABLES}) == len(VARIABLES)


def test_the_whole_table_means_what_it_says(table):
    assert {name: text for name, (text, _) in settings_of(table).items()} == MEANT


@pytest.mark.parametrize("name", names())
def test_each_variable_alone_has_its_setting_and_is_its_origin(name, table):
    (setting,) = {variable.setting for variable in VARIABLES if variable.name == name}
    assert settings_of({name: table[name]}) == {setting: (MEANT[setting], name)}


def test_every_setting_is_one_of_all_programs_or_of_the_order_store(table):
    settings = Settings(
        environment={}, own={name: "" for name in MEANT if name not in BY_NAME}, variables=settings_of(table)
    )
    assert (settings.port, settings.workers, settings.readers, settings.reconnects) == (3000, 1, 1, 20)
    own = {name: text for name, text in MEANT.items() if name not in BY_NAME}
    assert {name: settings.own[name].text for name in own} == own
    assert orderstore(**own).name == "orderstore"


def test_the_urls_can_be_opened():
    url = queue_url(QUEUE)
    assert (url.host, asked_of(url).topic, asked_of(url).group) == ("kafka:9092", "go-orders", "go-orders-1")
    store = parse(STORE)
    assert (store.user, store.password, store.host, store.path) == ("user", "12345", "postgres:5432", "orders")


@pytest.mark.parametrize(
    ("name", "text", "setting", "meant"),
    [
        ("DB_PROTOCOL", "postgresql", "store", STORE.replace("postgres:", "postgresql:", 1)),
        ("DB_HOST", "db.example", "store", STORE.replace("@postgres", "@db.example")),
        ("DB_HOST", "::1", "store", STORE.replace("@postgres", "@[::1]")),
        ("DB_PORT", "6432", "store", STORE.replace("5432", "6432")),
        ("POSTGRES_USER", "a@b", "store", STORE.replace("user", "a%40b")),
        ("POSTGRES_PASSWORD", "", "store", STORE.replace(":12345", "")),
        ("POSTGRES_DB", "a/b", "store", STORE.replace("/orders", "/a%2Fb")),
        ("KAFKA_PROTOCOL", "my_kafka", "queue", QUEUE.replace("kafka:9092", "my_kafka:9092")),
        ("KAFKA_PORT", "29092", "queue", QUEUE.replace("9092", "29092")),
        ("KAFKA_BROKERS", "a, b:9093", "queue", QUEUE.replace("kafka:9092", "a:9092,b:9093")),
        ("KAFKA_TOPIC", "orders", "queue", QUEUE.replace("/go-orders", "/orders")),
        ("KAFKA_GROUP_ID", "audit", "queue", QUEUE.replace("go-orders-1", "audit")),
        ("KAFKA_MAX_BYTES", "1048576", "largest", "1048576"),
        ("KAFKA_RECONNECT_ATTEMPTS", "0", "reconnects", "0"),
        ("KAFKA_READER_GOROUTINES", "7", "readers", "7"),
        ("KAFKA_WRITE_EXAMPLES", "1", "examples", "yes"),
        ("KAFKA_WRITE_EXAMPLES", "TRUE", "examples", "yes"),
        ("KAFKA_WRITER_GOROUTINES", "4", "writers", "4"),
        ("MEMORY_HANDLER_GOROUTINES", "20", "workers", "20"),
        ("MEMORY_RESTORE_DATA", "0", "restore", "no"),
        ("MEMORY_CLEANUP_MINUTES_INTERVAL", "1", "cleanup", "1m"),
        ("MEMORY_ORDERS_LIMIT", "007", "orders_limit", "7"),
        ("SERVER_PORT", "0", "port", "0"),
        ("SERVER_GET_ORDER_BY_ID", "false", "by", "uid"),
    ],
)
def test_another_value_changes_its_part(name, text, setting, meant):
    assert settings_of({name: text}) == {setting: (meant, name)}


def test_brokers_win_over_host_and_port():
    told = settings_of({"KAFKA_PROTOCOL": "a", "KAFKA_PORT": "1", "KAFKA_BROKERS": "b:2", "KAFKA_TOPIC": "t"})
    origin = "KAFKA_PROTOCOL, KAFKA_PORT, KAFKA_BROKERS, KAFKA_TOPIC"
    assert told == {"queue": ("kafka://b:2/t?group=go-orders-1", origin)}


def test_what_is_not_set_or_empty_or_of_others_means_nothing():
    assert settings_of({}) == {}
    assert settings_of({name: "" for name in names() if name != "POSTGRES_PASSWORD"} | {"PATH": "/bin"}) == {}


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
)
def test_any_account_survives_its_url(user, password):
    ((text, _),) = settings_of({"POSTGRES_USER": user, "POSTGRES_PASSWORD": password}).values()
    url = parse(text)
    assert (url.user, url.password, url.host, url.path) == (user, password, "postgres:5432", "orders")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DB_PROTOCOL", "mysql"),
        ("DB_HOST", "db/orders"),
        ("DB_HOST", "user@db"),
        ("DB_PORT", "0"),
        ("DB_PORT", "5432x"),
        ("POSTGRES_PASSWORD", "\udcff"),
        ("KAFKA_NETWORK", "udp"),
        ("KAFKA_PROTOCOL", "kafka://kafka"),
        ("KAFKA_PORT", "65536"),
        ("KAFKA_PORT", "٣"),
        ("KAFKA_BROKERS", " , "),
        ("KAFKA_BROKERS", "a:b"),
        ("KAFKA_TOPIC", "go.orders"),
        ("KAFKA_GROUP_ID", "each"),
        ("KAFKA_MAX_BYTES", "20kb"),
        ("KAFKA_RECONNECT_ATTEMPTS", "-1"),
        ("KAFKA_READER_GOROUTINES", "0"),
        ("KAFKA_WRITE_EXAMPLES", "yes"),
        ("KAFKA_WRITER_GOROUTINES", "0"),
        ("MEMORY_HANDLER_GOROUTINES", "0"),
        ("MEMORY_RESTORE_DATA", "2"),
        ("MEMORY_CLEANUP_MINUTES_INTERVAL", "0.5"),
        ("MEMORY_ORDERS_LIMIT", "9" * 5_000),
        ("SERVER_PORT", "65536"),
        ("SERVER_GET_ORDER_BY_ID", "on"),
    ],
)
def test_what_cannot_be_read_is_told_by_the_name_of_its_variable(name, text):
    with pytest.raises(UsageError, match=rf"^{name}: ") as caught:
        settings_of({name: text})
    assert caught.value.hint
    assert len(caught.value.what) < 6_000


def test_a_password_is_not_told():
    with pytest.raises(UsageError) as caught:
        settings_of({"POSTGRES_PASSWORD": "secret\udcff"})
    assert "secret" not in caught.value.what + caught.value.hint
