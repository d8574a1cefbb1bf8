"""Alerts and what belongs to them; how Prometheus finds pods; the adapter."""

import re
import unittest

import yaml

import promql
from server import ROOT, Server, flags
from watched import Prometheus

FOLDER = ROOT / "deploy/prometheus"
RUNBOOK = ROOT / "docs/runbook.md"


def alerts():
    text = (FOLDER / "rules/alerts.yml").read_text()
    return [rule for group in yaml.safe_load(text)["groups"]
            for rule in group["rules"]]


def entries():
    """The runbook's: title -> text."""
    parts = re.split(r"^## (.*)$", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2]))


class Alerts(unittest.TestCase):
    def test_each_has_an_entry_of_the_runbook_and_leads_to_it(self):
        self.assertEqual([each["alert"] for each in alerts()],
                         list(entries()))
        for each in alerts():
            self.assertEqual(each["annotations"]["runbook_url"],
                             "docs/runbook.md#" + each["alert"].lower())

    def test_each_entry_says_what_it_means_what_to_look_at_and_to_do(self):
        for name, text in entries().items():
            with self.subTest(entry=name):
                self.assertIn("**Means**", text)
                self.assertRegex(text, r"\*\*Look at( and do)?\*\*")
                self.assertRegex(text, r"\*\*(Look at and do|Do)\*\*")

    def test_links_of_the_runbook_lead_somewhere(self):
        anchors = {name.lower() for name in entries()}
        links = re.findall(r"\]\(#([^)]*)\)", RUNBOOK.read_text())
        self.assertLessEqual(set(links), anchors)

    def test_panels_that_the_runbook_names_are_there(self):
        dashboard = yaml.safe_load(  # JSON is YAML.
            (ROOT / "deploy/grafana/dashboards/elmo-serving.json").read_text())
        titles = {panel["title"] for panel in dashboard["panels"]}
        named = re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)",
                           RUNBOOK.read_text())
        self.assertTrue(named)
        self.assertLessEqual({" ".join(each.split()) for each in named}, titles)

    def test_flags_that_the_runbook_names_are_the_servers(self):
        named = re.findall(r"`--([a-z-]+)", RUNBOOK.read_text())
        self.assertLessEqual(set(named), set(flags()))

    def test_each_has_a_unit_test_in_which_it_fires(self):
        tests = yaml.safe_load((FOLDER / "tests/rules_test.yml").read_text())
        fires = {case["alertname"] for test in tests["tests"]
                 for case in test.get("alert_rule_test", ())
                 if case["exp_alerts"]}
        silent = {case["alertname"] for test in tests["tests"]
                  for case in test.get("alert_rule_test", ())
                  if not case["exp_alerts"]}
        names = {each["alert"] for each in alerts()}
        self.assertEqual(fires, names)
        self.assertEqual(silent, names)

    def test_each_has_a_severity_that_is_known(self):
        for each in alerts():
            self.assertIn(each["labels"]["severity"], ("critical", "warning"))


class Kubernetes(unittest.TestCase):
    """kubernetes.yml: Debian's Prometheus is built without Kubernetes, so pods are
    told to it as Kubernetes would, and its relabelling does the rest."""

    # What the discovery of pods says of a port of a pod.
    POD = {
        "__meta_kubernetes_namespace": "words",
        "__meta_kubernetes_pod_name": "elmo-1",
        "__meta_kubernetes_pod_phase": "Running",
        "__meta_kubernetes_pod_label_app_kubernetes_io_name": "elmo-serving",
        "__meta_kubernetes_pod_container_port_name": "metrics",
        "__meta_kubernetes_pod_annotation_prometheus_io_scrape": "true",
        "__meta_kubernetes_pod_annotation_prometheus_io_path": "/metrics",
    }
    OTHERS = [
        {"__meta_kubernetes_pod_label_app_kubernetes_io_name": "other"},
        {"__meta_kubernetes_pod_annotation_prometheus_io_scrape": "false"},
        {"__meta_kubernetes_pod_container_port_name": "grpc"},
        {"__meta_kubernetes_pod_phase": "Succeeded"},
    ]

    def test_pods_with_the_charts_annotations_are_found_and_no_others(self):
        config = yaml.safe_load((FOLDER / "kubernetes.yml").read_text())
        scrape, = config["scrape_configs"]
        self.assertEqual(scrape.pop("kubernetes_sd_configs"), [{"role": "pod"}])
        with Server() as server:
            port = {"__meta_kubernetes_pod_annotation_prometheus_io_port":
                    str(server.metrics_port)}
            pods = [{**self.POD, **port, **other, "number": str(number)}
                    for number, other in enumerate([{}, *self.OTHERS])]
            scrape["static_configs"] = [
                {"targets": ["127.0.0.1:50051"], "labels": pod} for pod in pods]
            with Prometheus([scrape]) as prometheus:
                prometheus.wait_for("up == 1")
                found = prometheus.get("targets")
                series = prometheus.query("elmo_workers")
        self.assertEqual(len(found["activeTargets"]), 1)
        self.assertEqual(len(found["droppedTargets"]), len(self.OTHERS))
        labels = series[0][0]
        self.assertEqual(labels["job"], "elmo-serving")
        self.assertEqual(labels["namespace"], "words")
        self.assertEqual(labels["pod"], "elmo-1")
        self.assertEqual(labels["instance"], server.metrics)

    def test_both_configurations_have_the_rules_and_the_job(self):
        files = [yaml.safe_load((FOLDER / name).read_text())
                 for name in ("prometheus.yml", "kubernetes.yml")]
        for key in ("global", "rule_files"):
            self.assertEqual(files[0][key], files[1][key])
        for each in files:
            self.assertEqual(each["scrape_configs"][0]["job_name"],
                             "elmo-serving")


class Adapter(unittest.TestCase):
    def test_it_gives_the_metric_that_the_autoscaler_asks_for(self):
        rule, = yaml.safe_load((FOLDER / "adapter.yml").read_text())["rules"]
        values = yaml.safe_load(
            (ROOT / "deploy/helm/elmo-serving/values.yaml").read_text())
        metric = values["autoscaling"]["queueTokens"]["metric"]
        self.assertEqual(rule["name"]["as"], metric)
        self.assertRegex(metric, rule["name"]["matches"])
        self.assertTrue(rule["seriesQuery"].startswith(metric + "{"))

    def test_its_query_is_one(self):
        rule, = yaml.safe_load((FOLDER / "adapter.yml").read_text())["rules"]
        query = (rule["metricsQuery"].replace("<<.GroupBy>>", "pod")
                 .replace("<<.Series>>", "elmo_queue_tokens")
                 .replace("<<.LabelMatchers>>", 'pod=~"elmo-1|elmo-2"'))
        with Server() as server:
            scrape = {"job_name": "elmo-serving", "static_configs": [{
                "targets": [server.metrics], "labels": {"pod": "elmo-1"}}]}
            with Prometheus([scrape]) as prometheus:
                prometheus.wait_for("elmo_queue_tokens")
                series = prometheus.query(query)
        self.assertEqual(series, [({"pod": "elmo-1"}, 0.0)])


class Selectors(unittest.TestCase):
    """promql.py, on which dashboards_test.py rests."""

    def test_what_is_a_metric_and_what_is_not(self):
        for expression, selectors, labels in (
                ("up", {"up"}, set()),
                ("sum by (a, b) (rate(x_total[5m])) > 0.5", {"x_total"},
                 {"a", "b"}),
                ('a{l="by (z)",m=~"q|{}"} and on (c) group:b:rate5m offset 5m',
                 {'a{l="by (z)",m=~"q|{}"}', "group:b:rate5m"}, {"c"}),
                ("time() - x > 7 * 86400 or -Inf == bool NaN", {"x"}, set()),
                ("a / ignoring (r) group_left (t) (2 * sum(b))", {"a", "b"},
                 {"r", "t"}),
                ("histogram_quantile(0.9, sum by (le) (rate(h_bucket[1h:5m])))",
                 {"h_bucket"}, {"le"})):
            with self.subTest(expression=expression):
                self.assertEqual(promql.parse(expression), (selectors, labels))


if __name__ == "__main__":
    unittest.main()
