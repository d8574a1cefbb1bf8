"""Schemas for kubeconform, a file for each kind: `KIND-GROUP-VERSION.json`.

    schemas.py kubernetes swagger.json FOLDER   from Kubernetes' own description
    schemas.py crd servicemonitors.yaml FOLDER  from a custom resource's definition

Strict: a field that Kubernetes does not know is an error, as it is to an API server
that validates strictly.
"""

import json
import sys
from pathlib import Path

import yaml

NAMES = "#/definitions/"
# What the description calls a string and the server takes as a number too.
NUMBERS_TOO = ("io.k8s.apimachinery.pkg.api.resource.Quantity",
               "io.k8s.apimachinery.pkg.util.intstr.IntOrString")


def strict(schema):
    """A copy that refuses fields that it does not name."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: strict(value) for key, value in schema.items()
            if key not in ("description", "format", "properties")}
    if "properties" in schema:  # Of which one may be called "format".
        copy["properties"] = {name: strict(value) for name, value
                              in schema["properties"].items()}
    if schema.get("x-kubernetes-int-or-string"):
        copy["type"] = ["string", "integer"]
    if ("properties" in schema and "additionalProperties" not in schema
            and not schema.get("x-kubernetes-preserve-unknown-fields")):
        copy["additionalProperties"] = False
    return copy


def used(schema, definitions, found):
    """The names of the definitions that `schema` needs, added to `found`."""
    if isinstance(schema, dict):
        name = schema.get("$ref", "")
        if isinstance(name, str) and name.startswith(NAMES):
            name = name[len(NAMES):]
            if name not in found:
                found.add(name)
                used(definitions[name], definitions, found)
        schema = list(schema.values())
    if isinstance(schema, list):
        for item in schema:
            used(item, definitions, found)
    return found


def file_name(kind, group, version):
    # kubeconform's {{ .ResourceKind }}{{ .KindSuffix }}: the group's first part.
    parts = [kind, group.split(".")[0], version] if group else [kind, version]
    return "-".join(parts).lower() + ".json"


def from_kubernetes(source, folder):
    definitions = json.loads(source.read_text())["definitions"]
    for name in NUMBERS_TOO:
        definitions[name] = {"type": ["string", "number"]}
    kept = {name: strict(schema) for name, schema in definitions.items()}
    for name, schema in definitions.items():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            whole = {**kept[name], "required": ["apiVersion", "kind"],
                     "definitions": {other: kept[other] for other
                                     in used(kept[name], kept, set())}}
            path = folder / file_name(kind["kind"], kind["group"],
                                      kind["version"])
            path.write_text(json.dumps(whole))


def from_definition(source, folder):
    spec = yaml.safe_load(source.read_text())["spec"]
    for version in spec["versions"]:
        schema = strict(version["schema"]["openAPIV3Schema"])
        # Of a custom resource's metadata the definition says only that it is there.
        schema["properties"]["metadata"] = {"type": "object"}
        path = folder / file_name(spec["names"]["kind"], spec["group"],
                                  version["name"])
        path.write_text(json.dumps(schema))


def main():
    what, source, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    part = folder.with_name(folder.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    {"kubernetes": from_kubernetes, "crd": from_definition}[what](source, part)
    part.rename(folder)


if __name__ == "__main__":
    main()
