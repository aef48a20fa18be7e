"""Asset `matching_policy`: the matching settings in force."""

import dagster as dg
import polars as pl
from dagster._config import ConfigType, ConfigTypeKind
from dagster._config.errors import PostProcessingError

from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.core.schema.identities import MATCHING_POLICIES
from meetbefore_assets.core.schema.lists import decided_per_video
from meetbefore_assets.defs.assets.tracks import tracks
from meetbefore_assets.defs.materialize import OWNERS, HomeResource, column_schema, metadata
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.calibration import calibration_facts
from meetbefore_assets.identities.policy import policy
from meetbefore_assets.identities.policy_history import BY_RUN_CONFIG, BY_SETTINGS, apply_threshold, record_policy

SHOWN = 20


class _Threshold(ConfigType):
    """Config type: a number or `auto`; a run with anything else is not started."""

    def __init__(self) -> None:
        super().__init__("Threshold", ConfigTypeKind.ANY, given_name="Threshold", description="a cosine between -1 and 1, or auto")

    def post_process(self, value: object) -> str:
        try:
            settings_file.parse({"matching": {"threshold": value}}, "the run's config")
        except SettingsError:
            raise PostProcessingError(
                f"expected a cosine between -1 and 1 (0.3 to 0.6 is usual) or auto, found {value!r}. No run was started."
            ) from None
        return str(value)


_CONFIG = {
    "threshold": dg.Field(
        _Threshold(),
        is_required=False,
        description="Changes the policy for good: this threshold (a number such as 0.42, or auto) is written into the settings, "
        "and holds for all later runs. Leave it out to match as the settings say. `meetbefore config --undo-threshold` takes it back.",
    )
}


@dg.asset(
    group_name="matching",
    kinds={"toml"},
    deps=[dg.AssetDep(tracks, partition_mapping=dg.AllPartitionMapping())],
    owners=OWNERS,
    metadata=column_schema(MATCHING_POLICIES),
    config_schema=_CONFIG,
)
def matching_policy(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """The matching settings, clock corrections and corrections of people; the data version is their hash.

    Edit `settings.toml` (or `meetbefore run --set matching.threshold=0.42`, or give `threshold` as run config of the job `match`, which
    writes it there), and the sensor `rematch` updates everything after this asset; nothing before it is computed again. If the
    threshold is `auto`, it is derived from the similarity of strangers among all tracks, and from the number of tracks. The metadata
    shows which policies were in force before.
    """
    _refuse_without_partition(context)
    threshold = context.op_execution_context.op_config.get("threshold")
    if threshold is not None:
        record_policy(home, policy(home), BY_SETTINGS)  # the policy to go back to
        apply_threshold(home, threshold)
        context.log.warning(
            f"matching.threshold is {threshold} from now on: this run's config says so, and it was written into the settings"
        )
    decided = policy(home)
    history = record_policy(home, decided, BY_SETTINGS if threshold is None else BY_RUN_CONFIG)
    facts = {
        "threshold": decided.threshold,
        "threshold from": decided.threshold_source,
        "recogniser": decided.recogniser_id,
        "corrections": decided.corrections,
        "time zone": decided.zone,
        "encounters.gap_min": home.settings().encounters.gap_min,
    }
    facts |= calibration_facts(decided.calibration) if decided.calibration else {}
    shown = {**metadata(facts, history.height), "history": _history(history)}
    return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion(decided.version))


def _refuse_without_partition(context: dg.AssetExecutionContext) -> None:
    """Raise dg.Failure if no partition was chosen; Dagster itself would fail two assets later, after the policy was changed."""
    asked = {key.to_user_string() for key in context.job_def.asset_layer.selected_asset_keys}
    if asked & set(decided_per_video()) and not context.has_partition_key:
        raise dg.Failure(
            description="No partition was chosen, so nothing was done. Choose any one video of the partition `videos` and launch again: "
            "a run brings all videos up to date, whichever was chosen.",
            allow_retries=False,
        )


def _history(history: pl.DataFrame) -> dg.MarkdownMetadataValue:
    """The latest policies as a Markdown table, the current one first."""
    rows = history.tail(SHOWN).reverse().select("since", "threshold", "threshold_source", "recogniser", "applied_by").rows()
    lines = [f"| {since:%Y-%m-%d %H:%M:%S} | {threshold:g} | {source} | {model} | {by} |" for since, threshold, source, model, by in rows]
    return dg.MetadataValue.md("\n".join(["| since (UTC) | threshold | from | recogniser | by |", "|---|---|---|---|---|", *lines]))
