"""Product specs."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from engine.errors import InputError
from engine.products import ProductSpec, load_specs
from engine.products.decode import DECODERS
from engine.products.spec import BitRule, Quality, spec_of

MINIMAL = {
    "id": "X",
    "title": "x",
    "doi": "10.0/x",
    "licence": "none",
    "citation": "nobody",
    "file_pattern": "x",
    "period": "day",
    "formats": {".tif": "geotiff"},
    "variables": [{"name": "x"}],
    "variable_defaults": {"units": "K"},
}


def test_the_products_of_the_paper_are_known():
    """Every product ships with the variables that the features are made of."""
    names = {spec.id: [v.name for v in spec.variables] for spec in load_specs().values()}
    assert names == {
        "CHIRPS": ["precipitation"],
        "MCD12Q1": ["land_cover"],
        "MCD43A3": ["albedo_bsa", "albedo_wsa"],
        "MCD43A4": ["red", "nir", "blue", "green", "swir_1240", "swir1", "swir2"],
        "MOD11A2": ["lst_day", "lst_night"],
        "MOD15A2H": ["lai", "lai_absence"],
        "MOD16A2": ["evapotranspiration", "evapotranspiration_absence"],
        "MOD16A2GF": ["evapotranspiration", "evapotranspiration_absence"],
        "SPL4SMGP": ["soil_moisture", "soil_temperature"],
        "SRTM": ["elevation"],
        "SoilGrids": ["clay", "sand", "silt"],
        "TROPOSIF": ["sif", "sif_error"],
        "VNP15A2H": ["lai", "lai_absence"],
        "VNP21A2": ["lst_day", "lst_night"],
        "VNP43MA3": ["albedo_bsa", "albedo_wsa"],
        "VNP43MA4": ["red", "nir", "blue", "green", "swir_1240", "swir1", "swir2"],
        "eSIF": ["sif"],
    }


@pytest.mark.parametrize("spec", load_specs().values(), ids=lambda spec: spec.id)
def test_every_format_of_a_spec_has_a_decoder(spec: ProductSpec):
    """A spec names decoders that exist, and says where the product comes from."""
    assert set(spec.formats.values()) <= set(DECODERS)
    assert spec.doi.startswith("10.")
    assert spec.citation
    assert spec.licence


def test_defaults_reach_every_variable():
    """The table ``variable_defaults`` is spread over the variables."""
    assert ProductSpec.model_validate(MINIMAL).variables[0].units == "K"


def test_unknown_keys_are_refused():
    """A typing error in a spec is an error, not a setting without effect."""
    with pytest.raises(ValidationError, match="colour"):
        ProductSpec.model_validate({**MINIMAL, "colour": "red"})


def test_unknown_products_and_variables_are_named():
    """What is asked for and what there is are both said."""
    with pytest.raises(InputError, match=r"'MOD99'.*MOD11A2"):
        spec_of("MOD99")
    with pytest.raises(InputError, match=r"'ndvi'.*lst_day, lst_night"):
        spec_of("MOD11A2").select(["ndvi"])


def test_the_strictest_quality_rule_decides():
    """A number's weight is the least of the weights of its bit fields."""
    quality = Quality(
        source="QC",
        rules=(
            BitRule(bits=(0, 1), weights={0: 1.0, 1: 1.0}),
            BitRule(bits=(6, 7), weights={0: 1.0, 1: 0.5}),
        ),
    )
    table = quality.table
    assert table.shape == (256,)
    assert table[[0b00000000, 0b00000001, 0b01000001, 0b10000001, 0b00000010]].tolist() == [
        1.0,
        1.0,
        0.5,
        0.0,
        0.0,
    ]


def test_lst_quality_follows_the_users_guide():
    """MOD11A2 takes produced pixels with an error of at most 2 K, the worse half at half weight."""
    table = spec_of("MOD11A2").variables[0].quality.table
    numbers = np.arange(256)
    accepted = ((numbers & 3) <= 1) & ((numbers >> 6) <= 1)
    np.testing.assert_array_equal(table > 0, accepted)
    np.testing.assert_array_equal(table[accepted], np.where(numbers[accepted] >> 6, 0.5, 1.0))


def test_reflectance_quality_knows_two_inversions():
    """MCD43A4 takes full inversions fully, magnitude inversions half, and no fill."""
    table = spec_of("MCD43A4").variables[0].quality.table
    assert table[[0, 1, 2, 255]].tolist() == [1.0, 0.5, 0.0, 0.0]


def test_wide_quality_has_a_wide_table():
    """A 16-bit layer such as MOD13's gets a table of 65536 weights."""
    assert Quality(source="QA", rules=(BitRule(bits=(11, 13), weights={1: 1}),)).table.size == 65536
