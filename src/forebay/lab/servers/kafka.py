"""Apache Kafka: one broker and controller in one process (KRaft), taken from Maven Central into a cache folder."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from forebay.errors import Missing, Unavailable
from forebay.lab.servers.process import REMEDY, Server, find_program, free_port

VERSION = "4.3.1"
LOGGING = "2.25.4"

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>forebay</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>{LOGGING}</version>
    </dependency>
  </dependencies>
</project>
"""

SETTINGS = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxy}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
controlled.shutdown.enable=false
"""

_GROUP = b"any"
FIND_COORDINATOR = struct.pack(">ihhihh", 12 + len(_GROUP), 10, 0, 1, -1, len(_GROUP)) + _GROUP
"""Who is the coordinator of a group? In version 0, without a client id."""
FETCH_OFFSETS = struct.pack(">ihhihh", 16 + len(_GROUP), 9, 2, 2, -1, len(_GROUP)) + _GROUP + struct.pack(">i", 0)
"""How far is the group? In version 2, of no partitions."""

LOG = """status = error
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c: %m%n
rootLogger.level = error
rootLogger.appenderRef.out.ref = OUT
"""


class Kafka(Server):
    """A Kafka broker; its URL lacks the topic: ``kafka://127.0.0.1:9092``.

    Attributes:
        behind, proxy: who comes through a proxy from the port `proxy` to the port `behind` is led back to the proxy;
            a broker tells its clients where it is, and would lead them past it.
    """

    name = "kafka"
    packages = ("default-jre-headless", "maven")

    def __init__(self, folder: Path | None = None, port: int | None = None) -> None:
        super().__init__(folder, port)
        self._controller_port = free_port()
        self.behind, self.proxy = free_port(), free_port()

    @property
    def url(self) -> str:
        """Where clients find it; a topic is to be added."""
        return f"kafka://127.0.0.1:{self.port}"

    @classmethod
    def program(cls) -> Path:
        """Return the folder of Kafka's jars.

        Raises:
            Missing: it was not fetched, or there is no Java.
        """
        find_program("java")
        jars = jar_folder()
        if not jars.is_dir():
            raise Missing(f"Kafka {VERSION} is not in {jars.parent}", REMEDY)
        return jars

    def _prepare(self) -> None:
        jars = self.program()
        settings = self.folder / "server.properties"
        if settings.exists():
            return
        settings.write_text(self._text())
        (self.folder / "log.properties").write_text(LOG)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        storage = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(settings)]
        done = subprocess.run(self._java(jars, storage), capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable("Kafka's storage cannot be formatted", (done.stderr or done.stdout)[-2000:])

    def _text(self) -> str:
        ports = {"port": self.port, "controller": self._controller_port, "behind": self.behind, "proxy": self.proxy}
        return SETTINGS.format(folder=self.folder, **ports)

    def _command(self) -> Sequence[str]:
        return self._java(self.program(), ["kafka.Kafka", str(self.folder / "server.properties")])

    def _java(self, jars: Path, arguments: Sequence[str]) -> list[str]:
        return [
            str(find_program("java")),
            "-Xms128m",
            "-Xmx512m",
            "-XX:+UseSerialGC",
            f"-Dlog4j2.configurationFile={self.folder / 'log.properties'}",
            "-cp",
            str(jars / "*"),
            *arguments,
        ]

    def _answers(self) -> bool:
        """Whether groups are served, too: the first question for one makes what they need, and that takes its time."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
            connection.sendall(FIND_COORDINATOR)
            found = connection.recv(64)[8:10]  # behind length and number
            connection.sendall(FETCH_OFFSETS)
            fetched = connection.recv(64)[-2:]
        return found == fetched == b"\0\0"  # no error


def jar_folder() -> Path:
    """Return the folder that holds, or will hold, the jars of this version of Kafka."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "forebay" / f"kafka-{VERSION}"


def fetch_jars() -> int:
    """Fetch Kafka and all that it needs with Maven; return the number of jars.

    Raises:
        Missing: there is no Maven. Unavailable: Maven could not fetch it.
    """
    maven, target = find_program("mvn"), jar_folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        pom, jars = Path(work, "pom.xml"), Path(work, "jars")
        pom.write_text(POM)
        command = [str(maven), "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(f"Maven cannot fetch Kafka {VERSION}", (done.stdout + done.stderr)[-2000:])
        shutil.rmtree(target, ignore_errors=True)
        jars.rename(target)  # at once: half a download never looks like a whole one
    return len(list(target.glob("*.jar")))
