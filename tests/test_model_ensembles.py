"""The explorer of ensembles computes what the companion computes."""

import math

import models
import pytest
import torch
from models import assert_close

from companion import ensembles as en

browser, compute = models.browser, models.compute
SHARED, SPREAD, MEMBERS, SEED = (1.8, 1.1), 2.4, 10, 34  # the first state
CROWDS = [((0.0, 0.0), 1.0), (SHARED, SPREAD), ((-3.2, 0.4), 0.2)]
TRUTH = torch.zeros(2, dtype=torch.float64)


@pytest.fixture(scope="module")
def draw(compute):
    """Return a function that draws the guesses of a crowd."""

    def points(shared, spread, seed=0, members=60):
        (chance,) = compute("ensembles", "normals", (seed, 2 * members))
        (found,) = compute("ensembles", "guesses", (shared, spread, chance))
        return found, torch.tensor(chance, dtype=torch.float64).view(-1, 2)

    return points


@pytest.mark.parametrize(("shared", "spread"), CROWDS)
def test_a_guess_is_the_shared_error_and_a_private_one(draw, shared, spread):
    found, chance = draw(shared, spread)
    middle = torch.tensor(shared, dtype=torch.float64)
    wanted = middle + spread / math.sqrt(2) * chance
    assert_close(found, wanted)


@pytest.mark.parametrize(("shared", "spread"), CROWDS)
@pytest.mark.parametrize("members", [1, 2, 60])
def test_the_identity_of_the_guesses(compute, draw, shared, spread, members):
    found = draw(shared, spread)[0][:members]
    (parts,) = compute("ensembles", "decomposition", (found,))
    outputs = torch.tensor(found, dtype=torch.float64)
    # the companion takes the mean over the two coordinates, not their sum
    wanted = en.ambiguity_decomposition(outputs, TRUTH)
    assert_close(parts["error"], 2 * wanted.ensemble)
    assert_close(parts["mean"], 2 * wanted.mean)
    assert_close(parts["ambiguity"], 2 * wanted.ambiguity)
    (middles,) = compute("ensembles", "averages", (found,))
    assert_close(middles[-1], en.average(outputs))
    assert_close(middles[0], found[0])


@pytest.mark.parametrize(("shared", "spread"), CROWDS)
def test_the_expected_error(compute, shared, spread):
    (crowd,) = compute("ensembles", "crowd", (shared, spread))
    counts = [1, 2, 7, 60]
    found = compute(
        "ensembles",
        "expectedError",
        *[(crowd["mean"], crowd["rho"], count) for count in counts],
    )
    wanted = en.expected_error(
        crowd["mean"], crowd["rho"], torch.tensor(counts).double()
    )
    assert_close(found, wanted)


def test_what_is_expected_is_the_mean_over_many_crowds(compute, draw):
    (crowd,) = compute("ensembles", "crowd", (SHARED, SPREAD))
    found, _ = draw(SHARED, SPREAD, seed=1, members=20_000)
    outputs = torch.tensor(found, dtype=torch.float64)
    mean = outputs.square().sum(1).mean()
    assert abs(mean / crowd["mean"] - 1) < 0.05
    rho = en.error_correlation(outputs, TRUTH)
    assert abs(rho - crowd["rho"]) < 0.02


def test_how_many_are_needed(compute):
    calls = [(10, 0.05, 1), (10, 0.0, 1), (10, 0.1, 1), (0.5, 0.1, 1)]
    found = compute("ensembles", "needed", *calls)
    assert found[1:] == [10, math.inf, 1]
    mean, rho, error = calls[0]
    assert en.expected_error(mean, rho, found[0]) <= error
    assert en.expected_error(mean, rho, found[0] - 1) > error


def test_the_first_state_can_be_repaired_by_the_shared_arrow_only(
    compute, draw
):
    found, _ = draw(SHARED, SPREAD, SEED)

    def outcome(points, shared):
        (parts,) = compute("ensembles", "decomposition", (points,))
        (crowd,) = compute("ensembles", "crowd", (shared, SPREAD))
        call = (parts["error"], crowd["mean"], crowd["rho"])
        return compute("ensembles", "outcome", call)[0]

    assert outcome(found[:MEMBERS], SHARED) == "shared"
    assert outcome(found, SHARED) == "shared"
    assert outcome(found[:1], (0, 0)) == "few"
    repaired, _ = draw((0.2, 0.1), SPREAD, SEED)
    assert outcome(repaired[:MEMBERS], (0.2, 0.1)) == "good"
    call = (0.5, 4.0, 0.5)
    assert compute("ensembles", "outcome", call) == ["lucky"]
