"""A server that takes several images through a stage together."""

import numpy as np
import pytest

import he
import nn
from he.trace import Tracer
from nn.packed import encrypted_stages
from nn.packed import server as server_module
from ntt import threads
from ntt.threads import machine_threads

REASON = "unit test"
IMAGES = 11


@pytest.fixture(scope="module")
def parts():
    """A residual network whose tensors span several ciphertexts, with folds and an addition."""
    rng = np.random.default_rng(3)

    def weights(*shape):
        return rng.uniform(-1, 1, shape) / np.sqrt(np.prod(shape[1:]))

    nodes = (
        nn.Node("conv", nn.Conv2d(weights(4, 1, 3, 3), rng.uniform(-0.2, 0.2, 4), padding=(1, 1)),
                ("input",)),
        nn.Node("square", nn.Polynomial([0.1, 0.5, 0.25]), ("conv",)),
        nn.Node("twice", nn.Add(), ("conv", "square")),
        nn.Node("flatten", nn.Flatten(), ("twice",)),
        nn.Node("fc", nn.Linear(weights(3, 256), rng.uniform(-0.2, 0.2, 3)), ("flatten",)),
    )  # fmt: skip
    network = nn.Network("batched stages", (1, 8, 8), nodes)
    plan = nn.compile(network, N=256, precision_bits=2, insecure_reason=REASON)
    client = nn.Client(plan)
    images = rng.uniform(0, 1, (IMAGES, 1, 8, 8))
    return network, plan, client.evaluation_keys(), client.encrypt(images)


def answers(parts, threads_used=1, tracer=None):
    network, plan, keys, batch = parts
    return nn.Server(plan, network, keys, tracer=tracer).run(batch, threads=threads_used)


def one_by_one(parts):
    network, plan, keys, batch = parts
    server = nn.Server(plan, network, keys)
    singles = [
        server.run(nn.EncryptedBatch(tuple(image), batch.per_image)) for image in batch.images
    ]
    return [ciphertext for single in singles for ciphertext in single.ciphertexts]


def same_bits(first, second):
    return len(first) == len(second) and all(
        (a.data == b.data).all() and a.scale == b.scale for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("threads_used", [1, machine_threads()])
@pytest.mark.parametrize("group", [1, 3, 8])
def test_run__groups_of_images_give_the_bits_of_each_alone(parts, threads_used, group, monkeypatch):
    monkeypatch.setattr(encrypted_stages, "_LARGEST_GROUP", group)
    assert same_bits(answers(parts, threads_used).ciphertexts, one_by_one(parts))


def test_run__one_thread_is_one_thread_for_a_batch_too(parts, monkeypatch):
    """The splits inside a stage keep to the run's number of threads; all threads encode before."""
    network, plan, keys, batch = parts
    server = nn.Server(plan, network, keys)
    counts = []
    kept = threads.split

    def split(items, work, count=None):
        counts.append(threads.get_threads() if count is None else count)
        kept(items, work, count)

    monkeypatch.setattr(threads, "split", split)
    server.run(batch, threads=1)
    assert set(counts) == {1}


def test_run__a_group_keeps_to_its_share_of_memory(parts, monkeypatch):
    """Where one image takes more scratch memory than a group may, images go one by one."""
    monkeypatch.setattr(encrypted_stages, "_GROUP_BYTES", 0)
    network, plan, keys, _ = parts
    server = nn.Server(plan, network, keys)
    assert {stage.group for stage in server._stages} == {1}
    assert same_bits(answers(parts).ciphertexts, one_by_one(parts))


def test_run__a_batch_is_traced_image_by_image(parts):
    _, plan, _, batch = parts
    tracer = Tracer(plan.params)
    answer = answers(parts, tracer=tracer)
    trace = tracer.trace()
    assert len(trace.outputs) == len(answer.ciphertexts)
    assert len(trace.inputs) == len(batch.ciphertexts)
    linear = [op for op in trace.operations if op.kind == "linear_transform" and op.layer == "conv"]
    assert [op.operands for op in linear] == [
        trace.inputs[i : i + batch.per_image] for i in range(0, len(trace.inputs), batch.per_image)
    ]
    assert same_bits(answer.ciphertexts, one_by_one(parts))


def test_run__progress_counts_every_image(parts, monkeypatch):
    network, plan, keys, batch = parts
    counts = []

    class Counter:
        def start(self, stage):
            counts.append(0)

        def advance(self):
            counts[-1] += 1

        def done(self, level):
            pass

    class Context:
        def __enter__(self):
            return Counter()

        def __exit__(self, *error):
            return None

    monkeypatch.setattr(server_module, "stage_progress", lambda *arguments: Context())
    nn.Server(plan, network, keys).run(batch, threads=1)
    assert counts == [IMAGES] * len(plan.stages)


def test_server__needs_every_key_of_its_stages(parts):
    network, plan, keys, _ = parts
    galois = dict(list(keys.galois.items())[1:])
    kept = [key for key in keys.lower if key.element in galois or not key.element]
    fewer = he.EvaluationKeys(keys.params, keys.relinearization, galois, kept)
    with pytest.raises(he.MissingGaloisKeyError):
        nn.Server(plan, network, fewer)
    without = he.EvaluationKeys(keys.params, keys.relinearization, keys.galois)
    with pytest.raises(he.MissingKeyError, match="serves level"):
        nn.Server(plan, network, without)  # the keys of lower levels
