"""Every query of the dashboard, the rules and the alerts, answered by a Prometheus
that watches a running elmo-server: what they ask for is what the server exports."""

import json
import math
import re
import unittest

import yaml

import promql
from server import ROOT, Server
from watched import RULES, Prometheus

DASHBOARD = ROOT / "deploy/grafana/dashboards/elmo-serving.json"
# Of the target, not of the server; the first two only in a cluster.
TARGET_LABELS = {"namespace", "pod", "job", "instance"}
# Grafana's variables, as for a person who chose everything.
VARIABLES = {"$job": ".+", "$instance": ".+", "$__rate_interval": "5m"}
# What no panel, rule or alert needs, as another metric says it better.
NOT_SHOWN = {
    "elmo_queue_sentences": "elmo_queue_tokens",
    "elmo_word_cache_words": "elmo_word_cache_bytes",
}
SENTENCES = "The bank was closed .\nThey sat on the bank of the river .\n"


def rules():
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def panels():
    dashboard = json.loads(DASHBOARD.read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def filled(expression):
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


class Watched(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server())
        # As deploy/prometheus/prometheus.yml, but for the target's address.
        config = yaml.safe_load(
            (ROOT / "deploy/prometheus/prometheus.yml").read_text())
        scrape, = config["scrape_configs"]
        scrape["static_configs"][0]["targets"] = [cls.server.metrics]
        cls.prometheus = cls.enterClassContext(Prometheus([scrape]))
        cls.prometheus.wait_for("elmo_requests_total")
        # Something to see in every panel, the refused and the slow aside.
        for _ in range(3):
            done = cls.server.client("embed", "--format", "tsv", text=SENTENCES)
            assert done.returncode == 0, done.stderr
        cls.prometheus.wait_for(
            'rate(elmo_requests_total{method="Embed",code="OK"}[5m]) > 0')
        for rule in rules():
            if "record" in rule:
                cls.prometheus.wait_for(rule["record"])

    def assert_exported(self, expression):
        """Every selector finds something, and has the labels that are named."""
        selectors, labels = promql.parse(expression)
        self.assertTrue(selectors, expression)
        known = set(TARGET_LABELS)
        for selector in selectors:
            series = self.prometheus.query(selector)
            self.assertTrue(series, f"the server has no {selector}")
            for metric, _ in series:
                known |= set(metric)
        self.assertLessEqual(labels, known, expression)

    def test_panels(self):
        for panel in panels():
            for target in panel["targets"]:
                expression = filled(target["expr"])
                with self.subTest(panel=panel["title"], expr=expression):
                    self.assertNotIn("$", expression)
                    self.assert_exported(expression)
                    series = self.prometheus.query(expression)
                    self.assertTrue(series, "nothing to see")
                    for label in re.findall(r"{{(\w+)}}",
                                            target["legendFormat"]):
                        for metric, _ in series:
                            self.assertIn(label, metric)

    def test_panels_show_figures_while_there_is_traffic(self):
        for panel in panels():
            with self.subTest(panel=panel["title"]):
                values = [value for target in panel["targets"]
                          for _, value in self.prometheus.query(
                              filled(target["expr"]))]
                self.assertFalse(all(math.isnan(each) for each in values))

    def test_no_metric_of_the_server_is_forgotten(self):
        exported = {name for name in self.prometheus.get("metadata")
                    if name.startswith("elmo_")}
        self.assertIn("elmo_requests_total", exported)
        expressions = [target["expr"] for panel in panels()
                       for target in panel["targets"]]
        expressions += [rule["expr"] for rule in rules()]
        used = {re.sub(r"_(bucket|sum|count)$", "", selector.split("{")[0])
                for expression in expressions
                for selector in promql.parse(expression)[0]}
        self.assertEqual(exported - used, set(NOT_SHOWN))
        self.assertLessEqual(set(NOT_SHOWN.values()), used)

    def test_variables(self):
        dashboard = json.loads(DASHBOARD.read_text())
        asked = [each for each in dashboard["templating"]["list"]
                 if each["type"] == "query"]
        self.assertEqual([each["name"] for each in asked], ["job", "instance"])
        for each in asked:
            selector, label = re.fullmatch(
                r"label_values\((.*), (\w+)\)", each["definition"]).groups()
            for metric, _ in self.prometheus.query(filled(selector)):
                self.assertIn(label, metric)

    def test_recording_rules(self):
        for rule in rules():
            if "record" in rule:
                with self.subTest(rule=rule["record"]):
                    self.assert_exported(rule["expr"])
                    self.assertTrue(self.prometheus.query(rule["record"]))

    def test_alerts(self):
        for rule in rules():
            if "alert" in rule:
                with self.subTest(alert=rule["alert"]):
                    self.assert_exported(rule["expr"])

    def test_no_rule_fails_and_no_alert_fires_on_a_healthy_server(self):
        groups = self.prometheus.get("rules")["groups"]
        evaluated = [rule for group in groups for rule in group["rules"]]
        self.assertEqual(len(evaluated), len(list(rules())))
        for rule in evaluated:
            self.assertEqual(rule["health"], "ok", rule)
            self.assertNotEqual(rule.get("state"), "firing", rule)

    def test_a_metric_that_there_is_not_is_noticed(self):
        with self.assertRaises(AssertionError):
            self.assert_exported("rate(elmo_no_such_total[5m])")
        with self.assertRaises(AssertionError):
            self.assert_exported('elmo_requests_total{code="FINE"}')
        with self.assertRaises(AssertionError):
            self.assert_exported("sum by (colour) (elmo_workers)")


if __name__ == "__main__":
    unittest.main()
