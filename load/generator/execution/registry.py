"""Registry of engines by locust environment; users wait until their worker has received its plan."""

from weakref import WeakKeyDictionary

from gevent.event import AsyncResult
from locust.env import Environment

from gatebench.load.generator.execution.engine import Engine

_engines: "WeakKeyDictionary[Environment, AsyncResult[Engine]]" = WeakKeyDictionary()


def _entry(environment: Environment) -> "AsyncResult[Engine]":
    return _engines.setdefault(environment, AsyncResult())


def install(environment: Environment, engine: Engine) -> None:
    """Set the engine of an environment."""
    _entry(environment).set(engine)


def engine_of(environment: Environment) -> Engine:
    """Return the engine of an environment; wait until it is set."""
    engine: Engine = _entry(environment).get()
    return engine
