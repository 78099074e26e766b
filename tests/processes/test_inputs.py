"""Inputs are refused with their name, what was wrong and what is allowed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.grids import BBox
from processes.errors import InvalidInputsError
from processes.inputs import DownscaleSmapInputs, ReconstructSifInputs
from processes.validation import MOST_PROBLEMS, read_inputs

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
BOWTIE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}


def test_defaults_are_those_of_the_description() -> None:
    """A request that names only its months gets every default."""
    inputs = read_inputs(DownscaleSmapInputs, {"datetime": "2020-05"})
    assert (inputs.algorithm, inputs.sif, inputs.analysis) == ("rf", "with", "blend")
    assert inputs.publish
    assert inputs.uncertainty
    assert not inputs.retrain
    assert inputs.region is inputs.bbox is inputs.geometry is inputs.features is None


def test_a_bbox_may_be_four_numbers_or_an_ogc_object() -> None:
    """Both ways of writing a bounding box give the same."""
    plain = {"datetime": "2020-05", "bbox": [1, 2, 3, 4]}
    crs = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    qualified = {"datetime": "2020-05", "bbox": {"bbox": [1, 2, 3, 4], "crs": crs}}
    for values in (plain, qualified):
        assert read_inputs(ReconstructSifInputs, values).bbox == BBox(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, r"datetime: it is required"),
        ({"datetime": 202005}, r"datetime: 202005 is not a text"),
        ({"datetime": "2020-05/2020-01"}, r"datetime: .* ends before it starts"),
        ({"datetime": "2020-05", "bbox": [170, 0, -170, 5]}, r"bbox: .* crosses the antimeridian"),
        ({"datetime": "2020-05", "bbox": [1, 5, 2, 4]}, r"bbox: .* inside out"),
        ({"datetime": "2020-05", "bbox": [1, 2, 3]}, r"bbox: .* not four finite numbers"),
        ({"datetime": "2020-05", "bbox": "1,2,3,4"}, r"bbox: .* not a list of numbers"),
        ({"datetime": "2020-05", "bbox": [1, 2, 3, 95]}, r"bbox: .* beyond the grid"),
        (
            {"datetime": "2020-05", "bbox": {"bbox": [1, 2, 3, 4], "crs": "EPSG:32650"}},
            r"bbox: the crs 'EPSG:32650'.*CRS84",
        ),
        ({"datetime": "2020-05", "geometry": BOWTIE}, r"geometry: .* crosses itself"),
        ({"datetime": "2020-05", "geometry": {"type": "Point"}}, r"geometry: it is no polygon"),
        (
            {"datetime": "2020-05", "geometry": SQUARE, "bbox": [0, 0, 1, 1]},
            r"geometry: a bbox is given as well",
        ),
        ({"datetime": "2020-05", "colour": "red"}, r"colour: there is no such input.*algorithm"),
        ({"datetime": "2020-05", "algorithm": "lstm"}, r"algorithm: 'lstm'; allowed: 'rf'"),
        ({"datetime": "2020-05", "retrain": "yes"}, r"retrain: 'yes'; allowed: true or false"),
        ({"datetime": "2020-05", "region": "../etc"}, r"region: '../etc'"),
        ({"datetime": "2020-05", "model": "a", "retrain": True}, r"model: a stored model is given"),
        ({"datetime": "2020-05", "tuning_seconds": -1}, r"tuning_seconds: -1"),
        ({"datetime": "2020-05", "model": "a", "tuning_seconds": 9}, r"tuning_seconds: a stored"),
        ({"datetime": "2020-05", "features": ["sif"]}, r"features: 'sif' is not chosen here"),
        ({"datetime": "2020-05", "features": ["ndvi", "ndvi"]}, r"named twice"),
        ({"datetime": "2020-05", "analysis": "best"}, r"analysis: 'best'.*'blend'"),
        ([1, 2], r"inputs: \[1, 2\]; allowed: a JSON object"),
    ],
)
def test_bad_inputs_are_refused_by_name(values: object, message: str) -> None:
    """Each bad input gives one error that names it and what is allowed."""
    with pytest.raises(InvalidInputsError, match=message):
        read_inputs(DownscaleSmapInputs, values)


def test_all_problems_are_told_at_once() -> None:
    """A request with two mistakes hears of both."""
    with pytest.raises(InvalidInputsError) as caught:
        read_inputs(ReconstructSifInputs, {"datetime": "x", "bbox": [1, 2, 3]})
    assert {problem.field for problem in caught.value.problems} == {"datetime", "bbox"}


@pytest.mark.parametrize(
    "values",
    [
        {f"unknown{number}": 0 for number in range(50_000)},
        {f"unknown{number}": None for number in range(50_000)},
        {"bbox": ["x"] * 200_000},
        {"x" * 1_000_000: 0},
    ],
    ids=["unknown", "null", "array", "name"],
)
def test_a_refusal_is_short(values: dict[str, object]) -> None:
    """However much is wrong, some of it is told, and how much more there is."""
    with pytest.raises(InvalidInputsError) as refused:
        read_inputs(ReconstructSifInputs, {"datetime": "2020-05"} | values)
    assert len(refused.value.problems) <= MOST_PROBLEMS + 1
    assert len(str(refused.value)) < 10_000


def test_a_refusal_says_how_much_it_leaves_out() -> None:
    """Who sees twenty problems knows of the others."""
    values = {"datetime": "2020-05"} | {f"unknown{number}": 0 for number in range(25)}
    with pytest.raises(InvalidInputsError, match=r"inputs: 5 more problems"):
        read_inputs(ReconstructSifInputs, values)


def test_reconstruct_sif_has_no_features() -> None:
    """An input of the other process is unknown here."""
    with pytest.raises(InvalidInputsError, match="features: there is no such input"):
        read_inputs(ReconstructSifInputs, {"datetime": "2020-05", "features": ["ndvi"]})


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
json_values = (
    scalars | st.lists(scalars, max_size=4) | st.dictionaries(st.text(max_size=4), scalars)
)


@given(st.sampled_from(sorted(DownscaleSmapInputs.model_fields)), json_values)
def test_no_json_at_all_breaks_the_validation(name: str, value: object) -> None:
    """Whatever a client sends, it is read or refused in our words."""
    with suppress(InvalidInputsError):
        read_inputs(DownscaleSmapInputs, {"datetime": "2020-05"} | {name: value})
