"""The metrics of a load report, sent to an OpenTelemetry collector over OTLP/HTTP.

OpenTelemetry has no summaries that an SDK may produce: each quantile is a gauge with the attribute `quantile`, as in load.prom.
Needs the extra `otel`.
"""

import logging

from opentelemetry.exporter.otlp.proto.http import metric_exporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult
from opentelemetry.sdk.resources import Resource

from gatebench.fixtures.errors import BenchError
from gatebench.reports.load import metrics
from gatebench.reports.load.model import Report

TIMEOUT = 10.0  # seconds, attempts included


def export(report: Report, endpoint: str) -> int:
    """Send the metrics of a complete report to `endpoint`, such as http://127.0.0.1:4318/v1/metrics; return their number.

    Headers and certificates come from the environment (OTEL_EXPORTER_OTLP_HEADERS and so on, as OpenTelemetry documents them).
    Raises BenchError with the cause if the collector does not accept them.
    """
    reader = InMemoryMetricReader()
    resource = Resource.create({"service.name": "gatebench", "service.version": str(report["gatebench"])})
    meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    meter = meters.get_meter("gatebench.load")
    gauges = {}
    samples = list(metrics.flat(metrics.of_report(report)))
    for name, description, labels, value in samples:
        if name not in gauges:
            gauges[name] = meter.create_gauge(name, description=description)
        gauges[name].set(value, labels)
    data = reader.get_metrics_data()
    exporter = OTLPMetricExporter(endpoint=endpoint, timeout=TIMEOUT)
    said = _Messages()
    logger = logging.getLogger(metric_exporter.__name__)
    logger.addHandler(said)
    logger.propagate = False
    try:
        sent = data is not None and exporter.export(data, timeout_millis=TIMEOUT * 1000) is MetricExportResult.SUCCESS
    finally:
        logger.removeHandler(said)
        logger.propagate = True
        exporter.shutdown()
        meters.shutdown()
    if not sent:
        raise BenchError(
            f"the collector at {endpoint} did not accept the metrics: {said.last or 'no reason was given'}"
        )
    return len(samples)


class _Messages(logging.Handler):
    """Keeps the last message of the exporter, which reports failures to its log only."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()
