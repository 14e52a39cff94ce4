"""`/metrics`, read by the parsers of the official Prometheus client, which refuse what the formats do not allow."""

import unittest
import urllib.request

from seam import Seam

from generation import IS_CURRENT, close
from server import Server

if IS_CURRENT:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
    from prometheus_client.parser import text_string_to_metric_families as read_text

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@unittest.skipUnless(IS_CURRENT, "once is enough: it does not depend on the client")
class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def families(self, accept, read):
        request = urllib.request.Request(self.server.endpoint + "/metrics", headers={"accept": accept})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.headers["content-type"], list(read(answer.read().decode()))

    def unlocks(self, accept, read):
        """How many unlocks were confirmed, and how many of them have a time from the write to the lock's word."""
        _, families = self.families(accept, read)
        samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }
        ended = {"driver": "sandbox", "action": "UNLOCK_DOOR", "status": "success", "outcome": "confirmed"}
        stage = {"driver": "sandbox", "stage": "written_to_reported"}
        return (
            samples.get(("thumbturn_attempts_ended_total", tuple(sorted(ended.items()))), 0),
            samples.get(("thumbturn_attempt_stage_seconds_count", tuple(sorted(stage.items()))), 0),
        )

    def test_an_unlock_is_counted_in_both_formats(self):
        seam = Seam.from_api_key(self.server.api_key, endpoint=self.server.endpoint)
        self.addCleanup(close, seam)
        for count in (1, 2):
            seam.locks.unlock_door(device_id=self.server.device_id())
            self.assertEqual(self.unlocks("*/*", read_text), (count, count))
            self.assertEqual(self.unlocks(OPENMETRICS, read_openmetrics), (count, count))

    def test_every_family_has_a_type_and_a_text(self):
        for accept, read in (("*/*", read_text), (OPENMETRICS, read_openmetrics)):
            kind, families = self.families(accept, read)
            self.assertEqual(kind, OPENMETRICS if accept == OPENMETRICS else "text/plain; version=0.0.4; charset=utf-8")
            for family in families:
                self.assertIn(family.type, ("counter", "gauge", "histogram"), family.name)
                self.assertTrue(family.documentation, family.name)
