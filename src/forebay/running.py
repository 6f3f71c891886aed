"""An application at work: its topics, pools and store open, its intakes answering."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec

from forebay.errors import UsageError
from forebay.events import Event, Listener
from forebay.intake.asgi import ASGISite
from forebay.intake.http import Request, Response
from forebay.intake.intake import Intake
from forebay.intake.openapi import openapi
from forebay.intake.routes import Routes
from forebay.message import Message, new_id
from forebay.queue.driver import Driver
from forebay.queue.opening import lease_of, open_driver, queue_url
from forebay.queue.subscription import Subscription
from forebay.queue.topic import Topic
from forebay.settings import Settings
from forebay.stores.opening import open_store
from forebay.stores.store import Store
from forebay.telemetry.health import Health
from forebay.telemetry.metrics import Metrics
from forebay.url import URL, parse
from forebay.workers.direct import Direct
from forebay.workers.ledger import Ledger, read_ledger
from forebay.workers.policies import RetryPolicy
from forebay.workers.pool import Pool

if TYPE_CHECKING:
    from forebay.app import App, DeclaredHandler, DeclaredIntake
