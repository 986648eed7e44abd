"""The explorer of early stopping computes what the companion computes."""

import models
import pytest
import torch
from models import assert_close

from companion import early_stopping as es

browser, compute = models.browser, models.compute
NAME, EPOCHS = "early_stopping", 80
START = ("wrong", 12, 0.5, 0.01)  # kind, hill, height of the hill, wobble


def histories():
    chance = torch.Generator().manual_seed(0)
    noise = torch.rand(30, 25, generator=chance, dtype=torch.float64)
    return 1 + torch.linspace(-1, 2, 25, dtype=torch.float64) ** 2 / 2 + noise


@pytest.mark.parametrize("kind", ["wrong", "right"])
@pytest.mark.parametrize(("center", "height"), [(12, 0.3), (50, 1.0), (3, 0)])
def test_the_curve(compute, kind, center, height):
    noise = torch.linspace(-2, 2, EPOCHS, dtype=torch.float64)
    (found,) = compute(
        NAME, "curve", (kind, center, height, 0.05, noise.tolist())
    )
    t = torch.arange(1, EPOCHS + 1, dtype=torch.float64)
    wanted = {
        "wrong": 0.9 + 1.3 * torch.exp(-t / 7) + 0.0069 * t,
        "right": 0.35 + 1.2 * torch.exp(-t / 6) + 0.65 * torch.exp(-t / 30),
    }[kind]
    hill = height * torch.exp(-(((t - center) / 3) ** 2) / 2)
    assert_close(found, wanted + hill + 0.05 * noise)


@pytest.mark.parametrize("patience", [1, 2, 5, 20, 30])
@pytest.mark.parametrize("delta", [0.0, 0.1, 0.3])
def test_where_the_rule_stops_and_what_it_keeps(compute, patience, delta):
    losses = histories()
    stopped, kept = es.stop_patience(losses, patience, delta)
    found = compute(
        NAME, "outcome", *[(each.tolist(), patience, delta) for each in losses]
    )
    assert [each["stopped"] for each in found] == stopped.tolist()
    assert [each["keeps"] for each in found] == kept.tolist()
    seen, best = es.best_epoch(losses, stopped), es.best_epoch(losses)
    assert [each["seen"] for each in found] == seen.tolist()
    assert [each["best"] for each in found] == best.tolist()
    for i, each in enumerate(found):
        waited = (stopped[i] - kept[i]).item()
        assert each["fires"] == (waited >= patience)
        late = best[i] > stopped[i]
        same = kept[i] == best[i]
        how = "found" if same else "trapped" if late else "refused"
        assert each["how"] == how


@pytest.mark.parametrize("delta", [0.0, 0.1, 0.3])
def test_waiting_epoch_by_epoch(compute, delta):
    losses = histories()[:5]
    found = compute(NAME, "waits", *[(each.tolist(), delta) for each in losses])
    for each, history in zip(found, losses, strict=True):
        for t in range(1, len(history) + 1):
            _, kept = es.stop_patience(history[:t], 1000, delta)
            assert each["kept"][t - 1] == kept
            assert each["waited"][t - 1] == t - kept
            bar = history[kept - 1] - delta
            assert_close(each["bars"][t - 1], bar)


def test_the_lowest_epoch(compute):
    losses = histories()
    for end in (1, 9, 25):
        found = compute(
            NAME, "lowest", *[(each.tolist(), end) for each in losses]
        )
        stopped = torch.full((len(losses),), end)
        assert found == es.best_epoch(losses, stopped).tolist()


def test_the_first_state_is_trapped_and_patience_frees_it(compute):
    (noise,) = compute(NAME, "normals", (10, EPOCHS))
    (losses,) = compute(NAME, "curve", (*START, noise))
    tries = [(losses, patience, 0) for patience in (4, 20)]
    first, patient = compute(NAME, "outcome", *tries)
    assert first["how"] == "trapped" and first["stopped"] < 15
    assert patient["how"] == "found"
    assert patient["best"] == 23
    (coarse,) = compute(NAME, "outcome", (losses, 10, 0.3))
    assert coarse["how"] != "found"
