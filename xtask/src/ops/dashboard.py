"""Whether Grafana would take the dashboard, and whether it is the same at everybody's."""

import enum
import json
import pathlib
import typing

from complaints import complain
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

# Grafana has no others any more, or none that this dashboard should need.
PANELS = {"bargauge", "heatmap", "row", "stat", "state-timeline", "table", "timeseries"}
COLUMNS = 24


def check(path):
    """Returns the queries."""
    data = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    plugins.register_default_plugins()
    model = Dashboard.from_json(data)
    # The model takes what it knows and leaves out the rest.
    compare(path, data, json.loads(JSONEncoder().encode(model)))
    check_choices(path, model)
    for forbidden in ["id", "__inputs", "__requires"]:
        if forbidden in data:
            complain(path, f"{forbidden} belongs to one Grafana")

    queries, ids = [], set()
    for variable in data["templating"]["list"]:
        if variable["type"] == "query":
            check_source(f"{path}: {variable['name']}", variable)
            # label_values(QUERY, LABEL)
            queries.append(variable["query"]["query"].removeprefix("label_values(").rpartition(",")[0])
    taken = {}
    for panel in data["panels"]:
        where = f"{path}: {panel.get('title') or panel.get('id')}"
        if panel["type"] not in PANELS:
            complain(where, f"panels of the type {panel['type']} are not expected here")
        if panel["id"] in ids:
            complain(where, f"the id {panel['id']} is another panel's, too")
        ids.add(panel["id"])
        place(where, panel["gridPos"], taken)
        if panel["type"] == "row":
            continue
        for key in ["title", "description"]:
            if not panel.get(key):
                complain(where, f"no {key}")
        if not panel["fieldConfig"]["defaults"].get("unit"):
            complain(where, "no unit")
        for query in panel["targets"]:
            queries.append(query["expr"])
        for source in [panel, *panel["targets"]]:
            check_source(where, source)
    return queries


def check_source(where, source):
    if source["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
        complain(where, "its data source is not the dashboard's variable")


def compare(where, ours, theirs):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                compare(f"{where}: {key}", value, theirs[key])
            else:
                complain(where, f"Grafana's schema has no {key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, pair in enumerate(zip(ours, theirs)):
            compare(f"{where}[{number}]", *pair)
    elif ours != theirs:
        complain(where, f"Grafana's schema takes {theirs!r} for {ours!r}")


def check_choices(where, model):
    """The model's types say which strings a field may have; it does not look itself."""
    if isinstance(model, (list, tuple)):
        for number, value in enumerate(model):
            check_choices(f"{where}[{number}]", value)
    if not hasattr(model, "to_json"):
        return
    for name, kind in typing.get_type_hints(type(model)).items():
        value = getattr(model, name, None)
        kinds = [kind, *typing.get_args(kind)]
        choices = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, enum.Enum)]
        if choices and isinstance(value, str) and str not in kinds:
            allowed = {choice.value for kind in choices for choice in kind}
            if value not in allowed:
                complain(f"{where}: {name}", f"{value!r} is none of {', '.join(sorted(allowed))}")
        check_choices(f"{where}: {name}", value)


def place(where, at, taken):
    if at["x"] + at["w"] > COLUMNS:
        complain(where, "wider than the dashboard")
    for x in range(at["x"], at["x"] + at["w"]):
        for y in range(at["y"], at["y"] + at["h"]):
            if (x, y) in taken:
                complain(where, f"covers {taken[x, y]}")
                return
            taken[x, y] = where
