"""Identity of series and maps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.grids import BBox
from engine.months import Month
from stac.series import SYNTHETIC_SUFFIX, Series, Source, check_honest
from stac.testing import toy_provenance, toy_series

SETTINGS = st.dictionaries(
    st.sampled_from(["analysis", "sif", "trees"]),
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
)


def test_item_ids_are_product_region_month() -> None:
    """The id is the one that DESIGN promises, in lower case and without separators of paths."""
    assert toy_series("henan").item_id(Month(2020, 5)) == "soil-moisture-henan-2020-05"


@given(SETTINGS)
def test_the_order_of_settings_does_not_matter(settings: dict[str, object]) -> None:
    """A series is what it is made with, not how somebody wrote it down."""
    turned = dict(reversed(settings.items()))
    assert toy_series(settings=settings).digest == toy_series(settings=turned).digest


@pytest.mark.parametrize(
    "changes",
    [
        {"product": "sif"},
        {"region": "other-synthetic"},
        {"model_id": "rf-ffff"},
        {"settings": {"analysis": "none"}},
        {"window": BBox(113, 34, 114, 35)},
    ],
)
def test_whatever_changes_values_changes_the_series(changes: dict[str, object]) -> None:
    """Product, region, model, settings and window each make another series."""
    other = replace(toy_series(), **changes)  # type: ignore[arg-type]
    assert other.digest != toy_series().digest
    assert other.own_collection.endswith(f"--{other.digest}")


@pytest.mark.parametrize("region", ["Henan", "he nan", "../henan", "a--b", "", "a:b", "-a"])
def test_a_region_that_is_no_slug_is_refused(region: str) -> None:
    """Region names become parts of ids and of paths."""
    with pytest.raises(InputError, match="region"):
        toy_series(region)


def test_an_unknown_product_has_no_series() -> None:
    """The mistake shows when the series is made, not when it is published."""
    with pytest.raises(InputError, match="product"):
        Series(product="rain", region="henan", model_id="m")


@pytest.mark.parametrize(("region", "synthetic"), [("henan", True), ("toy-synthetic", False)])
def test_a_name_that_hides_what_is_synthetic_is_refused(region: str, *, synthetic: bool) -> None:
    """The region's name and the archive's mark must agree."""
    with pytest.raises(InputError, match=SYNTHETIC_SUFFIX):
        check_honest(toy_series(region), toy_provenance(synthetic=synthetic))


def test_the_inputs_digest_sees_every_file_and_no_order() -> None:
    """Another file, size or checksum is another digest; another order is not."""
    origin = toy_provenance()
    turned = replace(origin, sources=origin.sources[::-1])
    more = replace(origin, sources=(*origin.sources, Source(product="SRTM", name="a", size=1)))
    assert turned.inputs_digest == origin.inputs_digest
    assert more.inputs_digest != origin.inputs_digest
    assert origin.counts() == {"CHIRPS": 1, "SPL4SMGP": 2}
