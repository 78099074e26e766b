"""From stored to physical numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import GranuleError
from engine.grids import COARSE
from engine.products.physical import Said, field_of, is_blank, number_of, text_of
from engine.products.spec import BitRule, Quality, VariableSpec

PATH = Path("granule.hdf")
BOX = COARSE[0:1, 0:4]
LST = VariableSpec(
    name="lst", units="K", scale=0.02, fill=(0,), valid=(7500, 65535), source_units=("K",)
)


def test_fill_and_range_are_judged_before_scaling():
    """Stored numbers are masked, and only the others are scaled."""
    stored = np.array([[0, 7499, 7500, 15000]], np.uint16)
    field = field_of(PATH, LST, Said(units="K", scale=0.02), stored, geobox=BOX)
    np.testing.assert_allclose(field.values, [[np.nan, np.nan, 150.0, 300.0]], rtol=1e-7)
    assert field.weight.tolist() == [[0, 0, 1, 1]]
    assert field.units == "K"


def test_the_files_own_fill_value_is_masked_as_well():
    """A file may have another fill value than the product."""
    stored = np.array([[8000, 9000, 10000, 0]], np.uint16)
    field = field_of(PATH, LST, Said(fill=(9000.0,)), stored, geobox=BOX)
    assert np.isnan(field.values).tolist() == [[False, True, False, True]]


def test_quality_weighs_and_masks():
    """Half-trusted pixels keep their value at half weight, bad ones lose it."""
    quality = Quality(source="QC", rules=(BitRule(bits=(0, 7), weights={0: 1, 1: 0.5}),))
    spec = LST.model_copy(update={"quality": quality})
    stored = np.full((1, 4), 15000, np.uint16)
    flags = np.array([[0, 1, 2, 255]], np.uint8)
    field = field_of(PATH, spec, Said(), stored, geobox=BOX, quality=flags)
    assert field.weight.tolist() == [[1, 0.5, 0, 0]]
    assert np.isfinite(field.values).tolist() == [[True, True, False, False]]


@pytest.mark.parametrize("marks", [np.uint8, np.uint16, None])
@pytest.mark.parametrize("kind", ["i1", "u1", "<i2", ">i2", "<u2", ">u2"])
def test_numbers_by_table_are_those_one_by_one(kind, marks):
    """Integers of 8 and 16 bits, of either byte order, give what wider ones give."""
    rng = np.random.default_rng(7)
    box = COARSE[0:20, 0:49]
    span = np.iinfo(kind)
    stored = rng.integers(span.min, span.max, (40, 50), endpoint=True).astype(kind)[::2, 1:]
    flags = None if marks is None else rng.integers(0, 256, stored.shape).astype(marks)
    rule = BitRule(bits=(2, 3), weights={0: 1, 2: 0.5})
    quality = None if marks is None else Quality(source="QC", rules=(rule,))
    spec = VariableSpec(
        name="et", units="1", scale=0.1, fill=(3,), valid=(span.min * 0.7, span.max * 0.8)
    )
    spec = spec.model_copy(update={"quality": quality, "valid_of": "stored"})
    few = field_of(PATH, spec, Said(fill=(7.0,)), stored, geobox=box, quality=flags)
    wide = field_of(PATH, spec, Said(fill=(7.0,)), stored.astype(int), geobox=box, quality=flags)
    assert 0 < np.isfinite(few.values).mean() < 1
    np.testing.assert_array_equal(few.values, wide.values)
    np.testing.assert_array_equal(few.weight, wide.weight)


def test_a_file_may_mean_divide_by_its_scale_factor():
    """MOD13's scale_factor of 10000 divides where a spec says so."""
    spec = VariableSpec(name="ndvi", units="1", scale=0.0001, scale_attribute="divide")
    stored = np.array([[5000, 1, 0, -2000]], np.int16)
    field = field_of(PATH, spec, Said(scale=10000.0), stored, geobox=BOX)
    np.testing.assert_allclose(field.values, [[0.5, 0.0001, 0, -0.2]], rtol=1e-6)


@pytest.mark.parametrize("said", [Said(scale=50.0), Said(scale=10000.0), Said(scale=0.2)])
def test_a_scale_that_contradicts_the_product_is_refused(said):
    """An inverted or wrong scale factor is an error, not a map of 750,000 K."""
    with pytest.raises(GranuleError, match=rf"granule.hdf: lst has scale_factor {said.scale}"):
        field_of(PATH, LST, said, np.full((1, 4), 15000, np.uint16), geobox=BOX)


def test_an_offset_that_contradicts_the_product_is_refused():
    """So is an offset."""
    spec = LST.model_copy(update={"offset": 0.0})
    with pytest.raises(GranuleError, match=r"add_offset 0.49; expected 0.0"):
        field_of(PATH, spec, Said(offset=0.49), np.full((1, 4), 15000, np.uint16), geobox=BOX)


def test_units_that_contradict_the_product_are_refused():
    """A file in degrees Celsius is not read as kelvin."""
    with pytest.raises(GranuleError, match=r"lst has units 'degC'; expected 'K'"):
        field_of(PATH, LST, Said(units="degC"), np.zeros((1, 4), np.uint16), geobox=BOX)


def test_scale_and_offset_of_the_file_serve_where_the_product_fixes_none():
    """A spec without scale takes the file's, and judges physical values."""
    spec = VariableSpec(name="sif", units="1", valid=(-0.5, 5), valid_of="physical")
    stored = np.array([[0, 100, 1000, 32767]], np.int16)
    field = field_of(PATH, spec, Said(scale=0.01, offset=-0.1, fill=(0.0,)), stored, geobox=BOX)
    np.testing.assert_allclose(field.values, [[np.nan, 0.9, np.nan, np.nan]], rtol=1e-6)


def test_an_extreme_float_fill_is_masked():
    """The least float32, written as a double by GDAL, is recognised; NaN is missing anyway."""
    spec = VariableSpec(name="rain", units="mm day-1")
    stored = np.array([[np.finfo(np.float32).min, np.nan, 0, 3]], np.float32)
    said = Said(fill=(-3.3999999521443642e38, float(np.finfo(np.float32).min), 1e300, np.nan))
    field = field_of(PATH, spec, said, stored, geobox=BOX)
    np.testing.assert_array_equal(field.values, [[np.nan, np.nan, 0, 3]])


def test_limits_are_rounded_like_the_file():
    """A float32 of 0.9, which exceeds the double 0.9, is still within 0 to 0.9."""
    spec = VariableSpec(name="soil_moisture", units="m3 m-3", valid=(0, 0.9))
    stored = np.array([[0.9, 0.91, 0, -0.1]], np.float32)
    field = field_of(PATH, spec, Said(), stored, geobox=BOX)
    assert field.weight.tolist() == [[1, 0, 1, 0]]


def test_blank_means_that_nothing_is_valid():
    """Fill and invalid numbers alone make a blank."""
    assert is_blank(np.array([[0, 100]], np.uint16), LST, Said())
    assert not is_blank(np.array([[0, 10000]], np.uint16), LST, Said())


@given(st.integers(7500, 65535))
def test_every_valid_number_is_scaled_exactly(number):
    """The physical value is the stored number times the scale, to float32."""
    stored = np.full((1, 4), number, np.uint16)
    field = field_of(PATH, LST, Said(), stored, geobox=BOX)
    np.testing.assert_allclose(field.values, number * 0.02, rtol=2e-7)
    assert field.values.dtype == np.float32


@pytest.mark.parametrize(
    ("value", "text", "number"),
    [
        (b"K ", "K", None),
        (np.array([b"m3 m-3"]), "m3 m-3", None),
        (np.array([-9999.0], np.float32), "-9999.0", -9999.0),
        (3, "3", 3.0),
        (None, None, None),
        (np.array([]), None, None),
    ],
)
def test_attributes_are_read_however_they_are_stored(value, text, number):
    """Bytes, arrays of one and plain values are the same."""
    assert text_of(value) == text
    assert number_of(value) == number
