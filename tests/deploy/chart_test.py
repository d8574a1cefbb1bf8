"""The chart's objects, and the command line that it gives the server."""

import json
import re
import tempfile
import unittest
from pathlib import Path

import chart
import server

NAME = "elmo-elmo-serving"
# What values.yaml has a value of its own for, or what has no place in a pod.
SET_BY_THE_CHART = {
    "model", "listen", "metrics-listen", "drain-delay", "drain-timeout",
    "hardened", "tls-cert", "tls-key", "tls-client-ca", "auth-tokens-file",
    "probe-listen", "port-file", "metrics-port-file", "config", "check",
    "version",
}


def secure():
    return chart.render(values=chart.CHART / "ci/secure-values.yaml")


def pod(objects, name=NAME):
    return objects["Deployment", name]["spec"]["template"]["spec"]


def container(objects, name=NAME):
    return pod(objects, name)["containers"][0]


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text)[1])


def argument(objects, flag):
    for each in container(objects)["args"]:
        if each.startswith(f"--{flag}="):
            return each.partition("=")[2]
    return None


class Arguments(unittest.TestCase):
    def deployments(self):
        for values in chart.values_files():
            objects = chart.render(values=values)
            for (kind, name), each in objects.items():
                if kind == "Deployment":
                    yield values.name, container({(kind, name): each}, name)

    def test_every_argument_is_a_flag_of_the_server(self):
        flags = server.flags()
        self.assertIn("drain-delay", flags)
        for values, each in self.deployments():
            for text in each["args"]:
                name, equals, _ = text[2:].partition("=")
                with self.subTest(values=values, argument=text):
                    if not equals and name.startswith("no-"):
                        name = name[3:]
                    self.assertIn(name, flags)
                    self.assertEqual(bool(equals), flags[name])

    def test_the_server_takes_every_command_line(self):
        """With a model and secrets that lie elsewhere than in a pod."""
        with tempfile.TemporaryDirectory() as folder:
            server.make_secrets(Path(folder) / "elmo")
            for values, each in self.deployments():
                arguments = [
                    re.sub(r"^(--model=(?:[^=/]+=)?)/.*", rf"\g<1>{server.MODEL}",
                           text).replace("/etc/", f"{folder}/")
                    for text in each["args"]]
                with self.subTest(values=values):
                    code, said = server.check(arguments)
                    self.assertEqual(code, 0, said)

    def test_a_flag_that_there_is_not_is_noticed(self):
        code, said = server.check(["--model", server.MODEL, "--no-such-flag"])
        self.assertEqual(code, 2, said)

    def test_the_schema_knows_the_flags_that_the_server_has(self):
        schema = json.loads((chart.CHART / "values.schema.json").read_text())
        options = set(schema["properties"]["options"]["properties"])
        self.assertEqual(options, set(server.flags()) - SET_BY_THE_CHART)

    def test_large_numbers_stay_numbers(self):
        objects = chart.render(values={"options": {
            "max-queued-tokens": 12345678, "max-bytes-in-flight": 4294967296}})
        self.assertEqual(argument(objects, "max-queued-tokens"), "12345678")
        self.assertEqual(argument(objects, "max-bytes-in-flight"), "4294967296")

    def test_the_pod_of_helm_test_asks_a_running_server(self):
        smoke = chart.render()["Pod", f"{NAME}-test"]
        arguments = [each for each in smoke["spec"]["containers"][0]["args"]
                     if not each.startswith("--server")]
        with server.Server() as running:
            done = running.client(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_it_does_so_too_where_callers_must_be_known(self):
        objects = secure()
        smoke = objects["Pod", f"{NAME}-test"]["spec"]
        asks = smoke["containers"][0]["args"]
        # Of the names that the certificate is for.
        self.assertIn(f"--server={NAME}.elmo.svc:50051", asks)
        mount, = smoke["containers"][0]["volumeMounts"]
        self.assertEqual(mount["mountPath"], "/etc/elmo/caller")
        secret, = smoke["volumes"]
        self.assertEqual(secret["secret"]["secretName"], "elmo-serving-caller")
        with tempfile.TemporaryDirectory() as folder:
            server.make_secrets(Path(folder) / "elmo")
            guarded = [each.replace("/etc/", f"{folder}/")
                       for each in container(objects)["args"]
                       if "=/etc/" in each or each == "--hardened"]
            asks = [each.replace("/etc/", f"{folder}/") for each in asks
                    if not each.startswith("--server")]
            with server.Server(*guarded) as running:
                done = running.client(*asks)
                self.assertEqual(done.returncode, 0, done.stderr)
                for missing in ("--token-file", "--tls-"):
                    stranger = running.client(*[
                        each for each in asks if not each.startswith(missing)])
                    self.assertNotEqual(stranger.returncode, 0)

    def test_without_a_callers_secret_nobody_asks_a_server_with_tls(self):
        objects = chart.render(values={"tls": {"secretName": "a"}})
        self.assertNotIn(("Pod", f"{NAME}-test"), objects)


class Refused(unittest.TestCase):
    CASES = [
        ({"hardened": True}, "hardened needs tls.secretName"),
        ({"hardened": True, "tls": {"secretName": "a"}}, "clientCaSecretName"),
        ({"tls": {"clientCaSecretName": "a"}}, "needs tls.secretName"),
        ({"auth": {"secretName": "a"}}, "needs tls.secretName"),
        ({"autoscaling": {"enabled": True, "minReplicas": 9,
                          "maxReplicas": 3}}, "maxReplicas is less"),
        ({"options": {"listen": "[::]:1"}}, "listen"),
        ({"options": {"workrs": 2}}, "workrs"),
        ({"options": {"slow-request": 5}}, "slow-request"),
        ({"options": {"drain-delay": "1s"}}, "drain-delay"),
        ({"drain": {"delaySeconds": 0}}, "delaySeconds"),
        ({"drain": {"timeoutSeconds": 30}}, "shorter than options.default"),
        ({"options": {"default-deadline": "1h"}}, "drain.timeoutSeconds is 60"),
        ({"options": {"default-deadline": "60001ms"}}, "60001ms"),
        ({"ports": {"grpc": 443}}, "grpc"),
        ({"ports": {"grpc": 9464}}, "must differ"),
        ({"options": {"precision": "fp8"}}, "precision"),
        ({"tests": {"callerSecretName": "No Name"}}, "callerSecretName"),
        ({"replicas": 3}, "replicas"),
        ({"models": []}, "models"),
        ({"image": {"digest": "latest"}}, "digest"),
    ]

    def test_what_the_server_would_refuse_helm_refuses(self):
        for values, reason in self.CASES:
            with self.subTest(values=values):
                with self.assertRaises(chart.ChartError) as caught:
                    chart.render(values=values)
                self.assertIn(reason, str(caught.exception))


class Objects(unittest.TestCase):
    def test_kinds(self):
        kinds = sorted(kind for kind, _ in chart.render())
        self.assertEqual(kinds, [
            "Deployment", "NetworkPolicy", "Pod", "PodDisruptionBudget",
            "Service", "Service", "ServiceAccount"])
        kinds = {kind for kind, _ in secure()}
        self.assertLessEqual({"HorizontalPodAutoscaler", "ServiceMonitor"},
                             kinds)

    def test_everything_that_can_be_off_is_off(self):
        objects = chart.render(values=chart.CHART / "ci/minimal-values.yaml")
        self.assertEqual(sorted(kind for kind, _ in objects),
                         ["Deployment", "Service"])

    def test_selectors_meet_the_pods_and_nothing_else(self):
        objects = secure()
        labels = objects["Deployment", NAME]["spec"]["template"]["metadata"][
            "labels"].items()
        spec = {kind: objects[kind, NAME]["spec"] for kind in (
            "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy")}
        selectors = [
            spec["Deployment"]["selector"]["matchLabels"],
            spec["Service"]["selector"],
            objects["Service", f"{NAME}-headless"]["spec"]["selector"],
            spec["PodDisruptionBudget"]["selector"]["matchLabels"],
            spec["NetworkPolicy"]["podSelector"]["matchLabels"],
        ]
        selectors += [each["labelSelector"]["matchLabels"]
                      for each in pod(objects)["topologySpreadConstraints"]]
        test = chart.render()["Pod", f"{NAME}-test"]["metadata"]["labels"]
        for selector in selectors:
            self.assertLessEqual(selector.items(), labels)
            self.assertFalse(selector.items() <= test.items())

    def test_the_service_monitor_finds_one_service_with_the_metrics(self):
        objects = secure()
        monitor = objects["ServiceMonitor", NAME]["spec"]
        wanted = monitor["selector"]["matchLabels"].items()
        found = [each for (kind, _), each in objects.items()
                 if kind == "Service"
                 and wanted <= each["metadata"]["labels"].items()]
        self.assertEqual(len(found), 1)
        ports = {port["name"] for port in found[0]["spec"]["ports"]}
        self.assertIn(monitor["endpoints"][0]["port"], ports)
        # The rules want job="elmo-serving".
        self.assertEqual(
            found[0]["metadata"]["labels"][monitor["jobLabel"]], "elmo-serving")

    def test_another_name_changes_nothing_for_prometheus(self):
        objects = chart.render(values={
            "nameOverride": "words",
            "metrics": {"serviceMonitor": {"enabled": True}}})
        monitor = objects["ServiceMonitor", "elmo-words"]["spec"]
        metrics = objects["Service", "elmo-words-metrics"]["metadata"]["labels"]
        self.assertEqual(metrics[monitor["jobLabel"]], "elmo-serving")
        labels = objects["Deployment", "elmo-words"]["spec"]["template"][
            "metadata"]["labels"]
        # What deploy/prometheus/kubernetes.yml looks for.
        self.assertEqual(labels["app.kubernetes.io/name"], "elmo-serving")

    def test_ports_by_name_are_the_containers(self):
        objects = secure()
        named = {port["name"] for port in container(objects)["ports"]}
        for name in (NAME, f"{NAME}-headless"):
            for port in objects["Service", name]["spec"]["ports"]:
                self.assertIn(port["targetPort"], named)
        for rule in objects["NetworkPolicy", NAME]["spec"]["ingress"]:
            for port in rule["ports"]:
                self.assertIn(port["port"], named)

    def test_the_network_policy_lets_callers_and_scrapes_in_and_nothing_out(
            self):
        policy = secure()["NetworkPolicy", NAME]["spec"]
        self.assertEqual(sorted(policy["policyTypes"]), ["Egress", "Ingress"])
        # Of probes it need not speak: a node always reaches its own pods.
        allowed = {port["port"]: rule["from"] for rule in policy["ingress"]
                   for port in rule["ports"]}
        self.assertEqual(allowed, {
            "grpc": [{"podSelector": {}}],
            "metrics": [{"namespaceSelector": {"matchLabels": {
                "kubernetes.io/metadata.name": "monitoring"}}}]})
        self.assertEqual(policy["egress"], [])

    def test_services_for_callers_do_not_show_the_metrics(self):
        for (kind, name), each in secure().items():
            if kind == "Service" and not name.endswith("-metrics"):
                self.assertEqual([port["name"] for port in
                                  each["spec"]["ports"]], ["grpc"])

    def test_the_headless_service_is_headless(self):
        spec = chart.render()["Service", f"{NAME}-headless"]["spec"]
        self.assertEqual(spec["clusterIP"], "None")

    def test_autoscaling_by_processor_and_queue(self):
        objects = secure()
        self.assertNotIn("replicas", objects["Deployment", NAME]["spec"])
        metrics = objects["HorizontalPodAutoscaler", NAME]["spec"]["metrics"]
        self.assertEqual([each["type"] for each in metrics],
                         ["Resource", "Pods"])
        self.assertEqual(metrics[1]["pods"]["metric"]["name"],
                         "elmo_queue_tokens")

    def test_long_names_fit(self):
        objects = chart.render(values={"fullnameOverride": "a" * 80})
        for _, name in objects:
            self.assertLessEqual(len(name), 63)


class Pods(unittest.TestCase):
    def test_nothing_is_allowed_that_the_server_does_not_need(self):
        spec = pod(secure())
        self.assertFalse(spec["automountServiceAccountToken"])
        self.assertFalse(spec["enableServiceLinks"])
        self.assertTrue(spec["securityContext"]["runAsNonRoot"])
        self.assertEqual(spec["securityContext"]["seccompProfile"],
                         {"type": "RuntimeDefault"})
        context = spec["containers"][0]["securityContext"]
        self.assertFalse(context["allowPrivilegeEscalation"])
        self.assertTrue(context["readOnlyRootFilesystem"])
        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})

    def test_probes_ask_where_there_is_no_tls(self):
        for objects, port in ((chart.render(), 50051), (secure(), 50052)):
            spec = container(objects)
            services = {}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                self.assertEqual(spec[probe]["grpc"]["port"], port)
                services[probe] = spec[probe]["grpc"]["service"]
            self.assertEqual(services, {"startupProbe": "liveness",
                                        "readinessProbe": "readiness",
                                        "livenessProbe": "liveness"})
        self.assertEqual(argument(secure(), "probe-listen"), "[::]:50052")
        self.assertIsNone(argument(chart.render(), "probe-listen"))

    def test_a_rollout_loses_no_call(self):
        for objects in (chart.render(), secure()):
            update = objects["Deployment", NAME]["spec"]["strategy"]
            self.assertEqual(update["rollingUpdate"]["maxUnavailable"], 0)
            delay = seconds(argument(objects, "drain-delay"))
            timeout = seconds(argument(objects, "drain-timeout"))
            self.assertGreater(pod(objects)["terminationGracePeriodSeconds"],
                               delay + timeout)
            # For calls without a deadline of their own.
            self.assertEqual(argument(objects, "default-deadline"), "1m")
            self.assertGreaterEqual(timeout, 60)
            ready = container(objects)["readinessProbe"]
            self.assertGreaterEqual(delay, 5)
            self.assertGreater(ready["periodSeconds"], 0)

    def test_every_file_of_the_command_line_is_mounted(self):
        spec = pod(secure())
        volumes = {each["name"]: each["secret"] for each in spec["volumes"]}
        mounts = spec["containers"][0]["volumeMounts"]
        for flag, secret in (("tls-cert", "elmo-serving-tls"),
                             ("tls-key", "elmo-serving-tls"),
                             ("tls-client-ca", "elmo-serving-client-ca"),
                             ("auth-tokens-file", "elmo-serving-tokens")):
            folder = str(Path(argument(secure(), flag)).parent)
            mount = next(each for each in mounts
                         if each["mountPath"] == folder)
            self.assertTrue(mount["readOnly"])
            self.assertNotIn("subPath", mount)
            self.assertEqual(volumes[mount["name"]]["secretName"], secret)
            self.assertEqual(volumes[mount["name"]]["defaultMode"], 0o440)

    def test_as_many_workers_as_processors_are_asked_for(self):
        objects = chart.render()
        asked = container(objects)["resources"]["requests"]["cpu"]
        self.assertEqual(argument(objects, "workers"), asked)


class Manifests(unittest.TestCase):
    def test_they_are_what_the_chart_renders(self):
        for path, values in chart.MANIFESTS.items():
            self.assertEqual(
                path.read_text(), chart.manifest(values),
                f"{path.name} is old: run scripts/check-deploy --render")

    def test_there_is_no_other(self):
        folder = chart.ROOT / "deploy/kubernetes"
        self.assertEqual(set(folder.glob("*.yaml")), set(chart.MANIFESTS))


class Documentation(unittest.TestCase):
    def test_the_readme_has_every_value(self):
        text = (chart.CHART / "README.md").read_text()
        values = chart.yaml.safe_load((chart.CHART / "values.yaml").read_text())
        for name in values:
            with self.subTest(value=name):
                self.assertRegex(text, rf"`{name}[`.]")

    def test_chart_and_images_have_the_version_of_the_server(self):
        about = chart.yaml.safe_load((chart.CHART / "Chart.yaml").read_text())
        cmake = (chart.ROOT / "CMakeLists.txt").read_text()
        version = re.search(r"project\([^)]*VERSION ([0-9.]+)", cmake)[1]
        self.assertEqual(about["appVersion"], version)
        dockerfile = (chart.ROOT / "Dockerfile").read_text()
        self.assertIn(f"\nARG VERSION={version}\n", dockerfile)
        compose = (chart.ROOT / "deploy/compose.yaml").read_text()
        self.assertIn(f":-elmo-serving:{version}}}", compose)


if __name__ == "__main__":
    unittest.main()
