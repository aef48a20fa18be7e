"""What deploy/ holds: read by the programs it is for, as far as that can be done without a cluster."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
import yaml
from dagster._core.instance.ref import InstanceRef

from meetbefore_assets.definitions import defs
from meetbefore_assets.running.code_location import LOCATION_NAME, MODULE
from meetbefore_assets.running.executors import K8S_TAG, RETRIES

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
START = DEPLOY / "ray" / "start.sh"
INSTANCES = sorted(DEPLOY.rglob("dagster*.yaml"))
CONTAINERS = ("podSecurityContext", "securityContext")
KUBERNETES = "1.34"


def read(*parts: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DEPLOY.joinpath(*parts)).read_text(encoding="utf-8"))
    return content


def test_yaml_is_tidy() -> None:
    command = [sys.executable, "-m", "yamllint", "--strict", "deploy", ".github", "compose.yaml", "dagster.yaml", "workspace.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("schema", "files"),
    [("compose-spec", ["compose.yaml", "deploy/compose.gpu.yaml"]), ("github-workflows", [".github/workflows/ci.yml"])],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_are_as_their_programs_declare_them(schema: str, files: list[str]) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_hadolint_passes_the_image() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    if not hadolint.exists():
        pytest.skip("hadolint has no wheel for this machine")
    done = subprocess.run([hadolint, "deploy/Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_image_gets_what_the_wheel_is_built_from() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", settings["project"]["readme"], *settings["project"]["license-files"], *wheel["packages"]}
    needed |= {hook["path"] for hook in wheel["hooks"].values()}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert needed == {name for line in copied for name in line.split()}
    kept = re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert needed == set(kept)


def test_the_container_is_reached_from_this_machine_only_and_has_no_privileges() -> None:
    (service,) = read("..", "compose.yaml")["services"].values()
    assert [port.split(":")[0] for port in service["ports"]] == ["127.0.0.1"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    # It listens on all addresses of the container, and asks for a password.
    assert service["command"][:5] == ["meetbefore", "ui", "--no-browser", "--host", "0.0.0.0"]
    assert service["environment"]["MEETBEFORE_PASSWORD"].startswith("${MEETBEFORE_PASSWORD:?")
    home, recordings = service["volumes"]
    assert home["target"] == service["environment"]["MEETBEFORE_HOME"]
    assert recordings["read_only"] is True
    # The folder that is looked through where nothing is set.
    assert Path(recordings["target"]) == Path(home["target"]) / "videos"


def test_ci_tries_every_python_that_the_package_admits() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    admitted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    least, beyond = (int(text) for text in re.findall(r"3\.(\d+)", admitted))
    for name in ("test", "wheel"):
        assert jobs[name]["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in range(least, beyond)]


@pytest.mark.parametrize("path", INSTANCES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_dagster_reads_its_configuration(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if path.parent.name == "ray":
        for package in ("dagster_postgres", "dagster_ray"):
            pytest.importorskip(package, reason="the extras postgres and ray are not installed")
    monkeypatch.setenv("DAGSTER_POSTGRES", "postgresql+psycopg2://name:word@127.0.0.1:1/none")
    monkeypatch.setenv("MEETBEFORE_LOGS", str(tmp_path / "logs"))
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:1")
    (tmp_path / "dagster.yaml").write_bytes(path.read_bytes())
    reference = InstanceRef.from_dir(str(tmp_path))
    assert reference.settings["telemetry"] == {"enabled": False}
    assert reference.settings["run_retries"]["enabled"] is True
    launcher = {"dagster.runs.yaml": "RayRunLauncher"}.get(path.name, "DefaultRunLauncher")
    assert type(reference.run_launcher).__name__ == launcher
    if launcher == "RayRunLauncher":
        # Nothing asked for would be executed on the head.
        assert reference.run_launcher.num_cpus >= 1


def test_the_driver_that_is_named_for_dagster_can_be_imported() -> None:
    pytest.importorskip("psycopg2", reason="the extra postgres is not installed")
    scheme = read("kubernetes", "values.yaml")["postgresql"]["postgresqlScheme"]
    assert f"{scheme}://" in START.read_text(encoding="utf-8")
    assert sqlalchemy.create_engine(f"{scheme}://name:word@127.0.0.1:1/none").driver == "psycopg2"


def test_every_way_to_start_dagster_loads_the_same_definitions_under_one_name() -> None:
    """Or runs of one would be strangers to the timeline of another."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    dagster, dg_project = tools["dagster"], tools["dg"]["project"]
    assert (dagster["module_name"], dagster["code_location_name"]) == (MODULE, LOCATION_NAME)
    assert (dg_project["code_location_target_module"], dg_project["code_location_name"]) == (MODULE, LOCATION_NAME)
    for path in (ROOT / "workspace.yaml", *DEPLOY.rglob("workspace.yaml")):
        (entry,) = read(str(path))["load_from"]
        assert {key: entry["python_module"][key] for key in ("module_name", "location_name")} == {
            "module_name": MODULE,
            "location_name": LOCATION_NAME,
        }


def test_every_variable_that_is_set_is_read() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in [*(ROOT / "meetbefore_assets").rglob("*.py"), START, *INSTANCES])
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            for name in set(re.findall(r"\bMEETBEFORE_[A-Z_]+\b", path.read_text(encoding="utf-8"))):
                assert re.search(rf"{name}\b(?!=)", code), f"{path.name} sets {name}"


def test_no_secret_is_in_a_file() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(SECRET_ACCESS_KEY|ACCESS_KEY_ID|TOKEN)=\S", text), path
            assert not re.search(r"postgres(ql)?://\w+:(?!PASSWORD@)", text), path


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (["worker", "FOLDER"], None, "expected settings in"),
        (["wrker", "FOLDER"], "", "'wrker' is no part"),
        (["daemon", "FOLDER"], "MEETBEFORE_SPREAD=videos", "'videos', expected steps or runs"),
        (["daemon"], "", "name a folder"),
        ([], "", "say which part"),
    ],
)
def test_the_script_says_what_it_misses(tmp_path: Path, arguments: list[str], settings: str | None, said: str) -> None:
    file = tmp_path / "cluster.env"
    if settings is not None:
        file.write_text(f"{settings}\n")
    command = ["bash", str(START), *(str(tmp_path / "cluster") if argument == "FOLDER" else argument for argument in arguments)]
    done = subprocess.run(command, env={"PATH": "/usr/bin:/bin", "MEETBEFORE_ENV": str(file)}, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert said in done.stderr


def deployments() -> Iterator[dict[str, Any]]:
    for name in ("values.yaml", "values-gpu.yaml"):
        yield from read("kubernetes", name)["dagster-user-deployments"]["deployments"]


def test_pods_have_no_root_and_gain_no_privileges() -> None:
    values = read("kubernetes", "values.yaml")
    run = values["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]
    pods = [(each["podSecurityContext"], each["securityContext"]) for each in deployments()]
    pods += [(values[part]["podSecurityContext"], values[part]["securityContext"]) for part in ("dagsterDaemon", "dagsterWebserver")]
    pods += [(run["podSpecConfig"]["securityContext"], run["containerConfig"]["securityContext"])]
    user = re.search(r"^USER (\d+):", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert user is not None
    for pod, container in pods:
        assert pod["runAsNonRoot"] is True
        assert pod["runAsUser"] == int(user[1])
        assert container["allowPrivilegeEscalation"] is False
        assert container["capabilities"] == {"drop": ["ALL"]}


def test_nothing_is_open_to_the_world() -> None:
    values = read("kubernetes", "values.yaml")
    assert values["ingress"]["enabled"] is False
    assert values["dagsterWebserver"]["service"]["type"] == "ClusterIP"
    assert values["telemetry"]["enabled"] is False
    assert values["generatePostgresqlPasswordSecret"] is False
    assert values["dagsterDaemon"]["runRetries"]["maxRetries"] == RETRIES


@pytest.mark.parametrize("deployment", list(deployments()), ids=["cpu", "gpu"])
def test_kubernetes_takes_the_pods_of_all_steps(deployment: dict[str, Any]) -> None:
    """As dagster-k8s makes them: from the run launcher's configuration, the deployment's, and the tags of the step."""
    job = pytest.importorskip("dagster_k8s.job", reason="the extra k8s is not installed")
    context = pytest.importorskip("dagster_k8s.container_context")
    validator = pytest.importorskip("kubernetes_validate")
    launcher = read("kubernetes", "values.yaml")["runLauncher"]["config"]["k8sRunLauncher"]
    keys = {"podSpecConfig": "pod_spec_config", "containerConfig": "container_config", "jobSpecConfig": "job_spec_config"}
    run_config = {keys[key]: value for key, value in launcher["runK8sConfig"].items()}
    base = context.K8sContainerContext(
        env_secrets=[secret["name"] for secret in deployment["envSecrets"]],
        env_vars=[f"{name}={value}" for name, value in deployment["env"].items()],
        volumes=deployment["volumes"],
        volume_mounts=deployment["volumeMounts"],
        resources=launcher["resources"],
        run_k8s_config=job.UserDefinedDagsterK8sConfig.from_dict(run_config),
    )
    for node in defs.resolve_job_def("process_video").nodes:
        own = job.get_user_defined_k8s_config({K8S_TAG: node.definition.tags[K8S_TAG]})
        merged = base.merge(context.K8sContainerContext(run_k8s_config=own))
        made = job.construct_dagster_k8s_job(
            job_config=job.DagsterK8sJobConfig(
                job_image=f"{deployment['image']['repository']}:{deployment['image']['tag']}",
                dagster_home="/opt/dagster/dagster_home",
                instance_config_map="dagster-instance",
                postgres_password_secret="meetbefore-postgres",
            ),
            args=["dagster", "api", "execute_step"],
            job_name="dagster-step-0123456789abcdef",
            user_defined_k8s_config=merged.run_k8s_config,
            component="step_worker",
        ).to_dict()
        manifest = _camel({key: value for key, value in _without_nulls(made).items()})
        validator.validate({"apiVersion": "batch/v1", "kind": "Job", **manifest}, KUBERNETES, strict=True)
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        asked = own.container_config["resources"]
        assert container["resources"]["requests"] == asked["requests"], node.name
        assert container["resources"]["limits"] == asked["limits"], node.name
        assert manifest["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _camel(value: Any, *, is_named: bool = True) -> Any:
    """Names of fields as Kubernetes spells them; keys of its maps (labels, limits) stay."""
    if isinstance(value, list):
        return [_camel(each, is_named=is_named) for each in value]
    if not isinstance(value, dict):
        return value
    maps = {"labels", "annotations", "limits", "requests", "node_selector", "match_labels"}
    return {
        re.sub(r"_([a-z])", lambda found: found[1].upper(), key) if is_named else key: _camel(each, is_named=key not in maps)
        for key, each in value.items()
    }
