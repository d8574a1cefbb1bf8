"""compose.yaml as Debian's docker-compose reads it, and what its parts say to each
other. No container is started: there may be no engine."""

import os
import re
import subprocess
import unittest
from pathlib import Path

import yaml

import server
from server import ROOT

COMPOSE = ROOT / "deploy/compose.yaml"


def config(**environment):
    return subprocess.run(
        ["docker-compose", "-f", COMPOSE, "config"], text=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment})


def services():
    done = config(ELMO_GRAFANA_PASSWORD="secret")
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)["services"]


def mounts(service):
    """Target -> source, of files and folders of this project."""
    found = {}
    for each in service["volumes"]:
        if isinstance(each, str):
            source, target, *_ = each.split(":")
        else:
            source, target = each["source"], each["target"]
        if source.startswith("/"):
            found[target] = Path(source)
    return found


class Compose(unittest.TestCase):
    def test_it_has_the_three(self):
        self.assertEqual(set(services()),
                         {"elmo-server", "prometheus", "grafana"})

    def test_there_is_no_password_that_everybody_knows(self):
        done = config()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("ELMO_GRAFANA_PASSWORD", done.stderr)

    def test_what_is_mounted_is_there(self):
        for name in ("prometheus", "grafana"):
            sources = mounts(services()[name])
            self.assertEqual(len(sources), 2)
            for source in sources.values():
                self.assertTrue(source.exists(), source)

    def test_every_port_is_for_this_machine_only(self):
        ports = re.findall(r'^    ports: \["([^"]*)"\]$', COMPOSE.read_text(),
                           re.MULTILINE)
        self.assertEqual(len(ports), 3)
        for port in ports:
            self.assertTrue(port.startswith("127.0.0.1:"), port)

    def test_the_server_takes_its_command_line(self):
        arguments = [
            f"--model={server.MODEL}" if each.startswith("--model=") else each
            for each in services()["elmo-server"]["command"]]
        code, said = server.check(arguments)
        self.assertEqual(code, 0, said)

    def test_the_server_may_finish_its_calls(self):
        service = services()["elmo-server"]
        timeout, = [int(each[len("--drain-timeout="):-1])
                    for each in service["command"]
                    if each.startswith("--drain-timeout=")]
        self.assertGreater(int(service["stop_grace_period"].rstrip("s")),
                           timeout)

    def test_nothing_is_allowed_that_the_server_does_not_need(self):
        service = services()["elmo-server"]
        self.assertTrue(service["read_only"])
        self.assertEqual(service["cap_drop"], ["ALL"])
        self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
        self.assertNotIn(service["user"], ("", "0", "root"))

    def test_prometheus_watches_the_server(self):
        every = services()
        own = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml")
                             .read_text())
        target, = own["scrape_configs"][0]["static_configs"][0]["targets"]
        host, port = target.split(":")
        self.assertIn(host, every)
        self.assertIn(f"--metrics-listen=0.0.0.0:{port}",
                      every[host]["command"])
        mounted = mounts(every["prometheus"])
        folder = mounted["/etc/prometheus/prometheus.yml"].parent
        for pattern in own["rule_files"]:
            self.assertEqual(mounted["/etc/prometheus/rules"],
                             (folder / pattern).parent)
        self.assertTrue(set(every["prometheus"]["networks"])
                        & set(every[host]["networks"]))

    def test_grafana_finds_prometheus_and_the_dashboard(self):
        every = services()
        mounted = mounts(every["grafana"])
        folder = mounted["/etc/grafana/provisioning"]
        source, = yaml.safe_load(
            (folder / "datasources/prometheus.yaml").read_text())["datasources"]
        host = re.fullmatch(r"http://([^:]+):9090", source["url"])[1]
        self.assertIn(host, every)
        self.assertTrue(set(every["grafana"]["networks"])
                        & set(every[host]["networks"]))
        provider, = yaml.safe_load(
            (folder / "dashboards/elmo-serving.yaml").read_text())["providers"]
        dashboards = mounted[provider["options"]["path"]]
        self.assertTrue(list(dashboards.glob("*.json")))


if __name__ == "__main__":
    unittest.main()
