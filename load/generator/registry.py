"""Which engine plays in which locust environment: users find it here, and wait for it until a worker has got its plan."""

from weakref import WeakKeyDictionary

from gevent.event import AsyncResult
from locust.env import Environment

from load.generator.engine import Engine

_engines: "WeakKeyDictionary[Environment, AsyncResult[Engine]]" = WeakKeyDictionary()


def _seat(environment: Environment) -> "AsyncResult[Engine]":
    return _engines.setdefault(environment, AsyncResult())


def install(environment: Environment, engine: Engine) -> None:
    """The environment's users play for this engine."""
    _seat(environment).set(engine)


def engine_of(environment: Environment) -> Engine:
    """The engine of an environment; sleeps until there is one."""
    engine: Engine = _seat(environment).get()
    return engine
