"""A user of Locust that fires GET / again as soon as it has its answer (FastHttpUser, no wait)."""

from __future__ import annotations

from locust import FastHttpUser, task


class User(FastHttpUser):
    @task
    def get(self) -> None:
        self.client.get("/")
