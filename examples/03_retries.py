"""What becomes of failures: a retry that helps, a retry that asks for its time, a dead letter, its return.

python 03_retries.py
"""

import asyncio
import sys

from forebay import App, Retry, RetryPolicy, Work

QUEUE = "sqlite:///mails.db"
bank_is_open = False

app = App("mails")


@app.handler("mails", retry=RetryPolicy(attempts=3, first=0.01))
async def send(mail: dict, work: Work) -> str:
    if mail["to"] == "flaky" and work.attempt == 1:
        raise ConnectionError("the first try never works")  # any exception: again after a pause
    if mail["to"] == "busy" and work.attempt == 1:
        raise Retry(after=0.02)  # again, at a time of our choice
    if mail["to"] == "bank" and not bank_is_open:
        raise TimeoutError("closed")  # three times: a dead letter
    return "sent"


async def forebay(*arguments: str) -> None:
    """Do what you would do at a prompt: ``forebay dead ls URL``."""
    sys.stdout.flush()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "forebay", *arguments)
    await process.wait()


async def main() -> None:
    global bank_is_open
    async with app.running(queue=QUEUE) as running:
        for to in ("anna", "flaky", "busy", "bank"):
            await running.publish("mails", {"to": to})
        await running.drained(timeout=20)
        print(*await running.ledgers())

        await forebay("dead", "ls", f"{QUEUE}?topic=mails")
        bank_is_open = True  # the handler is mended
        await forebay("dead", "return", "--all", f"{QUEUE}?topic=mails")
        await running.drained(timeout=20)
        print(*await running.ledgers())


if __name__ == "__main__":
    asyncio.run(main())
