"""Checks deploy/kubernetes without a cluster: what kustomize makes of it, against the schemas of Kubernetes, what KEDA
takes, the binary, and itself. Then it plants faults, each of which has to be found.

Takes the path of the binary; kubernetes-validate is on PYTHONPATH."""

import copy
import functools
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema
import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
KUBERNETES = ROOT / "deploy" / "kubernetes"
MEDLEY = sys.argv[1]
# The oldest with sidecars that are on by default.
VERSION = "1.29"
# Made by hand: docs/kubernetes.md says how.
SECRETS = {"medley-secrets", "medley-services", "medley-scrape", "medley-broker-management"}
# Images that write into themselves.
WRITES = {"rabbitmq"}


class Fault(Exception):
    pass


def need(holds, what):
    if not holds:
        raise Fault(what)


def build(folder):
    made = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
    need(made.returncode == 0, f"{folder}: {made.stderr}")
    return list(yaml.safe_load_all(made.stdout))


def build_with(component, overlay):
    """An overlay with one component more."""
    with tempfile.TemporaryDirectory(dir=KUBERNETES / "overlays") as folder:
        kustomization = {"resources": [f"../{overlay}"], "components": [f"../../components/{component}"]}
        pathlib.Path(folder, "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return build(folder)


# --- What KEDA takes by the documentation of 2.21, as far as it is used here: nothing else may stand in a ScaledObject.

TRIGGERS = {
    "prometheus": {"serverAddress", "query", "threshold", "activationThreshold", "ignoreNullValues", "namespace",
                   "timeout", "unsafeSsl", "authModes", "customHeaders", "queryParameters"},
    "rabbitmq": {"host", "hostFromEnv", "protocol", "mode", "value", "activationValue", "queueName", "vhostName",
                 "useRegex", "pageSize", "operation", "excludeUnacknowledged", "timeout", "unsafeSsl"},
}


def strict(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


NUMBER, TEXT = {"type": "integer", "minimum": 0}, {"type": "string", "minLength": 1}
METADATA = {"type": "object"}
POLICY = strict(["type", "value", "periodSeconds"], type={"enum": ["Percent", "Pods"]}, value={"type": "integer", "minimum": 1},
                periodSeconds={"type": "integer", "minimum": 1, "maximum": 1800})
RULES = strict(stabilizationWindowSeconds={"type": "integer", "minimum": 0, "maximum": 3600},
               selectPolicy={"enum": ["Max", "Min", "Disabled"]}, policies={"type": "array", "items": POLICY})
TRIGGER = strict(["type", "metadata"], type={"enum": list(TRIGGERS)}, name=TEXT, useCachedMetrics={"type": "boolean"},
                 metricType={"enum": ["AverageValue", "Value"]},
                 authenticationRef=strict(["name"], name=TEXT, kind=TEXT),
                 # Numbers without quotes are refused.
                 metadata={"type": "object", "additionalProperties": {"type": "string"}})
SCALED_OBJECT = strict(
    ["scaleTargetRef", "triggers"],
    scaleTargetRef=strict(["name"], name=TEXT, kind=TEXT, apiVersion=TEXT, envSourceContainerName=TEXT),
    pollingInterval=NUMBER, cooldownPeriod=NUMBER, initialCooldownPeriod=NUMBER, idleReplicaCount=NUMBER,
    minReplicaCount=NUMBER, maxReplicaCount={"type": "integer", "minimum": 1},
    fallback=strict(["failureThreshold", "replicas"], failureThreshold=NUMBER, replicas=NUMBER,
                    behavior={"enum": ["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"]}),
    advanced=strict(restoreToOriginalReplicaCount={"type": "boolean"},
                    horizontalPodAutoscalerConfig=strict(name=TEXT, behavior=strict(scaleUp=RULES, scaleDown=RULES))),
    triggers={"type": "array", "minItems": 1, "items": TRIGGER},
)
AUTHENTICATION = strict(secretTargetRef={"type": "array", "minItems": 1,
                                         "items": strict(["parameter", "name", "key"], parameter=TEXT, name=TEXT, key=TEXT)})


def keda(one):
    spec = {"ScaledObject": SCALED_OBJECT, "TriggerAuthentication": AUTHENTICATION}[one["kind"]]
    whole = strict(["apiVersion", "kind", "metadata", "spec"], apiVersion={"const": "keda.sh/v1alpha1"}, kind=TEXT,
                   metadata=METADATA, spec=spec)
    jsonschema.validate(one, whole)
    for trigger in one["spec"].get("triggers", []):
        unknown = set(trigger["metadata"]) - TRIGGERS[trigger["type"]]
        need(not unknown, f"{trigger['type']} takes no {unknown}")
        if trigger["type"] == "rabbitmq":
            # Over AMQP KEDA sees only what waits, and takes the last worker away while it computes.
            need(trigger["metadata"].get("protocol") == "http", "RabbitMQ is asked by its management API")
            need(trigger["metadata"].get("mode") == "QueueLength", "a mode")
        else:
            need(trigger["metadata"].get("ignoreNullValues") == "false", "no answer is a fault")


# --- What refers to what.

def templates(all_of_it):
    for one in all_of_it:
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield one, one["spec"]["template"]


def containers(template):
    return template["spec"].get("initContainers", []) + template["spec"]["containers"]


def matches(selector, template):
    return set(selector.items()) <= set(template["metadata"]["labels"].items())


def names(all_of_it, kind):
    return {one["metadata"]["name"] for one in all_of_it if one["kind"] == kind}


def check_references(all_of_it):
    every = list(templates(all_of_it))
    config_maps, claims = names(all_of_it, "ConfigMap"), names(all_of_it, "PersistentVolumeClaim")
    accounts = names(all_of_it, "ServiceAccount")
    for owner, template in every:
        what, spec = owner["metadata"]["name"], template["spec"]
        if "selector" in owner["spec"]:
            need(matches(owner["spec"]["selector"]["matchLabels"], template), f"{what} does not select its own pods")
        need(spec.get("serviceAccountName", "default") in accounts | {"default"}, f"{what}: no such service account")
        for spread in spec.get("topologySpreadConstraints", []):
            need(matches(spread["labelSelector"]["matchLabels"], template), f"{what} spreads other pods than its own")
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in owner["spec"].get("volumeClaimTemplates", [])}
        for volume in spec.get("volumes", []):
            if "configMap" in volume:
                need(volume["configMap"]["name"] in config_maps, f"{what}: no ConfigMap {volume['configMap']['name']}")
            if "secret" in volume:
                need(volume["secret"]["secretName"] in SECRETS, f"{what}: no secret {volume['secret']['secretName']}")
            if "persistentVolumeClaim" in volume:
                need(volume["persistentVolumeClaim"]["claimName"] in claims, f"{what}: no claim of {volume['name']}")
        for container in containers(template):
            for mount in container.get("volumeMounts", []):
                need(mount["name"] in volumes, f"{what}: no volume {mount['name']}")
            for variable in container.get("env", []):
                secret = variable.get("valueFrom", {}).get("secretKeyRef")
                need(secret is None or secret["name"] in SECRETS, f"{what}: no secret of {variable['name']}")
            ports = {port["name"] for port in container.get("ports", [])}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                port = container.get(probe, {}).get("httpGet", {}).get("port")
                need(port is None or port in ports, f"{what}: {probe} asks a port that it has not")
    for one in all_of_it:
        what = f"{one['kind']} {one['metadata']['name']}"
        if one["kind"] == "Service":
            reached = [template for _, template in every if matches(one["spec"]["selector"], template)]
            need(reached, f"{what} selects nothing")
            for port in one["spec"]["ports"]:
                has = any(port["targetPort"] == own["name"] for template in reached
                          for container in containers(template) for own in container.get("ports", []))
                need(has, f"{what}: nobody listens on {port['targetPort']}")
        if one["kind"] == "PodDisruptionBudget":
            selector = one["spec"]["selector"]["matchLabels"]
            need(any(matches(selector, template) for _, template in every), f"{what} selects nothing")
        if one["kind"] == "NetworkPolicy":
            selector = one["spec"]["podSelector"].get("matchLabels", {})
            need(any(matches(selector, template) for _, template in every), f"{what} selects nothing")
        if one["kind"] == "ScaledObject":
            target = one["spec"]["scaleTargetRef"]["name"]
            scaled = [o for o in all_of_it if o["kind"] == "Deployment" and o["metadata"]["name"] == target]
            need(scaled, f"{what} scales nothing")
            need("replicas" not in scaled[0]["spec"], f"{what}: {target} sets replicas, which KEDA owns")
            for trigger in one["spec"]["triggers"]:
                reference = trigger.get("authenticationRef", {}).get("name")
                need(reference is None or reference in names(all_of_it, "TriggerAuthentication"), f"{what}: {reference}")
    # Every port that a client is let in by is one that the pods have.
    for one in all_of_it:
        if one["kind"] != "NetworkPolicy":
            continue
        selector = one["spec"]["podSelector"].get("matchLabels", {})
        ports = {port["containerPort"] for _, template in every if matches(selector, template)
                 for container in containers(template) for port in container.get("ports", [])}
        for rule in one["spec"].get("ingress", []):
            for port in rule["ports"]:
                need(port["port"] in ports, f"{one['metadata']['name']}: nobody listens on {port['port']}")


# --- Who may do what on the node.

def check_security(all_of_it):
    for owner, template in templates(all_of_it):
        what, pod = owner["metadata"]["name"], template["spec"]
        security = pod.get("securityContext", {})
        need(security.get("runAsNonRoot") is True, f"{what} may run as root")
        need(security.get("runAsUser", 0) > 0, f"{what}: no user")
        need(security.get("seccompProfile", {}).get("type") == "RuntimeDefault", f"{what}: no seccomp profile")
        need(pod.get("automountServiceAccountToken") is False, f"{what} gets a token of the cluster")
        for container in containers(template):
            own, name = container.get("securityContext", {}), container["name"]
            need(own.get("allowPrivilegeEscalation") is False, f"{what}/{name} may gain privileges")
            need(own.get("capabilities", {}).get("drop") == ["ALL"], f"{what}/{name} keeps capabilities")
            writes = any(container["image"].startswith(image) for image in WRITES)
            need(writes or own.get("readOnlyRootFilesystem") is True, f"{what}/{name} may write to its image")
            resources = container.get("resources", {})
            need({"cpu", "memory"} <= set(resources.get("requests", {})), f"{what}/{name} does not say what it needs")
            need("memory" in resources.get("limits", {}), f"{what}/{name} has no limit of memory")


# --- Against the binary.

def size(text):
    number, unit = re.fullmatch(r"(\d+)([KMG]i)?", str(text)).groups()
    return int(number) * {None: 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}[unit]


@functools.cache
def takes(arguments):
    """What the binary says against a command line; nothing when it takes it."""
    told = subprocess.run([MEDLEY, *arguments, "--help"], capture_output=True, text=True, check=False)
    return told.stderr if told.returncode else ""


@functools.cache
def fits(text):
    """Against Kubernetes' own schema, in its strict form: no field that it does not have."""
    kubernetes_validate.validate(json.loads(text), VERSION, strict=True)


def settings(all_of_it):
    """The words of medley.toml that others here depend on."""
    return read_settings(next(one["data"]["medley.toml"] for one in all_of_it if one["kind"] == "ConfigMap" and "medley.toml" in one["data"]))


@functools.cache
def read_settings(text):
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        told = subprocess.run([MEDLEY, "--config", file.name, "list"], capture_output=True, text=True, check=False)
    # It is read before anything is connected to; store and secrets are not here.
    need(told.returncode == 3 and "service_unavailable" in told.stderr, f"medley.toml is not read: {told.stderr}")
    return {key: int(value.replace("_", "")) for key, value in re.findall(r"^(\w+) = ([\d_]+)", text, re.M)} | dict(
        re.findall(r'^(\w+) = "([^"]*)"', text, re.M))


def check_binary(all_of_it, environment, gateway_paths, worker_paths):
    configured = settings(all_of_it)
    own = 0
    for owner, template in templates(all_of_it):
        for container in template["spec"]["containers"]:
            if "medley" not in container["image"]:
                continue
            own += 1
            what, arguments = owner["metadata"]["name"], container["args"]
            told = takes(tuple(arguments))
            need(not told, f"{what}: {told}")
            for variable in container.get("env", []):
                need(variable["name"] in environment, f"{what}: the binary does not read {variable['name']}")
            paths = gateway_paths if "serve" in arguments else worker_paths
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                asked = container.get(probe, {}).get("httpGet", {}).get("path")
                need(asked is None or asked in paths, f"{what}: nobody answers {asked}")
            if "serve" in arguments or "worker" in arguments:
                port = container["ports"][0]["containerPort"]
                listens = configured["listen"] if "serve" in arguments else arguments[arguments.index("--monitor") + 1]
                need(listens == f"0.0.0.0:{port}", f"{what} listens on {listens} and says {port}")
                mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
                need("/etc/medley" in mounts and configured["work_dir"] in mounts, f"{what}: {mounts}")
                keys = str(pathlib.PurePath(configured["credentials_file"]).parent)
                need(keys in mounts, f"{what}: {keys} is not mounted")
            if "worker" in arguments:
                # drain_s and stop_grace_s, 20 each.
                need(template["spec"]["terminationGracePeriodSeconds"] > 40, f"{what} is killed while it drains")
                memory = size(container["resources"]["limits"]["memory"])
                need(memory >= (configured["child_memory_mib"] << 20) + 2**29, f"{what}: the kernel ends it first")
                need("cpu" in container["resources"]["limits"], f"{what} would start a thread for each core of the node")
                work = next(volume for volume in template["spec"]["volumes"] if volume["name"] == "work")
                need(size(work["emptyDir"]["sizeLimit"]) > configured["spool_bytes"], f"{what}: the spool is larger than the work folder")
    need(own >= 10, f"{own} containers of medley")


def check_kinds(all_of_it, kinds, recorded, threshold):
    """A Deployment and a ScaledObject for each kind of step, and one of them for that kind."""
    deployed = {}
    for one in all_of_it:
        if one["kind"] == "Deployment" and "medley-kind" in one["metadata"]["labels"]:
            arguments = one["spec"]["template"]["spec"]["containers"][0]["args"]
            deployed[one["metadata"]["name"]] = arguments[arguments.index("--kinds") + 1]
            need(one["metadata"]["labels"]["medley-kind"] == deployed[one["metadata"]["name"]], "a label of another kind")
    need(sorted(deployed.values()) == sorted(kinds), f"{sorted(deployed.values())} and not {sorted(kinds)}")
    least = []
    for one in all_of_it:
        if one["kind"] != "ScaledObject":
            continue
        kind = deployed.pop(one["spec"]["scaleTargetRef"]["name"])
        least.append(one["spec"]["minReplicaCount"])
        for trigger in one["spec"]["triggers"]:
            metadata = trigger["metadata"]
            if trigger["type"] == "prometheus":
                name, asked = re.fullmatch(r'(\S+)\{kind="(\w+)"\}', metadata["query"]).groups()
                need(asked == kind and name in recorded, f"{kind}: {metadata['query']}")
                need(metadata["threshold"] == threshold, "the rule counts what runs by another number")
            else:
                need(metadata["queueName"] in {f"medley.{kind}.interactive", f"medley.{kind}.batch"}, metadata["queueName"])
    need(not deployed, f"nobody scales {deployed}")
    need(sum(least) >= 1, "with no worker at all nobody ends cancelled jobs, keeps dead letters or sweeps")


def check_scraping(all_of_it):
    """The addresses that Prometheus asks the DNS for are Services here, with that port."""
    for one in all_of_it:
        if one["kind"] != "ConfigMap" or "prometheus.yaml" not in one["data"]:
            continue
        for job in yaml.safe_load(one["data"]["prometheus.yaml"])["scrape_configs"]:
            found = job["dns_sd_configs"][0]
            service = found["names"][0].removesuffix(".medley.svc")
            ports = [port["port"] for other in all_of_it if other["kind"] == "Service"
                     and other["metadata"]["name"] == service for port in other["spec"]["ports"]]
            need(ports == [found["port"]], f"Prometheus finds nothing at {found}")


def check(all_of_it, facts):
    for one in all_of_it:
        if one["apiVersion"].startswith("keda.sh/"):
            keda(one)
        else:
            fits(json.dumps(one, sort_keys=True))
    check_references(all_of_it)
    check_security(all_of_it)
    check_scraping(all_of_it)
    check_binary(all_of_it, facts["environment"], facts["gateway_paths"], facts["worker_paths"])
    check_kinds(all_of_it, facts["kinds"], facts["recorded"], facts["threshold"])


def known():
    """What is true of the binary and of the rules."""
    usage = subprocess.check_output([MEDLEY, "--help"], text=True)
    environment = set(re.findall(r"^  ([A-Z][A-Z_]+) ", usage.split("Environment:")[1], re.M))
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    monitor = (ROOT / "workers" / "medley" / "src" / "cli" / "monitor.rs").read_text()
    queues = json.loads(subprocess.check_output([MEDLEY, "queues"]))["queues"]
    kinds = {queue["name"].split(".")[1] for queue in queues if re.fullmatch(r"medley\.\w+\.batch", queue["name"])}
    rules = (ROOT / "deploy" / "monitoring" / "medley.rules.yaml").read_text()
    return {
        "environment": environment,
        "gateway_paths": set(document["paths"]),
        "worker_paths": set(re.findall(r'\.route\("([^"]+)"', monitor)),
        "kinds": kinds - {"finish"},
        "recorded": set(re.findall(r"record: (\S+)", rules)),
        "threshold": re.search(r"(\d+) \* sum by \(kind\) \(medley_steps_running\)", rules).group(1),
    }


# --- Faults that have to be found.

def first(all_of_it, kind, name=None):
    return next(one for one in all_of_it if one["kind"] == kind and name in (None, one["metadata"]["name"]))


def pod(all_of_it, name):
    return first(all_of_it, "Deployment", name)["spec"]["template"]["spec"]


FAULTS = {
    "a field that Kubernetes does not know": lambda a: pod(a, "medley-gateway").update(replicaz=1),
    "a probe of a path that nobody answers":
        lambda a: pod(a, "medley-gateway")["containers"][0]["readinessProbe"]["httpGet"].update(path="/ready"),
    "a probe of a port that is not there":
        lambda a: pod(a, "medley-gateway")["containers"][0]["readinessProbe"]["httpGet"].update(port="web"),
    "a flag that the binary does not know":
        lambda a: pod(a, "medley-worker-speak")["containers"][0]["args"].append("--threads=2"),
    "a variable that the binary does not read":
        lambda a: pod(a, "medley-worker-speak")["containers"][0]["env"].append({"name": "MEDLEY_SLOTS", "value": "2"}),
    "a service that selects nothing":
        lambda a: first(a, "Service", "medley-workers")["spec"]["selector"].update(tier="none"),
    "a budget of nothing":
        lambda a: first(a, "PodDisruptionBudget", "medley-worker")["spec"]["selector"]["matchLabels"].update(x="y"),
    "a policy of nothing":
        lambda a: first(a, "NetworkPolicy", "clients")["spec"]["podSelector"]["matchLabels"].update(x="y"),
    "a port that is opened to nobody":
        lambda a: first(a, "NetworkPolicy", "clients")["spec"]["ingress"][0]["ports"][0].update(port=8751),
    "a container that may write": lambda a: pod(a, "medley-gateway")["containers"][0]["securityContext"].pop("readOnlyRootFilesystem"),
    "a pod of root": lambda a: pod(a, "medley-gateway")["securityContext"].update(runAsNonRoot=False),
    "no request of memory":
        lambda a: pod(a, "medley-worker-speak")["containers"][0]["resources"]["requests"].pop("memory"),
    "no limit of CPU": lambda a: pod(a, "medley-worker-speak")["containers"][0]["resources"]["limits"].pop("cpu"),
    "a limit below that of a child":
        lambda a: pod(a, "medley-worker-speak")["containers"][0]["resources"]["limits"].update(memory="4Gi"),
    "a grace shorter than the drain": lambda a: pod(a, "medley-worker-speak").update(terminationGracePeriodSeconds=30),
    "a setting that does not exist":
        lambda a: next(o for o in a if o["kind"] == "ConfigMap" and "medley.toml" in o["data"])["data"].update(
            {"medley.toml": "[worker]\nslotz = 1\n"}),
    "two owners of a number": lambda a: first(a, "Deployment", "medley-worker-speak")["spec"].update(replicas=1),
    "a target that is not there":
        lambda a: first(a, "ScaledObject", "medley-worker-speak")["spec"]["scaleTargetRef"].update(name="medley-worker-say"),
    "a field that KEDA does not know": lambda a: first(a, "ScaledObject")["spec"].update(cooldown=3),
    "a number where KEDA wants text": lambda a: first(a, "ScaledObject")["spec"]["triggers"][0]["metadata"].update(threshold=120),
    "a query of another kind": lambda a: first(a, "ScaledObject", "medley-worker-speak")["spec"]["triggers"][0]["metadata"].update(
        query='medley:work_ahead_seconds{kind="control"}'),
    "a rule that is not there": lambda a: first(a, "ScaledObject", "medley-worker-speak")["spec"]["triggers"][0]["metadata"].update(
        query='medley:work_before_seconds{kind="speak"}'),
    "a kind that nobody serves": lambda a: a.remove(first(a, "Deployment", "medley-worker-speak")),
    "no worker left": lambda a: first(a, "ScaledObject", "medley-worker-control")["spec"].update(minReplicaCount=0),
    "an address that Prometheus does not find": lambda a: first(a, "Service", "medley-gateways")["spec"]["ports"][0].update(port=80),
    "RabbitMQ by its own protocol": lambda a: first(a, "ScaledObject")["spec"].update(
        triggers=[{"type": "rabbitmq", "metadata": {"protocol": "amqp", "mode": "QueueLength", "queueName": "medley.caption.batch", "value": "1"}}]),
    "a claim that is not there": lambda a: a.remove(first(a, "PersistentVolumeClaim", "medley-models")),
}


def main():
    facts = known()
    for overlay in ("one-node", "cloud"):
        check(build(KUBERNETES / "overlays" / overlay), facts)
        check(build_with("scale-by-broker", overlay), facts)
    whole = build(KUBERNETES / "overlays" / "one-node")
    for what, plant in FAULTS.items():
        broken = copy.deepcopy(whole)
        plant(broken)
        try:
            check(broken, facts)
        except (Fault, jsonschema.ValidationError, kubernetes_validate.ValidationError):
            continue
        sys.exit(f"not found: {what}")
    print(f"{len(whole)} objects, {len(FAULTS)} planted faults found")


main()
