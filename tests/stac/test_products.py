"""Products and providers as data."""

from __future__ import annotations

import pytest

from engine.colours import palette
from engine.errors import InputError
from stac.products import Product, catalog_texts, product, products, providers


def test_the_official_collections_are_the_promised_ones() -> None:
    """Other documents and users' bookmarks name these ids."""
    assert {entry.id: entry.collection for entry in products().values()} == {
        "sif": "sif-1km-monthly",
        "soil-moisture": "soil-moisture-1km-monthly",
    }


@pytest.mark.parametrize("name", sorted(products()))
def test_every_layer_has_colours_of_its_own_unit(name: str) -> None:
    """An amount's palette fits its unit, bits have none; no data asset is called an overview."""
    for layer in product(name).layers.values():
        if layer.palette is None:
            assert layer.data_type == "uint16"
        else:
            assert palette(layer.palette).units == layer.units
        assert "overview" not in layer.roles


def test_an_unknown_product_names_the_known_ones() -> None:
    """The error lists what can be published."""
    with pytest.raises(InputError, match="sif, soil-moisture"):
        product("rain")


def test_the_main_layer_must_exist() -> None:
    """A product file whose main layer is misspelt is refused when it is read."""
    data = product("sif").model_dump()
    with pytest.raises(ValueError, match="not among the layers"):
        Product.model_validate({**data, "main": "siff"})


def test_texts_and_providers_load() -> None:
    """The remaining tables are what their models say."""
    assert catalog_texts().id == "vadose"
    assert "processor" in providers().processor.roles
    assert "SPL4SMGP" in providers().sources
