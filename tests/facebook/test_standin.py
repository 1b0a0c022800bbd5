"""The stand-in is as strict as Meta, and can be made to fail."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest

from lbs.graph.client import Graph
from lbs.graph.errors import GraphError
from lbs.graph.policy import Action


def action_of(graph: Graph, *call: str) -> Action:
    with pytest.raises(GraphError) as caught:
        graph.call(*call)
    return caught.value.action


def test_by_hand_it_says_how_to_reach_it():
    command = [sys.executable, "-m", "tests.meta_standin", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        lines = [process.stdout.readline().decode().strip() for _ in range(6)]
        said = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        answer = httpx.get(f"{said['LBS_FACEBOOK_GRAPH_URL']}/v26.0/me/accounts", trust_env=False)
        process.kill()
    assert answer.json()["error"]["code"] == 190
