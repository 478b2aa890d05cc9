"""Metrics of a load report at a collector: `gatebench load report --otlp`."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from gatebench.fixtures.errors import BenchError
from gatebench.reports.load import metrics, otlp

REPORT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "load.json").read_text(encoding="utf-8"))


class Collector(http.server.ThreadingHTTPServer):
    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = status
        self.bodies: list[bytes] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/metrics"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector(request: pytest.FixtureRequest) -> Iterator[Collector]:
    server = Collector(getattr(request, "param", 200))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_collector_gets_every_metric(collector: Collector) -> None:
    sent = otlp.export(REPORT, collector.endpoint)
    received = ExportMetricsServiceRequest.FromString(collector.bodies[0]).resource_metrics[0]
    assert {pair.key: pair.value.string_value for pair in received.resource.attributes}["service.name"] == "gatebench"
    points = [
        (one.name, {pair.key: pair.value.string_value for pair in point.attributes}, point.as_double)
        for one in received.scope_metrics[0].metrics
        for point in one.gauge.data_points
    ]
    expected = [(name, labels, value) for name, _, labels, value in metrics.flat(metrics.of_report(REPORT))]
    assert sorted(points, key=repr) == sorted(expected, key=repr)
    assert sent == len(expected) > 0


@pytest.mark.parametrize("collector", [401], indirect=True)
def test_collector_that_refuses_is_reported(collector: Collector) -> None:
    with pytest.raises(BenchError, match=rf"^the collector at {collector.endpoint} did not accept the metrics: .*401"):
        otlp.export(REPORT, collector.endpoint)


def test_collector_that_is_not_there_is_reported(collector: Collector) -> None:
    endpoint = collector.endpoint.replace(str(collector.server_port), "1")
    with pytest.raises(
        BenchError, match=r"^the collector at http://127\.0\.0\.1:1/v1/metrics did not accept the metrics: "
    ):
        otlp.export(REPORT, endpoint)
