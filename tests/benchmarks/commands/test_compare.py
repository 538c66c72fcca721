"""`benchmarks compare`: real runs, their own traces on machines, and what is written of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

import he
import nn
from accel_model.cli.main import main as model_main
from accel_model.estimation import sweep
from accel_model.machine.machine_file import CONFIGS, load_machine
from benchmarks.comparison import compare, disturbance, peers
from benchmarks.comparison.text import ratio
from benchmarks.main import main
from he import trace as traces
from tests.hostile_names import HOSTILE, unprintable_lines
from tests.nn.samples import small

PLANNING = ["--ring-degree", "256", "--insecure-reason", "unit test", "--repeats", "2"]


@pytest.fixture(scope="module", autouse=True)
def _undisturbed() -> Iterator[None]:
    """The machine of tests is busy at times: here every run counts as undisturbed."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("LEAST_SHARE", 0), ("MOST_SPREAD", 1e9), ("MOST_STOLEN", 1)):
            patch.setattr(disturbance, name, value)
        patch.setattr(disturbance, "_CGROUP", Path("/nowhere"))
        yield


@pytest.fixture(scope="module")
def network_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """conv - square - linear on images (1, 6, 6)."""
    path = tmp_path_factory.mktemp("network") / "small.npz"
    nn.save(small("small <net>"), path)
    return path


@pytest.fixture(scope="module")
def written(network_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of one comparison."""
    folder = tmp_path_factory.mktemp("compared") / "made"
    files = {kind: folder / f"small.{kind}" for kind in ("json", "html", "trace")}
    words = ["compare", "--workload", str(network_file), *PLANNING]
    for kind, path in files.items():
        words += [f"--{kind}", str(path)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep, "STEPS", (0.5, 1.0))
        assert main(words) == 0
    return files


@pytest.fixture(scope="module")
def result(written: dict[str, Path]) -> dict:
    return json.loads(written["json"].read_text())


def test_compare__speed_up_is_software_over_machine(result):
    software = result["software"]
    assert [machine["machine"] for machine in result["machines"]] == ["ecp5", "asic7"]
    assert software["smallest_s"] <= software["median_s"] <= software["largest_s"]
    assert (software["repeats"], software["threads"], software["tag"]) == (2, 1, "measured")
    for machine in result["machines"]:
        assert machine["speed_up"] == software["median_s"] / machine["time_s"]
        assert machine["time_s"] >= machine["ideal_s"]


def test_compare__layers_and_operations_are_those_of_the_run(result):
    layers, operations = result["software"]["layers_s"], result["software"]["operations_s"]
    assert list(layers) == ["conv", "square", "flatten+fc"]
    # Time outside the stages and the operations is bookkeeping.
    assert 0 < sum(layers.values()) < 1.5 * result["software"]["largest_s"]
    for machine in result["machines"]:
        # The program's last step writes the outputs.
        assert [part["name"] for part in machine["layers"]] == [*layers, "output"]
        assert {part["name"] for part in machine["operations"]} == {*operations, "output"}
        for parts in (machine["layers"], machine["operations"]):
            assert sum(p["time_s"] for p in parts) == pytest.approx(machine["time_s"])
            total = machine["energy"]["total_j"]
            assert sum(p["energy"]["total_j"] for p in parts) == pytest.approx(total)


def test_compare__the_machine_runs_the_trace_of_the_software_run(result, written, tmp_path):
    path = tmp_path / "estimate.json"
    words = ["estimate", str(written["trace"]), "--machine", "ecp5", "--json", str(path)]
    assert model_main(words) == 0
    (alone,) = json.loads(path.read_text())
    beside = result["machines"][0]
    assert {name: beside[name] for name in alone} == alone


def test_compare__every_figure_keeps_its_tag_and_origin(result, written):
    page = written["html"].read_text()
    text = Page(page).text
    for machine in result["machines"]:
        shipped = load_machine(machine["machine"]).figures
        assert set(machine["figures"]) == set(shipped)
        for name, figure in machine["figures"].items():
            known = shipped[name]
            assert (figure["value"], figure["tag"], figure["origin"]) == (
                known.value, known.tag, known.origin,
            )  # fmt: skip
            assert figure["origin"] in text
    assert result["machines"][0]["figures"]["clock.hz"]["tag"] == "measured"


def test_compare__sweeps_pass_the_machine_itself(result):
    for machine in result["machines"]:
        points = result["sweeps"][machine["machine"]]
        axes = ("ntt.butterflies", "pointwise.lanes", "memory.bytes", "external.bytes_per_s")
        itself = [p for p in points if all(p[a] == machine["figures"][a]["value"] for a in axes)]
        assert len(itself) == 1
        assert itself[0]["time_s"] == machine["time_s"]
        assert any(point["optimal"] for point in points)


def test_compare__tells_where_it_comes_from(result):
    assert result["command"].startswith("python -m benchmarks compare --workload ")
    assert {"commit", "date", "machine", "parameters", "instructions"} <= set(result)
    assert result["parameters"]["N"] == 256


class Page(HTMLParser):
    """Text, attributes that fetch something, and balanced tags of a page."""

    VOID = ("meta", "br")
    FETCHING = ("src", "href", "xlink:href", "data", "srcset")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.fetched, self.open, self.tags = "", [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.fetched += [value for name, value in attributes if name in self.FETCHING]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.fetched += [value for name, value in attributes if name in self.FETCHING]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_report__is_one_page_that_fetches_nothing(written):
    source = written["html"].read_text()
    page = Page(source)
    assert page.open == []
    assert all(link.startswith("#") for link in page.fetched)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert "@import" not in source
    assert "url(http" not in source


def test_report__escapes_names_and_has_the_plots(written):
    source = written["html"].read_text()
    assert "small <net>" in Page(source).text
    assert "small <net>" not in source
    # Times by layer and by operation, energy; a roofline and a Pareto front for each machine.
    pictures = source.split("<svg")[1:]
    assert len(pictures) == 3 + 2 * 2
    for picture in pictures:
        ElementTree.fromstring("<svg" + picture.split("</svg>")[0] + "</svg>")


@pytest.mark.parametrize("name", ["rotate", "multiply"])
def test_compare__one_operation(name, tmp_path, capsys):
    path = tmp_path / "operation.json"
    words = ["compare", "--workload", name, "--case", "8192:1", "--seconds", "0.05"]
    assert main([*words, "--machine", "asic7", "--no-sweep", "--json", str(path)]) == 0
    result = json.loads(path.read_text())
    assert result["software"]["layers_s"] == {}
    assert result["sweeps"] == {}
    kinds = {"rotate": ["automorphisms"], "multiply": ["tensor", "relinearize_rescale"]}[name]
    assert list(result["software"]["operations_s"]) == kinds
    assert result["parameters"]["security_estimate_bits"] >= 128
    (machine,) = result["machines"]
    assert [part["name"] for part in machine["operations"]] == [*kinds, "output"]
    printed = capsys.readouterr().out
    assert "layer:" not in printed
    assert f"{ratio(machine['speed_up'])}" in printed


def test_compare__a_bootstrap(tmp_path, capsys):
    files = {name: tmp_path / f"bootstrap.{name}" for name in ("json", "trace", "html")}
    words = ["compare", "--workload", "bootstrap", "--case", "256:1", "--seconds", "0"]
    words += [word for name, path in files.items() for word in (f"--{name}", str(path))]
    assert main([*words, "--machine", "asic7", "--no-sweep", "--peers"]) == 0
    result = json.loads(files["json"].read_text())
    steps = ["SlotsToCoeffs", "ModRaise", "CoeffsToSlots", "EvalMod"]
    assert list(result["software"]["layers_s"]) == steps
    assert {"raise_modulus", "switch_key"} <= set(result["software"]["operations_s"])
    (machine,) = result["machines"]
    assert [part["name"] for part in machine["layers"]] == [*steps, "output"]
    recorded = traces.load(files["trace"])
    assert list(dict.fromkeys(op.layer for op in recorded.operations)) == steps
    printed = capsys.readouterr()
    assert "no parameters at N = 256 are secure" in printed.err
    assert "bootstrap: no other library is timed beside it" in printed.err
    assert "layer: time, speed-up" in printed.out


def test_compare__a_bootstrap_that_is_off_is_an_error(monkeypatch, capsys):
    decode = he.Encoder.decode
    monkeypatch.setattr(he.Encoder, "decode", lambda self, x: decode(self, x) + 0.5)
    assert main(["compare", "--workload", "bootstrap", "--case", "256:1"]) == 2
    assert "bootstrap: a slot is off by" in capsys.readouterr().err


def test_compare__peers_of_an_operation_take_turns_with_ours(monkeypatch, tmp_path):
    def rows(suite, cases, *, peers, operations, **_):
        assert ([case.depth for case in cases], peers, operations) == ([1], True, ["rotate"])
        return [
            SimpleNamespace(library=name, version="1", median_s=s, parameters={})
            for name, s in (("he-accel", 2.0), ("Other", 6.0))
        ]

    monkeypatch.setattr(peers.suite, "run", rows)
    files = [tmp_path / name for name in ("r.json", "r.html")]
    words = ["compare", "--workload", "rotate", "--case", "8192:1", "--seconds", "0.05", "--peers"]
    words += ["--machine", "asic7", "--no-sweep"]
    assert main([*words, "--json", str(files[0]), "--html", str(files[1])]) == 0
    (peer,) = json.loads(files[0].read_text())["peers"]
    assert (peer["library"], peer["median_s"], peer["ours_s"]) == ("Other", 6, 2)
    assert "Other 1" in Page(files[1].read_text()).text


def test_compare__the_peer_of_a_network_is_named_with_its_own(
    network_file, monkeypatch, tmp_path, capsys
):
    words = ["compare", "--workload", str(network_file), *PLANNING, "--machine", "ecp5", "--peers"]

    def missing(repeats: int) -> None:
        raise ImportError("no module")

    monkeypatch.setattr(peers, "run_tenseal", missing)
    assert main(words) == 0
    assert "TenSEAL is not installed: no module" in capsys.readouterr().err
    row = SimpleNamespace(
        library="TenSEAL", version="1", network="theirs", N=8, median_s=4.0, parameters={}
    )
    monkeypatch.setattr(peers, "run_tenseal", lambda repeats: row)
    path = tmp_path / "r.json"
    assert main([*words, "--no-sweep", "--json", str(path)]) == 0
    (peer,) = json.loads(path.read_text())["peers"]
    assert peer["what"] == "another network: theirs"
    assert "another network: theirs" in capsys.readouterr().out


def test_compare__other_bits_of_the_program_are_an_error(network_file, monkeypatch, capsys):
    def spoilt(program, arrays):
        outputs = execute(program, arrays)
        outputs["0"][0, 0, 0] ^= np.uint64(1)
        return outputs

    execute = compare.execute
    monkeypatch.setattr(compare, "execute", spoilt)
    assert main(["compare", "--workload", str(network_file), *PLANNING]) == 2
    assert "output 0 of the program has other bits than the software's" in capsys.readouterr().err


def test_compare__a_wrong_logit_is_an_error(network_file, monkeypatch, capsys):
    decrypt = nn.PackedClient.decrypt
    monkeypatch.setattr(nn.PackedClient, "decrypt", lambda self, answer: decrypt(self, answer) + 1)
    assert main(["compare", "--workload", str(network_file), *PLANNING]) == 2
    assert "WorkloadFailure: a logit of 'small <net>' is off by" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workload", "resnet"], "there is no workload 'resnet': choose one of"),
        (["--machine", "tpu"], "machine 'tpu' does not exist: choose one of"),
        (["--threads", "1000"], "--threads"),
        (["--workload", "rotate", "--case", "4096:9"], "a larger N or a smaller depth is needed"),
        (["--workload", "bootstrap", "--case", "32768:40"], "bootstrap at N = 32768, depth 40: no"),
    ],
)
def test_compare__bad_input_is_one_line(words, message, capsys):
    assert main(["compare", *words]) == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if "making keys" not in x]
    assert message in line


def test_compare__machines_need_names_of_their_own(tmp_path, capsys):
    copy = tmp_path / "mine.toml"
    copy.write_text((CONFIGS / "asic7.toml").read_text())
    assert main(["compare", "--machine", "asic7", "--machine", str(copy)]) == 2
    assert "also has the name 'asic7'" in capsys.readouterr().err


def test_compare__a_case_that_cannot_be_read(capsys):
    with pytest.raises(SystemExit):
        main(["compare", "--case", "8192"])
    assert "'8192' is not N:DEPTH, for example 8192:2" in capsys.readouterr().err


def test_compare__hostile_names(tmp_path, capsys):
    """Of the network, its layers and the machine: on the terminal, in HTML and in pictures."""
    linear = nn.Linear(np.full((2, 4), 0.1), np.zeros(2))
    nodes = (
        nn.Node(f"flatten {HOSTILE}", nn.Flatten(), ("input",)),
        nn.Node(f"fc {HOSTILE}", linear, (f"flatten {HOSTILE}",)),
    )
    nn.save(nn.Network(HOSTILE, (1, 2, 2), nodes), tmp_path / "network.npz")
    shipped = (CONFIGS / "ecp5.toml").read_text()
    for field in ("name", "title"):
        before, _, rest = shipped.partition(f'{field} = "')
        shipped = f"{before}{field} = {json.dumps(HOSTILE)} #{rest}"
    machine = tmp_path / "machine.toml"
    machine.write_text(shipped)
    page = tmp_path / "page.html"
    words = ["compare", "--workload", str(tmp_path / "network.npz"), "--machine", str(machine)]
    assert main([*words, *PLANNING, "--no-sweep", "--html", str(page)]) == 0
    printed = capsys.readouterr()
    assert unprintable_lines(printed.out + printed.err) == []
    html = page.read_text()
    assert unprintable_lines(html) == []
    assert ":smile:<b>" not in html
    assert r"\x1b[31m[bold red]:smile:<b>" in Page(html).text


def test_compare__a_disturbed_run_gets_no_speed_up(network_file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(disturbance, "LEAST_SHARE", 2)  # no process has two processors' time
    words = ["compare", "--workload", str(network_file), *PLANNING, "--machine", "asic7"]
    path = tmp_path / "busy.json"
    assert main([*words, "--no-sweep", "--json", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "no speed-up is shown: run on an idle machine" in shown
    assert "the process had a processor for" in shown
    found = json.loads(path.read_text())
    assert [m["speed_up"] for m in found["machines"]] == [None]
    assert found["software"]["disturbed"]
    refused = ["compare", "--workload", "small <net>", "--software", str(path)]
    assert main(refused) == 2
    assert "it was disturbed: the process had" in capsys.readouterr().err


def test_compare__software_from_a_file_and_several_images(
    network_file, written, result, tmp_path, capsys
):
    path = tmp_path / "committed.json"
    content = json.loads(written["json"].read_text())
    path.write_text(json.dumps({**content, "workload": str(network_file)}))
    words = ["compare", "--workload", str(network_file), *PLANNING, "--machine", "asic7"]
    assert main([*words, "--no-sweep", "--software", str(path), "--images", "2"]) == 0
    shown = capsys.readouterr().out
    assert "software time from committed.json" in shown
    assert "2 encrypted images" in shown
    for option in (
        "as generated", "packed limbs", "seeds on chip", "factored operands", "28-bit words",
    ):  # fmt: skip
        assert f"  {option}" in shown
    assert "asic7 rests on: time" in shown
    assert main([*words, "--software", str(tmp_path / "none.json")]) == 2
    assert "not a result file" in capsys.readouterr().err
    assert main(["compare", "--workload", "mnist", "--software", str(path)]) == 2
    assert "not 'mnist'" in capsys.readouterr().err
