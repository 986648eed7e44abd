"""The chapter *dropout*: masks in distribution, exact edge cases, the ridge
identity, Monte-Carlo averages.
"""

import copy
import itertools
import math

import numpy
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import nn
from torch.func import functional_call, vmap

from companion import dropout as dr
from companion.data import generator
from companion.optimizers import sgd
from companion.training import fit_many

PS = [0.1, 0.2, 0.5, 0.8]
N = 200_000


# dropout ----------------------------------------------------------------------


@pytest.mark.parametrize("p", PS)
@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16]
)
def test_zeros_survivors_mean_and_variance(p, dtype):
    x = torch.full((N,), 3.0, dtype=dtype)
    out = dr.dropout(x, p, generator=generator(0, "mask"))
    assert out.dtype == dtype
    kept = out != 0
    sigma = math.sqrt(N * p * (1 - p))
    assert abs(kept.sum().item() - N * (1 - p)) < 4.5 * sigma
    assert torch.equal(
        out[kept],
        (x * torch.tensor(1 / (1 - p), dtype=torch.float64).to(dtype))[kept],
    )
    share = kept.double().mean()
    assert share * (1 - share) == pytest.approx(p * (1 - p), rel=0.05)


@pytest.mark.parametrize("p", PS)
def test_equals_torch_in_distribution(p):
    x = torch.randn(N, generator=generator(0, "x"), dtype=torch.float64)
    ours, theirs = (
        dr.dropout(x, p, generator=generator(1, "mask")),
        torch.dropout(x, p, True),
    )
    table = [
        [(out == 0).sum().item(), (out != 0).sum().item()]
        for out in (ours, theirs)
    ]
    assert stats.chi2_contingency(table).pvalue > 1e-6
    both = (ours != 0) & (
        theirs != 0
    )  # the survivors are the same numbers, to the last bit or two
    torch.testing.assert_close(ours[both], theirs[both], rtol=1e-15, atol=0)
    assert abs((ours - x).mean()) < 4.5 * math.sqrt(p / (1 - p) / N) * 1.05


@pytest.mark.parametrize("p", PS)
def test_masks_of_neighbours_are_independent(p):
    out = (
        dr.dropout(torch.ones(N, 2), p, generator=generator(0, "mask"))
        .bool()
        .double()
    )
    assert abs(torch.corrcoef(out.T)[0, 1]) < 4.5 / math.sqrt(N)
    assert abs(
        torch.corrcoef(torch.stack([out[1:, 0], out[:-1, 0]]))[0, 1]
    ) < 4.5 / math.sqrt(N)


def test_edge_cases_are_exact_and_have_torchs_gradients():
    x = torch.tensor([1.5, -2.0, 0.0], requires_grad=True)
    for p, gradient in ((0.0, 1.0), (1.0, 0.0)):
        for function in (dr.dropout, torch.nn.functional.dropout):
            out = function(x, p)
            (slope,) = torch.autograd.grad(out.sum(), x)
            assert torch.equal(out, gradient * x)
            assert torch.equal(slope, torch.full((3,), gradient))
        assert torch.equal(dr.dropout(x, torch.tensor(p)), gradient * x)


def test_edge_cases_hold_for_the_smallest_and_the_largest_random_number(
    monkeypatch,
):
    for chance in (0.0, 1 - 2**-24):
        monkeypatch.setattr(
            torch,
            "rand",
            lambda shape, chance=chance, **options: torch.full(shape, chance),
        )
        assert dr.dropout(torch.ones(1), 0.0) == 1
        assert dr.dropout(torch.ones(1), 1.0) == 0


def test_a_small_p_survives_a_coarse_type():
    out = dr.dropout(
        torch.ones(N, dtype=torch.bfloat16),
        0.002,
        generator=generator(0, "mask"),
    )
    assert abs((out == 0).sum().item() - 0.002 * N) < 4.5 * math.sqrt(0.002 * N)


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_evaluation_passes_the_input_on(p):
    x = torch.randn(5)
    assert dr.dropout(x, p, training=False) is x


def test_nan_and_infinity_pass_on_as_in_torch():
    x = torch.tensor([math.nan, math.inf])
    for p in (0.0, 1.0):
        assert torch.equal(dr.dropout(x, p).isnan(), F.dropout(x, p).isnan())


def test_the_generator_decides_alone():
    x = torch.ones(100)
    a, b = (
        dr.dropout(x, 0.5, generator=generator(3, "mask")) for _ in range(2)
    )
    c = dr.dropout(x, 0.5, generator=generator(4, "mask"))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


@settings(max_examples=30, deadline=None)
@given(
    p=st.floats(0.0, 0.99),
    shape=st.lists(st.integers(0, 4), max_size=3),
    seed=st.integers(0, 1000),
)
def test_each_entry_is_zero_or_scaled(p, shape, seed):
    x = (
        torch.rand(shape, generator=generator(seed, "x"), dtype=torch.float64)
        + 1
    )
    out = dr.dropout(x, p, generator=generator(seed, "mask"))
    assert out.shape == x.shape
    assert (
        (out == 0) | torch.isclose(out, x / (1 - p), rtol=1e-14, atol=0)
    ).all()


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan, math.inf])
def test_a_probability_out_of_range_is_named(p):
    for call in (lambda: dr.dropout(torch.ones(2), p), lambda: dr.Dropout(p)):
        with pytest.raises(ValueError, match=r"p must be in \[0, 1\], got"):
            call()


@pytest.mark.parametrize("kind", [numpy.float32, numpy.float64])
def test_a_probability_may_be_a_numpy_number(kind):
    x = torch.ones(100)
    ours, plain = (
        dr.dropout(x, p, generator=generator(0, "mask"))
        for p in (kind(0.5), 0.5)
    )
    assert torch.equal(ours, plain)


@pytest.mark.parametrize("p", ["0.5", None, True, [0.5]])
def test_a_probability_of_the_wrong_type_is_named(p):
    with pytest.raises(TypeError, match="p must be a number"):
        dr.dropout(torch.ones(2), p)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([1.0], "numbers, got list"),
        (torch.ones(2, dtype=torch.int64), "floating-point"),
    ],
)
def test_an_input_of_the_wrong_type_is_named(x, words):
    with pytest.raises(TypeError, match=words):
        dr.dropout(x)
    with pytest.raises(TypeError, match=words):
        dr.dropout(x, training=False)


def test_several_probabilities_are_refused():
    with pytest.raises(
        ValueError, match=r"p must be one number, got a tensor of shape \(2,\)"
    ):
        dr.dropout(torch.ones(2), torch.tensor([0.1, 0.2]))


@pytest.mark.parametrize("p", [-0.5, 1.5, math.nan])
def test_a_tensor_out_of_range_is_refused(p):
    p, layer = torch.tensor(p), dr.Dropout()
    for call in (
        lambda: dr.Dropout(p),
        lambda: dr.dropout(torch.ones(2), p),
        lambda: dr.dropout_ridge(torch.eye(2), torch.ones(2), p),
        lambda: setattr(layer, "p", p),
        lambda: layer.p.fill_(p.item()) + layer(torch.ones(2)),
    ):
        with pytest.raises(ValueError, match=r"p must be in \[0, 1[\])], got"):
            call()


@pytest.mark.parametrize("p", [0, 0.0, torch.tensor(0.0)])
def test_without_dropping_no_random_number_is_drawn(p):
    before = torch.get_rng_state()
    x = torch.randn(3, generator=generator(0, "x"))
    assert dr.dropout(x, p) is x and dr.Dropout(p)(x) is x
    assert dr.dropout(x, 0.5, training=False) is x
    assert torch.equal(torch.get_rng_state(), before)


def test_in_place_like_torchs():
    for kind in (dr.Dropout, nn.Dropout):
        layer = kind(0.5, inplace=True)
        x = torch.ones(1000)
        assert layer(x) is x and 0 < (x == 0).sum() < 1000
        assert "inplace=True" in repr(layer)
        assert layer.eval()(x) is x
    x = torch.full((4,), 2.0, requires_grad=True)
    y = dr.dropout(x + 0, 0.5, True, True)
    y.sum().backward()
    assert torch.equal(x.grad * 2, y.detach())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda():
    x = torch.ones(N, device="cuda")
    out = dr.Dropout(0.2).to("cuda")(x)
    assert out.device == x.device
    assert dr.Dropout(torch.zeros((), device="cuda"))(x) is x
    assert abs(out.mean() - 1) < 4.5 * math.sqrt(0.25 / N)


# Dropout ----------------------------------------------------------------------


def test_the_module_obeys_train_and_eval_like_torchs():
    x = torch.ones(1000)
    for layer in (dr.Dropout(0.5), nn.Dropout(0.5)):
        assert layer.training
        assert 0 < (layer(x) == 0).sum() < 1000
        assert torch.equal(layer.eval()(x), x)
        assert (layer.train()(x) == 0).any()


def test_the_state_dict_and_the_text_are_torchs():
    ours, theirs = (
        nn.Sequential(nn.Linear(2, 2), dr.Dropout(0.3)),
        nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.3)),
    )
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    assert repr(ours[1]) == "Dropout(p=0.3)" and "p=0.3" in repr(theirs[1])
    assert dr.Dropout().p == nn.Dropout().p == 0.5


def test_p_stays_as_it_is_when_the_model_changes():
    for change in (
        lambda layer: layer.to(torch.bfloat16),
        lambda layer: layer.half(),
        lambda layer: layer.to_empty(device="cpu"),
        lambda layer: layer.to("meta"),
        copy.deepcopy,
    ):
        layer = change(nn.Sequential(dr.Dropout(0.999)))[0]
        assert layer.p.dtype == torch.float64 and layer.p.item() == 0.999
    with torch.device("meta"):
        assert dr.Dropout(0.999).p.item() == 0.999


@pytest.mark.parametrize("p", [0.25, torch.tensor(0.25), numpy.float32(0.25)])
def test_p_can_be_set(p):
    layer = dr.Dropout()
    layer.p = p
    assert layer.p.dtype == torch.float64 and layer.p.item() == 0.25
    assert list(dict(layer.named_buffers())) == ["p"]
    assert layer.state_dict() == {}
    assert repr(layer) == "Dropout(p=0.25)"


def test_two_modules_made_from_one_tensor_do_not_share_it():
    p = torch.tensor(0.5)
    layer = dr.Dropout(p)
    p.fill_(0.0)
    assert layer.p == 0.5


def test_under_vmap_each_model_has_its_own_p_and_mask():
    ps = torch.tensor([0.0, 0.5, 0.5, 1.0])
    out = vmap(
        lambda p: functional_call(dr.Dropout(), {"p": p}, torch.ones(2000)),
        randomness="different",
    )(ps)
    shares = (out == 0).double().mean(1)
    assert shares[0] == 0 and shares[3] == 1
    assert (shares[1:3] - 0.5).abs().max() < 4.5 * 0.5 / math.sqrt(2000)
    assert not torch.equal(out[1], out[2])
    assert set(out[1].tolist()) == {0.0, 2.0}


def test_fit_many_trains_a_grid_of_p_to_the_closed_form():
    X = torch.randn(100, 3, generator=generator(0, "X"), dtype=torch.float64)
    y = X @ torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)

    def make_model(p):
        return nn.Sequential(
            dr.Dropout(p),
            nn.Linear(3, 1, bias=False, dtype=torch.float64),
            nn.Flatten(0),
        )

    runs = fit_many(
        make_model,
        (X, y),
        loss=F.mse_loss,
        rule=sgd,
        seeds=range(10),
        epochs=300,
        batch_size=None,
        grid={"p": [0.0, 0.2, 0.5]},
        lr=0.1,
        schedule=lambda t: 1 / (1 + t / 20),
    )
    found = runs.params["1.weight"].squeeze(2).mean(0)
    for i, p in enumerate((0.0, 0.2, 0.5)):
        assert (found[i] - dr.dropout_ridge(X, y, p)).norm() < 0.03 + 1e-9
    assert (found[0] - found[2]).norm() > 0.5
    assert torch.equal(
        runs.buffers["0.p"][0],
        torch.tensor([0.0, 0.2, 0.5], dtype=torch.float64),
    )
    assert torch.equal(runs.predict(X)[0, 2], runs.predict(X)[0, 2])


# Dropout and ridge ------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5])
def test_the_expected_error_is_the_mean_over_all_masks(p):
    X = torch.randn(2, 7, 4, generator=generator(0, "X"), dtype=torch.float64)
    y, w = (
        torch.randn(2, 7, dtype=torch.float64),
        torch.randn(2, 4, dtype=torch.float64),
    )
    total = 0.0
    for mask in itertools.product([0.0, 1.0], repeat=4):
        kept = torch.tensor(mask, dtype=torch.float64)
        weight = ((1 - p) * kept + p * (1 - kept)).prod()
        total += weight * (
            y - ((X * kept / (1 - p)) @ w.unsqueeze(-1)).squeeze(-1)
        ).square().mean(-1)
    torch.testing.assert_close(
        dr.expected_squared_error(X, y, w, p), total, rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_the_closed_form_has_zero_slope_and_every_step_away_costs(p):
    X = torch.randn(3, 20, 5, generator=generator(0, "X"), dtype=torch.float64)
    y = torch.randn(3, 20, generator=generator(0, "y"), dtype=torch.float64)
    w = dr.dropout_ridge(X, y, p).requires_grad_()
    error = dr.expected_squared_error(X, y, w, p)
    (slope,) = torch.autograd.grad(error.sum(), w)
    assert slope.abs().max() < 1e-12
    away = dr.expected_squared_error(
        X, y, w + 0.01 * torch.randn(3, 5, dtype=torch.float64), p
    )
    assert (away > error).all()
    torch.testing.assert_close(
        dr.dropout_ridge(X[1], y[1], p), w[1].detach(), rtol=1e-12, atol=1e-14
    )


def test_the_closed_form_is_scikit_learns_ridge_for_columns_of_one_size():
    from sklearn.linear_model import Ridge

    X = torch.randn(30, 4, generator=generator(0, "X"), dtype=torch.float64)
    X /= X.square().mean(0).sqrt()
    y = torch.randn(30, generator=generator(0, "y"), dtype=torch.float64)
    theirs = (
        Ridge(alpha=30 * 0.2 / 0.8, fit_intercept=False)
        .fit(X.numpy(), y.numpy())
        .coef_
    )
    torch.testing.assert_close(
        dr.dropout_ridge(X, y, 0.2),
        torch.from_numpy(theirs),
        rtol=1e-9,
        atol=1e-12,
    )


@pytest.mark.parametrize(
    "call",
    [
        dr.dropout_ridge,
        lambda X, y, p: dr.expected_squared_error(X, y, X[0], p),
    ],
)
def test_regression_input_is_checked(call):
    X, y = torch.ones(3, 2), torch.ones(3)
    with pytest.raises(ValueError, match=r"p must be in \[0, 1\), got 1"):
        call(X, y, 1.0)
    with pytest.raises(ValueError, match="X must be"):
        call(X, torch.ones(3, 1), 0.5)
    with pytest.raises(ValueError, match="finite"):
        call(X * math.nan, y, 0.5)
    with pytest.raises(ValueError, match="w must be"):
        dr.expected_squared_error(X, y, torch.ones(3), 0.5)


# Monte-Carlo ------------------------------------------------------------------


@pytest.mark.parametrize("kind", [dr.Dropout, nn.Dropout])
def test_mc_predict_switches_on_dropout_alone_and_restores_the_modes(kind):
    model = nn.Sequential(
        nn.Linear(3, 50), nn.BatchNorm1d(50), kind(0.5), nn.Linear(50, 2)
    ).eval()
    model[0].train()
    modes, running = (
        [m.training for m in model.modules()],
        model[1].running_mean.clone(),
    )
    X = torch.randn(4, 3)
    out = dr.mc_predict(model, X, samples=2000)
    assert out.shape == (2000, 4, 2) and not out.requires_grad
    assert out.std(0).min() > 0
    assert torch.equal(model[1].running_mean, running)
    assert [m.training for m in model.modules()] == modes
    error = (out.mean(0) - model.eval()(X)).abs() / (
        out.std(0) / math.sqrt(2000)
    )  # linear after the mask
    assert error.max() < 4.5


def test_mc_predict_repeats_itself_and_leaves_the_global_state_alone():
    model, X = (
        nn.Sequential(nn.Linear(3, 50), dr.Dropout(0.5)),
        torch.randn(4, 3),
    )
    state = torch.get_rng_state()
    a, b, c = (
        dr.mc_predict(model, X, samples=3, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert not torch.equal(a[0], a[1])
    assert dr.mc_predict(model, X, samples=1).shape == (1, 4, 50)


def test_mc_predict_restores_the_modes_after_an_error():
    model = nn.Sequential(nn.Linear(3, 5), dr.Dropout(0.5)).eval()
    with pytest.raises(RuntimeError):
        dr.mc_predict(model, torch.ones(2, 7))
    assert not any(m.training for m in model.modules())


def test_mc_predict_refuses_what_it_cannot_sample():
    with pytest.raises(
        ValueError, match="must have a dropout layer, got Linear"
    ):
        dr.mc_predict(nn.Linear(2, 2), torch.ones(1, 2))
    with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
        dr.mc_predict(dr.Dropout(), torch.ones(1, 2), samples=0)
    for samples in (2.0, True, "2"):
        with pytest.raises(TypeError, match="samples must be an int"):
            dr.mc_predict(dr.Dropout(), torch.ones(1, 2), samples=samples)
    with pytest.raises(TypeError, match=r"X must be a torch\.Tensor, got list"):
        dr.mc_predict(dr.Dropout(), [[1.0, 2.0]])


def test_entropy_agrees_with_scipy_and_mutual_information_is_its_gap():
    q = torch.randn(
        6, 5, 4, generator=generator(0, "q"), dtype=torch.float64
    ).softmax(-1)
    torch.testing.assert_close(
        dr.entropy(q),
        torch.from_numpy(stats.entropy(q.numpy(), axis=-1)),
        rtol=1e-12,
        atol=0,
    )
    kl = (
        (q * (q / q.mean(0)).log()).sum(-1).mean(0)
    )  # the same number as a mean divergence from the mean
    torch.testing.assert_close(
        dr.mutual_information(q), kl, rtol=1e-10, atol=1e-14
    )
    assert dr.mutual_information(q[:1].expand(3, 5, 4)).abs().max() < 1e-14
    with pytest.raises(TypeError, match="probabilities must be"):
        dr.entropy([0.5, 0.5])


# Exercises --------------------------------------------------------------------


def right(x, u, p, training):
    return torch.where(u < p, 0.0, x / (1 - p)) if training else x


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda x, u, p, training: ..., "returns nothing"),
        (right, "✓ Right"),
        (
            lambda x, u, p, training: x * (u >= p) if training else x,
            "survivors must grow",
        ),
        (
            lambda x, u, p, training: x * (u >= p) / (1 - p),
            "without training nothing",
        ),
        (
            lambda x, u, p, training: (
                x * (u >= p) / (1 - p) if training else x * (1 - p)
            ),
            "must not scale",
        ),
        (
            lambda x, u, p, training: x * (u >= p) if training else x * (1 - p),
            "inverted dropout rescales in training",
        ),
        (
            lambda x, u, p, training: x * (u < p) / (1 - p) if training else x,
            "keep an entry where",
        ),
        (
            lambda x, u, p, training: x * (u >= p) * (1 - p) if training else x,
            "not by 1 − p",
        ),
        (
            lambda x, u, p, training: x * (u >= p) / p if training else x,
            "not by p",
        ),
    ],
)
def test_check_dropout_names_the_mistake(attempt, words, capsys):
    assert bool(dr.check_dropout(attempt)) == (attempt is right)
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda logits: ..., "returns nothing"),
        (lambda logits: F.softmax(logits, dim=2).mean(dim=0), "✓ Right"),
        (lambda logits: logits.mean(0).softmax(-1), "not the logits"),
        (lambda logits: logits.softmax(0).mean(0), "last dimension"),
        (lambda logits: logits.softmax(-1).mean(1), "first dimension"),
        (lambda logits: logits.softmax(-1).sum(0), "not a sum"),
        (lambda logits: logits[0].softmax(-1), "one mask"),
    ],
)
def test_check_mc_mean_names_the_mistake(attempt, words, capsys):
    assert bool(dr.check_mc_mean(attempt)) == ("Right" in words)
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [
        (dr.check_survivor, ..., "in place of the dots"),
        (dr.check_survivor, 4, "✓ Right"),
        (dr.check_survivor, 3, "2.25, not 3"),
        (dr.check_survivor, 2.25, "do not multiply"),
        (dr.check_survivor, 12, "not by p"),
        (dr.check_survivor, 0.75, "multiplies by p"),
        (dr.check_ridge_strength, ..., "in place of the dots"),
        (dr.check_ridge_strength, 1 / 4, "✓ Right"),
        (dr.check_ridge_strength, 0.2, "not p"),
        (dr.check_ridge_strength, 0.16, "without the rescaling"),
        (dr.check_ridge_strength, 1.25, "the variance is 1 less"),
        (dr.check_ridge_strength, 4, "upside down"),
    ],
)
def test_numbers_worked_out_by_hand(check, answer, words, capsys):
    assert bool(check(answer)) == ("Right" in words)
    assert words in capsys.readouterr().out
