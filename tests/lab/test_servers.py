import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from forebay.errors import Missing, Unavailable
from forebay.lab.servers import NATS, SERVERS, Kafka, Nginx, PostgreSQL, RabbitMQ, Redis, Server, install
from forebay.lab.servers import __main__ as program
from forebay.lab.servers.process import free_port, process_tree


def ended(pid: int, within: float = 30.0) -> bool:
    """Whether a process that is not our child is gone, waiting for it."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def redis_says(server: Server, *words: str) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(" ".join(words).encode() + b"\r\n")
        return connection.recv(100).strip()


@pytest.mark.parametrize("kind", [Redis, NATS, Nginx, RabbitMQ], ids=lambda kind: kind.name)
def test_a_started_server_answers_and_leaves_nothing_when_it_is_stopped(own_server, kind):
    server = own_server(kind)
    pids = process_tree(server.pid)
    assert str(server.port) in server.url
    server.stop()
    assert all(ended(pid) for pid in pids)
    assert not server.folder.exists()
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", server.port), timeout=1):
        pass


def test_a_killed_server_comes_back_on_its_port_with_its_data(own_server):
    server = own_server(Redis)
    assert redis_says(server, "SET", "a", "1") == b"+OK"
    port = server.port
    server.kill()
    server.restart()
    assert server.port == port
    assert redis_says(server, "GET", "a") == b"$1\r\n1"


def test_a_paused_server_is_silent_until_it_is_resumed(own_server):
    server = own_server(Redis)
    server.pause()
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=0.2)) as connection:
        connection.sendall(b"PING\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(10)
        server.resume()
        connection.settimeout(30)
        assert connection.recv(10) == b"+PONG\r\n"


def test_postgresql_keeps_what_was_committed_when_it_is_killed(own_server):
    server = own_server(PostgreSQL)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("create table kept (n int)")
        connection.execute("insert into kept values (1)")
        assert connection.execute("show fsync").fetchone() == ("on",)
        server.kill()
    server.restart()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("select n from kept").fetchall() == [(1,)]


def test_kafka_takes_clients_as_soon_as_it_has_started(kafka):
    admin = pytest.importorskip("confluent_kafka.admin")
    client = admin.AdminClient({"bootstrap.servers": f"127.0.0.1:{kafka.port}"})
    assert len(client.list_topics(timeout=30).brokers) == 1


def test_a_server_dies_with_the_program_that_started_it(required):
    required(Redis)
    script = textwrap.dedent("""
        import os, signal
        from forebay.lab.servers import Redis
        server = Redis().start()
        print(server.pid, server.folder, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    pid, _ = done.stdout.split()
    assert ended(int(pid))


def test_a_server_that_cannot_start_says_its_last_words_and_leaves_nothing(required):
    required(Nginx)
    server = Nginx(server="no_such_directive on;")
    with pytest.raises(Unavailable) as raised:
        server.start()
    assert "no_such_directive" in raised.value.hint
    assert not server.folder.exists()


def test_a_given_folder_stays_with_its_data(tmp_path, required):
    required(Redis)
    with Redis(folder=tmp_path) as server:
        redis_says(server, "SET", "a", "1")
    with Redis(folder=tmp_path) as server:
        assert redis_says(server, "GET", "a") == b"$1\r\n1"


def test_the_process_id_of_a_server_that_does_not_run_is_missing():
    server = Redis()
    with pytest.raises(Missing):
        _ = server.pid
    server.stop()
    assert not server.folder.exists()


def test_a_free_port_lies_below_those_of_outgoing_connections():
    assert 20_000 <= free_port() < 32_000


def test_programs_at_the_same_time_are_not_given_one_port():
    script = "from forebay.lab.servers.process import free_port; print(*(free_port() for _ in range(200)))"
    programs = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) for _ in range(2)]
    ports = [port for program in programs for port in program.communicate(timeout=60)[0].split()]
    assert len(ports) == len(set(ports)) == 400


def test_ports_are_given_also_where_nobody_can_know_which_was_the_last(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    assert 20_000 <= free_port() < 32_000


def test_after_the_last_port_comes_the_first(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    last_given = tmp_path / f"forebay-port-{os.getuid()}"
    last_given.write_text("31999")
    assert free_port() < 31_000
    last_given.write_text("none")
    assert 20_000 <= free_port() < 32_000


def test_a_missing_server_names_the_command_that_installs_it(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing) as raised:
        Kafka.program()
    assert "make servers" in raised.value.hint


def test_status_has_a_line_for_every_server_and_the_browser(capsys):
    assert program.main(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*SERVERS, install.BROWSER]


def test_another_command_is_a_usage_error(capsys):
    assert program.main(["start"]) == 2
    assert "usage" in capsys.readouterr().err


def test_what_is_there_is_not_installed_again(monkeypatch):
    monkeypatch.setattr(install, "missing_packages", list)
    monkeypatch.setattr(install, "jar_folder", lambda: Path(os.sep))
    monkeypatch.setattr(install, "_install_packages", lambda packages: pytest.fail("apt-get was called"))
    said: list[str] = []
    install.install(said.append)
    assert len(said) == len([*SERVERS, install.BROWSER])
