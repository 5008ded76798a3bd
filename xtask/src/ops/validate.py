"""Checks the dashboard and the built manifests of occamy-metrics/ops against the schemas of those who will read them.

    validate.py KEDA QUERIES DASHBOARD MANIFESTS...

KEDA is the folder of KEDA's Go module, MANIFESTS what kustomize has made of each overlay. All queries are written to
QUERIES, as rules that promtool can check. Prints what is wrong, a line each, and exits with 1 if anything is.
"""

import json
import pathlib
import sys

import dashboard
import manifests
from complaints import complain, complaints


def main(keda, queries, board, *overlays):
    keda = manifests.Keda(pathlib.Path(keda))
    found = dashboard.check(board)
    for overlay in overlays:
        found += manifests.check(overlay, keda)
    rules = [{"record": f"query:{n}", "expr": substitute(query)} for n, query in enumerate(found)]
    pathlib.Path(queries).write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}, indent=1))
    print("\n".join(complaints) or f"{len(overlays)} overlays and {len(found)} queries: nothing to complain of")
    return 1 if complaints else 0


def substitute(query):
    """What Grafana would put in for its variables."""
    query = query.replace("$__rate_interval", "5m").replace("$server", "a").replace("$group", "b")
    if "$" in query:
        complain(query, "a variable that the dashboard does not have")
    return query


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
