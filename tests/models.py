"""Evaluates the models of the live explorers in a browser, for the tests that
hold them equal to the companion: `test_model_<explorer>.py`. They need no site.
"""

import pytest
import test_site
import torch
from test_site import ROOT, Visit, served

browser = test_site.browser


@pytest.fixture(scope="module")
def compute(browser):
    """Return a function that evaluates a model in the browser."""
    with (
        served(ROOT / "book") as root,
        Visit(browser, root + "explorers/kit.js") as visit,
    ):

        def call(module, function, *calls):
            return visit.page.evaluate(
                """async ([module, name, calls]) => {
                const { model } = await import(`/explorers/${module}.js`);
                const plain = (x) => ArrayBuffer.isView(x) ? [...x]
                    : Array.isArray(x) ? x.map(plain) : x;
                return calls.map((each) => plain(model[name](...each)));
            }""",
                [module, function, [list(each) for each in calls]],
            )

        yield call


def assert_close(found, wanted):
    """Compare to a billionth."""
    torch.testing.assert_close(
        torch.as_tensor(found, dtype=torch.float64),
        torch.as_tensor(wanted, dtype=torch.float64),
        rtol=1e-9,
        atol=1e-9,
    )
