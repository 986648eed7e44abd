"""Augmentation: geometry against torch, statistics of the draws, noise against
ridge; bad input; wrong answers.
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from companion import augmentation as aug
from companion.optimizers import sgd
from companion.training import fit_many
from companion.weight_decay import ridge

PIXELS = st.integers(-9, 9)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(*shape, seed=0, dtype=torch.float64):
    return torch.rand(*shape, generator=seeded(seed), dtype=dtype)


RANDOM = {
    "shift": lambda x, g: aug.random_shift(x, 2, g),
    "affine": lambda x, g: aug.random_affine(x, 20, 1.0, 0.2, 0.1, g),
    "noise": lambda x, g: aug.add_noise(x, 0.3, g),
    "cutout": lambda x, g: aug.cutout(x, 3, g),
}

# Geometry ---------------------------------------------------------------------


def by_torch(X, A, t):
    """Transform images with torch's affine_grid and grid_sample, which count
    from −1 to 1.
    """
    size = torch.tensor(X.shape[:0:-1][:2], dtype=X.dtype)  # width, height
    inverse = A.inverse() * size / size.unsqueeze(1)
    theta = torch.cat(
        [inverse, -inverse @ (2 * t / size).unsqueeze(-1)], dim=-1
    )
    grid = F.affine_grid(theta, (len(X), 1, *X.shape[1:]), align_corners=False)
    return F.grid_sample(X.unsqueeze(1), grid, align_corners=False).squeeze(1)


@pytest.mark.parametrize(
    "shape", [(40, 8, 8), (40, 5, 9), (40, 9, 4), (40, 1, 6)]
)
def test_affine_equals_torch(shape):
    X, chance = images(*shape), seeded(1)
    A = torch.eye(2, dtype=torch.float64) + 0.3 * torch.randn(
        40, 2, 2, generator=chance, dtype=torch.float64
    )
    t = 2 * torch.randn(40, 2, generator=chance, dtype=torch.float64)
    torch.testing.assert_close(
        aug.affine(X, A, t[:, 0], t[:, 1]),
        by_torch(X, A, t),
        rtol=1e-10,
        atol=1e-10,
    )


@given(PIXELS, PIXELS)
def test_whole_shifts_copy_pixels_exactly(right, down):
    X = images(2, 6, 7)
    padded = F.pad(X, (9, 9, 9, 9))
    assert torch.equal(
        aug.shift(X, right, down),
        padded[:, 9 - down : 15 - down, 9 - right : 16 - right],
    )


def test_half_a_pixel_is_the_mean_of_two():
    X = images(3, 4, 5)
    left = F.pad(X, (1, 0))[..., :-1]
    torch.testing.assert_close(aug.shift(X, right=0.5), (X + left) / 2)


@pytest.mark.parametrize("quarters", range(-3, 5))
def test_quarter_turns_equal_rot90(quarters):
    X = images(3, 6, 6)
    torch.testing.assert_close(
        aug.rotate(X, 90 * quarters), torch.rot90(X, quarters, dims=(-2, -1))
    )


def test_shift_and_rotate_are_affine_transforms():
    X, identity = images(3, 5, 6), torch.eye(2, dtype=torch.float64)
    torch.testing.assert_close(
        aug.affine(X, identity, 0.3, -1.2), aug.shift(X, 0.3, -1.2)
    )
    torch.testing.assert_close(aug.affine(X, -identity), aug.rotate(X, 180))
    torch.testing.assert_close(aug.rotate(X, 180), X.flip(-1, -2))


@pytest.mark.parametrize("kind", [np.float32, np.int64, np.float64])
def test_a_number_of_numpy_is_a_number(kind):
    X = images(2, 6, 5)
    torch.testing.assert_close(aug.shift(X, kind(1)), aug.shift(X, 1))
    torch.testing.assert_close(aug.rotate(X, kind(90)), aug.rotate(X, 90))


def test_one_number_per_image_equals_one_image_at_a_time():
    X, angle, right = (
        images(4, 3, 6, 5),
        torch.tensor([10.0, -20.0, 30.0, 170.0]),
        torch.tensor([0, 1, -2, 3]),
    )
    for batch, alone in (
        (
            aug.rotate(X, angle),
            [aug.rotate(x, a.item()) for x, a in zip(X, angle, strict=True)],
        ),
        (
            aug.shift(X, right, 2 * right),
            [
                aug.shift(x, r.item(), 2 * r.item())
                for x, r in zip(X, right, strict=True)
            ],
        ),
    ):
        torch.testing.assert_close(batch, torch.stack(alone))


def test_nan_is_passed_on():
    X = images(3, 4, 5)
    angle = torch.tensor([0.0, math.nan, 0.0])
    for changed in (aug.shift(X, right=angle), aug.rotate(X, angle)):
        assert changed[1].isnan().all()
        torch.testing.assert_close(changed[[0, 2]], X[[0, 2]])
    assert (
        aug.affine(X, torch.zeros(2, 2, dtype=X.dtype)).isnan().any()
    )  # no inverse, so no place to come from
    assert (
        aug.rotate(X, math.nan).isnan().all()
        and aug.shift(X, down=math.nan).isnan().all()
    )


def test_gradients_of_the_lookup():
    X = images(2, 3, 4).requires_grad_()
    rows, columns = (
        2 * images(2, 3, 4, seed=1) + 0.01,
        3 * images(2, 3, 4, seed=2) + 0.01,
    )
    assert torch.autograd.gradcheck(
        aug.warp, (X, rows.requires_grad_(), columns.requires_grad_())
    )


# Chance -----------------------------------------------------------------------


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_follow_the_generator_and_keep_shape_and_type(name, dtype):
    for shape in ((6, 7), (5, 6, 7), (5, 3, 6, 7)):
        X = images(*shape, dtype=dtype)
        first, again, other = (RANDOM[name](X, seeded(s)) for s in (3, 3, 4))
        assert first.shape == X.shape and first.dtype == dtype
        assert torch.equal(first, again) and (
            X.ndim == 2 or not torch.equal(first, other)
        )


@pytest.mark.parametrize("name", RANDOM)
def test_each_image_of_a_batch_has_its_own_draw(name):
    changed = RANDOM[name](images(1, 8, 8).expand(40, 8, 8), seeded())
    assert len({tuple(x.flatten().tolist()) for x in changed}) > 10


@pytest.mark.parametrize("name", ["shift", "affine", "cutout"])
def test_channels_of_an_image_move_together(name):
    X = images(5, 1, 6, 6).expand(5, 3, 6, 6)
    changed = RANDOM[name](X, seeded())
    assert torch.equal(changed[:, 0], changed[:, 2])


def test_all_shifts_are_equally_likely():
    dot = torch.zeros(9000, 5, 5)
    dot[:, 2, 2] = 1
    share = aug.random_shift(dot, 1, seeded()).mean(0)
    five_deviations = 5 * math.sqrt(1 / 9 * 8 / 9 / 9000)
    torch.testing.assert_close(
        share[1:4, 1:4], torch.full((3, 3), 1 / 9), rtol=0, atol=five_deviations
    )
    assert share.sum().item() == pytest.approx(1)


@pytest.mark.parametrize(
    "limits", [{"degrees": 25}, {"scale": 0.2}, {"shear": 0.3}, {"pixels": 1.5}]
)
def test_random_affine_stays_within_each_limit_and_reaches_it(
    limits, monkeypatch
):
    seen = {}
    monkeypatch.setattr(
        aug,
        "affine",
        lambda X, matrix, right, down: (
            seen.update(A=matrix, t=torch.stack([right, down])) or X
        ),
    )
    aug.random_affine(images(4000, 3, 3), generator=seeded(), **limits)
    A, t = seen["A"], seen["t"]
    got = {
        "degrees": (
            torch.atan2(A[:, 0, 1], A[:, 0, 0]).rad2deg()
            if "degrees" in limits
            else torch.zeros(1)
        ),
        "scale": torch.linalg.det(A).log() / 2,
        "shear": A[:, 0, 1] if "shear" in limits else torch.zeros(1),
        "pixels": t,
    }
    for name, values in got.items():
        limit = limits.get(name, 0.0)
        limit = math.log1p(limit) if name == "scale" else limit
        assert values.abs().max() <= limit + 1e-9
        assert values.max() >= 0.98 * limit and values.min() <= -0.98 * limit


def test_a_random_affine_transform_shears_before_it_turns(monkeypatch):
    seen = []
    monkeypatch.setattr(
        aug, "affine", lambda X, matrix, right, down: seen.append(matrix) or X
    )
    aug.random_affine(
        images(200, 3, 3), degrees=40, shear=0.3, generator=seeded()
    )
    A = seen[0]
    cos, sin = A[:, 0, 0], -A[:, 1, 0]
    torch.testing.assert_close(cos**2 + sin**2, torch.ones_like(cos))
    turned_back = (
        torch.stack([cos, -sin, sin, cos], dim=-1).unflatten(-1, (2, 2)) @ A
    )
    assert (
        turned_back[:, 1, 0].abs().max() < 1e-12
        and (turned_back[:, 1, 1] - 1).abs().max() < 1e-12
    )
    assert 0.29 < turned_back[:, 0, 1].abs().max() <= 0.3 + 1e-12


def test_nothing_allowed_changes_nothing():
    X = images(4, 6, 6)
    for same in (
        aug.shift(X),
        aug.random_shift(X, 0),
        aug.random_affine(X),
        aug.add_noise(X, 0.0),
        aug.cutout(X, 0),
    ):
        torch.testing.assert_close(same, X)


def test_noise_has_the_mean_and_deviation_it_should():
    noise = aug.add_noise(torch.zeros(40_000), 0.7, seeded())
    assert abs(noise.mean()) < 5 * 0.7 / 200 and abs(
        noise.std() - 0.7
    ) < 5 * 0.7 / math.sqrt(80_000)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 20])
def test_cutout_blanks_one_square(size):
    X = torch.ones(400, 9, 9)
    rows, columns = (
        (aug.cutout(X, size, seeded()) == 0).any(dim) for dim in (2, 1)
    )
    blanked = (aug.cutout(X, size, seeded()) == 0).sum((1, 2))
    assert torch.equal(blanked, rows.sum(1) * columns.sum(1))  # a rectangle
    assert (
        blanked.max() == min(size, 9) ** 2
        and blanked.min() >= min((size + 1) // 2, 9) ** 2
    )
    assert (
        rows.float().mean(0).min() > 0 and columns.float().mean(0).min() > 0
    )  # every pixel can be hit


# Mixup ------------------------------------------------------------------------


def test_mixup_blends_inputs_and_labels_alike():
    y = torch.arange(300) % 7
    X, shares = aug.mixup(
        F.one_hot(y, 7).double().unsqueeze(-1), y, 0.8, 7, seeded()
    )
    torch.testing.assert_close(X.squeeze(-1), shares)
    assert (shares.count_nonzero(1) <= 2).all() and (
        shares.count_nonzero(1) == 2
    ).float().mean() > 0.7


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_the_share_of_mixup_is_beta_distributed(alpha):
    n = 20_000
    X, _ = aug.mixup(
        torch.arange(n, dtype=torch.float64) * 0
        + torch.tensor([0.0, 1.0]).repeat(n // 2),
        *labels(n, alpha),
    )
    mixed = X[
        (X > 0) & (X < 1)
    ]  # pairs of a 0 and a 1: the share of one of them
    variance = 1 / (4 * (2 * alpha + 1))
    assert abs(mixed.mean() - 0.5) < 5 * math.sqrt(variance / len(mixed))
    assert mixed.var().item() == pytest.approx(variance, rel=0.1)


def labels(n, alpha):
    return torch.arange(n) % 2, alpha, 2, seeded()


def test_mixup_follows_its_generator_and_trains_with_cross_entropy():
    X, y = images(20, 3), torch.arange(20) % 4
    first, again, other = (
        aug.mixup(X, y, 1.0, 4, seeded(s)) for s in (0, 0, 1)
    )
    assert (
        torch.equal(first[0], again[0])
        and torch.equal(first[1], again[1])
        and not torch.equal(first[0], other[0])
    )
    assert F.cross_entropy(
        first[0] @ torch.ones(3, 4).double(), first[1]
    ).item() == pytest.approx(math.log(4))
    assert (
        aug.mixup(X, torch.full((20,), 3), 1.0, 4)[1][:, 3].eq(1).all()
    )  # one class stays that class


# Training ---------------------------------------------------------------------


def test_augment_transforms_while_training_only():
    layer, x = aug.Augment(lambda x: x + 1), torch.zeros(3)
    assert torch.equal(layer.train()(x), x + 1) and torch.equal(
        layer.eval()(x), x
    )


@pytest.mark.parametrize("name", RANDOM)
def test_augment_draws_per_model_and_per_image_in_fit_many(name):
    seen = []

    def record(x):
        changed = RANDOM[name](x, None)
        seen.append(changed)
        return changed

    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(
                aug.Augment(record), nn.Flatten(), nn.Linear(36, 2)
            )

        def forward(self, x):
            return self.layers(x)

    X, y = (
        images(1, 6, 6, dtype=torch.float32).expand(20, 6, 6),
        torch.zeros(20, dtype=torch.int64),
    )
    runs = fit_many(
        Watched,
        (X, y),
        loss=F.cross_entropy,
        rule=sgd,
        seeds=range(2),
        epochs=1,
        batch_size=None,
        lr=0.1,
    )
    changed = torch._C._functorch.get_unwrapped(seen[0])
    assert changed.shape == (2, 20, 6, 6) and not torch.equal(
        changed[0], changed[1]
    )
    assert len({tuple(x.flatten().tolist()) for x in changed[0]}) > 5
    assert torch.equal(
        runs.predict(X), runs.predict(X)
    )  # evaluation mode: no chance left


def test_the_average_over_views_is_a_mean_of_probabilities():
    layer = nn.Linear(12, 4, dtype=torch.float64)
    views = [lambda x: x, lambda x: aug.shift(x, 1), lambda x: x.flip(-1)]

    def model(x):
        return layer(x.flatten(-2))

    X = images(5, 3, 4)
    found = aug.average_views(model, X, views)
    wanted = sum(F.softmax(model(view(X)), dim=-1) for view in views) / 3
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.sum(-1), torch.ones_like(found[:, 0]))
    alone = aug.average_views(model, X, views[:1])
    torch.testing.assert_close(alone, model(X).softmax(-1))


def test_many_noisy_copies_tend_to_ridge():
    X = torch.randn(3, 30, 5, generator=seeded(), dtype=torch.float64)
    y = X.sum(-1) + torch.randn(3, 30, generator=seeded(1), dtype=torch.float64)
    goal = ridge(X, y, 0.7**2)
    few, many = (
        (aug.noisy_least_squares(X, y, 0.7, copies, seeded(2)) - goal).norm()
        / goal.norm()
        for copies in (30, 3000)
    )
    assert many < 0.01 and few > 3 * many
    torch.testing.assert_close(
        aug.noisy_least_squares(X, y, 0.0, 4), ridge(X, y, 0.0)
    )


def test_noisy_least_squares_equals_the_long_table():
    X, y = images(20, 3), images(20, seed=1)
    chance = seeded(5)
    table = torch.cat([aug.add_noise(X, 0.4, chance) for _ in range(6)])
    expected = torch.linalg.lstsq(
        table, y.repeat(6).unsqueeze(1)
    ).solution.squeeze(1)
    torch.testing.assert_close(
        aug.noisy_least_squares(X, y, 0.4, 6, seeded(5)), expected
    )


# Bad input --------------------------------------------------------------------

IMAGE, LABELS = torch.ones(4, 6, 6), torch.tensor([0, 1, 2, 0])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: aug.shift([[1.0]], 1),
            TypeError,
            "X must be a tensor of floating-point numbers, got list",
        ),
        (lambda: aug.shift(IMAGE.long(), 1), TypeError, "got torch.int64"),
        (
            lambda: aug.shift(torch.ones(4), 1),
            ValueError,
            r"X must be images .* got shape \(4,\)",
        ),
        (
            lambda: aug.shift(IMAGE, "1"),
            TypeError,
            "right must be a number or a tensor, got str",
        ),
        (
            lambda: aug.shift(IMAGE, down=torch.ones(3)),
            ValueError,
            r"down must be one number, or one per image; got \(3,\)",
        ),
        (
            lambda: aug.shift(IMAGE[0], torch.ones(6)),
            ValueError,
            "right must be one number",
        ),
        (
            lambda: aug.rotate([[1.0]], 1),
            TypeError,
            "X must be a tensor of floating-point numbers, got list",
        ),
        (
            lambda: aug.rotate(IMAGE, torch.ones(3)),
            ValueError,
            "angle must be one number",
        ),
        (
            lambda: aug.affine(IMAGE, torch.ones(3, 2, 2)),
            ValueError,
            r"^matrix must be \(2, 2\), or one per image; got \(3, 2, 2\) for",
        ),
        (
            lambda: aug.affine(IMAGE, [[1, 0], [0, 1]]),
            TypeError,
            "matrix must be a tensor",
        ),
        (
            lambda: aug.random_shift(IMAGE, 1.5),
            TypeError,
            "pixels must be an int, got float",
        ),
        (
            lambda: aug.random_shift(IMAGE, -1),
            ValueError,
            "pixels must be at least 0, got -1",
        ),
        (
            lambda: aug.random_affine(IMAGE, 200),
            ValueError,
            r"degrees must be in \[0, 180\], got 200",
        ),
        (
            lambda: aug.random_affine(IMAGE, scale=-0.1),
            ValueError,
            "scale must be finite and at least 0, got -0.1",
        ),
        (
            lambda: aug.random_affine(IMAGE, shear=math.inf),
            ValueError,
            "shear must be finite",
        ),
        (
            lambda: aug.random_affine(IMAGE, pixels=True),
            TypeError,
            "pixels must be a number, got bool",
        ),
        (
            lambda: aug.add_noise(IMAGE, -1.0),
            ValueError,
            "std must be finite and at least 0, got -1.0",
        ),
        (
            lambda: aug.add_noise(LABELS, 1.0),
            TypeError,
            "X must be a tensor of floating-point numbers",
        ),
        (
            lambda: aug.cutout(IMAGE, 2.0),
            TypeError,
            "size must be an int, got float",
        ),
        (
            lambda: aug.mixup(IMAGE, LABELS[:3], 1.0, 3),
            ValueError,
            "X has 4 rows and y has 3",
        ),
        (
            lambda: aug.mixup(IMAGE, LABELS, 1.0, 2),
            ValueError,
            "y must be int64 classes .* below 2",
        ),
        (
            lambda: aug.mixup(IMAGE, LABELS.double(), 1.0, 3),
            ValueError,
            "y must be int64 classes",
        ),
        (
            lambda: aug.mixup(IMAGE, LABELS, 0.0, 3),
            ValueError,
            "alpha must be finite and at least 0.001, got 0.0",
        ),
        (
            lambda: aug.mixup(IMAGE * math.nan, LABELS, 1.0, 3),
            ValueError,
            "X must be finite",
        ),
        (
            lambda: aug.Augment(3),
            TypeError,
            "transform must be a function of a batch, got int",
        ),
        (
            lambda: aug.average_views(lambda x: x, IMAGE, []),
            ValueError,
            "views must be transforms, at least one; got none",
        ),
        (
            lambda: aug.noisy_least_squares(IMAGE, LABELS.float(), 1.0, 2),
            ValueError,
            "X must be",
        ),
        (
            lambda: aug.noisy_least_squares(IMAGE[0], IMAGE[0, 0], 1.0, 0),
            ValueError,
            "copies must be at least 1, got 0",
        ),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


# Exercises --------------------------------------------------------------------


def shift_right(image, k):
    moved = torch.zeros_like(image)
    moved[:, k:] = image[:, : max(image.shape[1] - k, 0)]
    return moved


def blend(a, b, lam):
    return lam * a + (1 - lam) * b


ANSWERS = [
    (aug.check_shift_right, lambda image, k: None, 0, "write its body"),
    (aug.check_shift_right, shift_right, 1, "agrees"),
    (
        aug.check_shift_right,
        lambda i, k: F.pad(i[:, : i.shape[1] - k], (k, 0)),
        0,
        "expected a tensor of shape (4, 5)",
    ),
    (
        aug.check_shift_right,
        lambda i, k: i.roll(k, 1),
        0,
        "comes back in on the left",
    ),
    (aug.check_shift_right, lambda i, k: aug.shift(i, -k), 0, "to the left"),
    (aug.check_shift_right, lambda i, k: aug.shift(i, down=k), 0, "moves down"),
    (
        aug.check_shift_right,
        lambda i, k: F.pad(i, (k, 0)),
        0,
        "keeps its width",
    ),
    (aug.check_shift_right, lambda i, k: i, 0, "unmoved"),
    (aug.check_mixup, lambda a, b, c, d, lam: None, 0, "write its body"),
    (
        aug.check_mixup,
        lambda a, b, c, d, lam: (blend(a, b, lam), blend(c, d, lam)),
        1,
        "agrees",
    ),
    (
        aug.check_mixup,
        lambda a, b, c, d, lam: (blend(a, b, lam), c),
        0,
        "yours keeps the first",
    ),
    (
        aug.check_mixup,
        lambda a, b, c, d, lam: (blend(a, b, lam), c if lam > 0.5 else d),
        0,
        "not chosen",
    ),
    (
        aug.check_mixup,
        lambda a, b, c, d, lam: (blend(a, b, lam), blend(d, c, lam)),
        0,
        "the same share",
    ),
    (
        aug.check_mixup,
        lambda a, b, c, d, lam: (blend(b, a, lam), blend(d, c, lam)),
        0,
        "share of the first",
    ),
    (
        aug.check_mixup,
        lambda a, b, c, d, lam: (a, blend(c, d, lam)),
        0,
        "inputs are blended too",
    ),
    (
        aug.check_mixup,
        lambda a, b, c, d, lam: ((a + b) / 2, (c + d) / 2),
        0,
        "not one half",
    ),
    (aug.check_noise_strength, ..., 0, "in place of the dots"),
    (aug.check_noise_strength, 0.25, 1, "0.25"),
    (aug.check_noise_strength, 0.5, 0, "variance"),
    (aug.check_noise_strength, 0.125, 0, "cancels"),
    (aug.check_noise_strength, 0.0, 0, "its square is not"),
    (aug.check_noise_strength, 4.0, 0, "inverse"),
]


@pytest.mark.parametrize(("check", "answer", "right", "words"), ANSWERS)
def test_exercises_name_the_mistake(check, answer, right, words, capsys):
    assert check(answer) == right
    assert words in capsys.readouterr().out
