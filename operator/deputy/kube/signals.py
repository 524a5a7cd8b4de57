"""How a process is asked to end, though Kopf would like to be the one who is."""

import asyncio
import signal

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Have SIGTERM and SIGINT set `stop` from now on, whoever else asked for them before."""
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
