"""Whether Kubernetes and KEDA would take the manifests of an overlay, and whether they agree with each other."""

import json
import pathlib
import re

import jsonschema
import kubernetes_validate
import yaml
from complaints import complain, complaints

# The oldest Kubernetes that has all that is used, and the newest whose schema there is.
KUBERNETES = ["1.27", "1.37"]


def check(path, keda):
    """Returns the queries."""
    text = pathlib.Path(path).read_text(encoding="utf-8")
    documents = [document for document in yaml.safe_load_all(text) if document]
    if not documents:
        complain(path, "nothing in it")
    before = len(complaints)
    for document in documents:
        check_document(path, document, keda)
    # What is not shaped as it should be can't be looked into.
    return check_together(path, documents, keda) if documents and len(complaints) == before else []


class Keda:
    """What KEDA says of itself."""

    def __init__(self, module):
        self.kinds = {}
        for path in (module / "config/crd/bases").glob("*.yaml"):
            definition = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
            for version in definition["versions"]:
                schema = version["schema"]["openAPIV3Schema"]
                # Kubernetes itself knows what is in it.
                schema["properties"]["metadata"] = {"type": "object"}
                name = (f"{definition['group']}/{version['name']}", definition["names"]["kind"])
                self.kinds[name] = strict(schema)
        list_of_scalers = module / "schema/generated/scalers-schema.json"
        scalers = json.loads(list_of_scalers.read_text(encoding="utf-8"))["scalers"]
        self.scalers = {scaler["type"]: scaler["parameters"] for scaler in scalers}
        # Not in the list, which is made from code that this one has not come to yet. Both have these parameters.
        self.scalers.setdefault("kafka", self.scalers["apache-kafka"])


def strict(schema):
    """An object that lists its fields has no others."""
    if isinstance(schema, dict):
        schema = {key: strict(value) for key, value in schema.items()}
        if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
    return schema


def check_document(path, document, keda):
    kind = (document["apiVersion"], document["kind"])
    where = f"{path}: {document['kind']} {document['metadata'].get('name')}"
    if kind in keda.kinds:
        for error in jsonschema.Draft202012Validator(keda.kinds[kind]).iter_errors(document):
            complain(where, f"{error.json_path}: {error.message}")
        # As in every other document.
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": document["metadata"]}
    for version in KUBERNETES:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            complain(where, f"Kubernetes {version}: {'.'.join(map(str, error.path))}: {error.message}")
        except kubernetes_validate.SchemaNotFoundError:
            complain(where, f"Kubernetes {version} and KEDA have no such kind")


def check_together(path, documents, keda):
    """What one document says of another. Returns the queries."""
    by_kind = {}
    for document in documents:
        by_kind.setdefault(document["kind"], {})[document["metadata"]["name"]] = document
    secrets = {
        name: {**document.get("stringData", {}), **document.get("data", {})}
        for name, document in by_kind.get("Secret", {}).items()
    }
    for name, document in by_kind["Deployment"].items():
        check_pod(f"{path}: Deployment {name}", document["spec"]["template"]["spec"], secrets)
    for name, document in by_kind.get("TriggerAuthentication", {}).items():
        for ref in document["spec"]["secretTargetRef"]:
            check_secret(f"{path}: TriggerAuthentication {name}", ref, secrets)
    queries = []
    for name, document in by_kind["ScaledObject"].items():
        where, spec = f"{path}: ScaledObject {name}", document["spec"]
        target = by_kind["Deployment"].get(spec["scaleTargetRef"]["name"])
        if target is None:
            complain(where, "scales what is not there")
            continue
        container = target["spec"]["template"]["spec"]["containers"][0]
        if len(spec["triggers"]) < 2:
            complain(where, "no trigger for the backlog")
        for trigger in spec["triggers"]:
            check_trigger(where, trigger, by_kind.get("TriggerAuthentication", {}), keda)
            check_backlog(where, trigger, option(container, "service"), container["resources"])
            queries += [trigger["metadata"]["query"]] if "query" in trigger["metadata"] else []
    return queries


def check_pod(where, pod, secrets):
    container = pod["containers"][0]
    for variable in container["env"]:
        if "valueFrom" in variable:
            check_secret(where, variable["valueFrom"]["secretKeyRef"], secrets)
    used = set(re.findall(r"\$\((\w+)\)", " ".join(container["args"])))
    for name in used - {variable["name"] for variable in container["env"]}:
        complain(where, f"the arguments name {name}, which is no variable")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe in ["livenessProbe", "readinessProbe"]:
        if container[probe]["httpGet"]["port"] not in ports:
            complain(where, f"{probe} asks at a port that has no name")
    if option(container, "http") != f"0.0.0.0:{ports.get('http')}":
        complain(where, "the server does not listen where the port is")
    end = seconds(option(container, "grace")) + seconds(option(container, "kill-timeout"))
    if pod["terminationGracePeriodSeconds"] < end + 10:
        complain(where, f"a shutdown takes {end} s and what the last settlements take: give it 10 s more at least")


def option(container, name):
    found = [arg.partition("=")[2] for arg in container["args"] if arg.startswith(f"--{name}=")]
    return found[0] if found else ""


def seconds(text):
    units = {"s": 1, "m": 60, "h": 3600}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)\s*([smh])", text))


def check_secret(where, ref, secrets):
    if ref["key"] not in secrets.get(ref["name"], {}):
        complain(where, f"there is no {ref['key']} in the secret {ref['name']}")


def check_trigger(where, trigger, authentications, keda):
    where = f"{where}: {trigger.get('name')}"
    if trigger["type"] not in keda.scalers:
        complain(where, f"KEDA has no scaler {trigger['type']}")
        return
    given = set(trigger["metadata"])
    if ref := trigger.get("authenticationRef"):
        if ref["name"] not in authentications:
            complain(where, f"there is no authentication {ref['name']}")
            return
        parameters = {secret["parameter"] for secret in authentications[ref["name"]]["spec"]["secretTargetRef"]}
    else:
        parameters = set()
    of = lambda flag: {p["name"] for p in keda.scalers[trigger["type"]] if p.get(flag)}
    for name in given - of("metadataVariableReadable") - {f"{name}FromEnv" for name in of("envVariableReadable")}:
        complain(where, f"the scaler {trigger['type']} does not read {name} from its metadata")
    for name in parameters - of("triggerAuthenticationVariableReadable"):
        complain(where, f"the scaler {trigger['type']} does not read {name} from an authentication")
    for parameter in keda.scalers[trigger["type"]]:
        name = parameter["name"]
        if not parameter.get("optional") and "default" not in parameter:
            if not given | parameters >= {name} and f"{name}FromEnv" not in given:
                complain(where, f"the scaler {trigger['type']} needs {name}")
        if allowed := parameter.get("allowedValue"):
            if name in given and trigger["metadata"][name] not in allowed:
                complain(where, f"{name} is none of {', '.join(allowed)}")


def check_backlog(where, trigger, service, resources):
    """The names that everything of a service has by default, and a server's slots."""
    names = {"consumer": service, "consumerGroup": service}
    names |= {key: f"{service}-request" for key in ["stream", "queueName", "topic"]}
    for key in set(trigger["metadata"]) & set(names):
        if trigger["metadata"][key] != names[key]:
            complain(where, f"{key} is not {names[key]}, as the servers have it")
    if trigger["type"] != "prometheus":
        threshold = trigger["metadata"].get("lagThreshold") or trigger["metadata"].get("value")
        if threshold != resources["limits"]["cpu"] or resources["limits"] != resources["requests"]:
            complain(where, "the backlog's threshold, the CPU's limit and its request are one number: the slots")
