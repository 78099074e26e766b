"""What a request comes to, checked against the archive before anything costly is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from engine.archive import Archive, soil_moisture_months
from engine.errors import InputError, MissingDataError
from engine.feature_sources import sif_products
from engine.feature_store import FeatureStore
from engine.features import FEATURES
from engine.models.store import ModelStore
from engine.predictors import predictor_path
from engine.products import decode
from processes.bounds import Bounds
from processes.cutout import asked_region, check_extent
from processes.definitions import RECONSTRUCT_SIF
from processes.named_model import named_card

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from engine.features import Feature
    from engine.granules import Granule
    from engine.models.candidates import Kind
    from engine.months import Month
    from engine.region import Region
    from processes.inputs import DownscaleSmapInputs, ReconstructionInputs
    from processes.settings import Settings

SIF = "sif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A request whose region, months, features and area are known to be there."""

    process_id: str
    """The process."""
    store: FeatureStore
    """Features of the region."""
    months: tuple[Month, ...]
    """Months to map."""
    training: tuple[Month, ...]
    """Months to train on, where a model must be trained."""
    sif_training: tuple[Month, ...]
    """Months to train the SIF model on, where one must be trained; empty without SIF."""
    features: tuple[str, ...]
    """Features of soil moisture besides SIF; empty for SIF itself."""
    with_sif: bool
    """Whether SIF is a feature, or the target."""
    omissions: Mapping[str, str]
    """What is left out, and why."""

    @property
    def region(self) -> Region:
        """Where models are trained and applied; its box covers the area asked for."""
        return self.store.region


def make_plan(process_id: str, inputs: ReconstructionInputs, settings: Settings) -> Plan:
    """Check a request against regions and archive.

    Raises
    ------
    InputError
        Where an input names what is not there.
    MissingDataError
        Where the archive lacks a product, a month or the area.
    """
    check_extent(inputs, settings)
    region = asked_region(inputs, settings)
    store = feature_store(settings, region)
    archive = store.archive
    _check_mark(archive, region)
    names, with_sif, omissions = _predictors(process_id, inputs, store, settings)
    coverage = _coverage(store, names, with_sif=with_sif, target=process_id)
    _check_own(store, names)
    months, training = _months(inputs, coverage)
    Bounds.of(settings).check_months(len(months))
    sif_training = _months(inputs, _sif_coverage(archive))[1] if with_sif else ()
    _check_area(store, names, with_sif=with_sif, target=process_id, month=months[0])
    return Plan(
        process_id=process_id,
        store=store,
        months=months,
        training=training,
        sif_training=sif_training,
        features=names,
        with_sif=with_sif,
        omissions=omissions,
    )


def feature_store(settings: Settings, region: Region) -> FeatureStore:
    """Return the features of a region, made within the memory that settings give."""
    archive, folder = open_archive(settings), settings.feature_folder
    return FeatureStore(archive, region, folder, memory=int(settings.memory))


def open_archive(settings: Settings) -> Archive:
    """Return the archive, or raise InputError where there is none."""
    folder = settings.archive_folder
    if not folder.is_dir():
        allowed = "the folder of the granules; unless it is set, 'archive' below VADOSE_DATA"
        raise InputError("VADOSE_ARCHIVE", f"there is no folder {folder.name!r}", allowed)
    return Archive(folder)


def _check_mark(archive: Archive, region: Region) -> None:
    """Refuse to map a synthetic archive as a real region, and the other way round."""
    if archive.synthetic != region.synthetic:
        kind = "synthetic" if archive.synthetic else "real"
        raise InputError(
            "region",
            f"{region.name!r} is {'' if region.synthetic else 'not '}synthetic, the archive is "
            f"{kind}",
            f"a region that is {kind}",
        )


type _Predictors = tuple[tuple[str, ...], bool, Mapping[str, str]]
"""Features besides SIF, whether SIF is among them (or the target), and what is left out."""


def _predictors(
    process_id: str, inputs: ReconstructionInputs, store: FeatureStore, settings: Settings
) -> _Predictors:
    kind: Kind = "sif" if process_id == RECONSTRUCT_SIF.id else "soil-moisture"
    card = named_card(ModelStore(settings.model_folder), inputs, kind, store)
    if process_id == RECONSTRUCT_SIF.id:
        if not store.region.sif:
            allowed = "a region with sif: true"
            raise InputError("region", f"{store.region.name!r} has no fluorescence", allowed)
        return (), True, {}
    if card is not None:
        names = tuple(name for name in card.feature_names if name != SIF)
        return names, SIF in card.feature_names, card.omissions
    return _asked_predictors(cast("DownscaleSmapInputs", inputs), store)


def _asked_predictors(inputs: DownscaleSmapInputs, store: FeatureStore) -> _Predictors:
    standard = _standard_features(store)
    names = _chosen(inputs.features, standard, store)
    omissions = {name: "left out by the request" for name in standard if name not in names}
    omissions |= {name: why for name, why in store.lacking.items() if name not in names}
    if inputs.sif == "without":
        return names, False, omissions | {SIF: "left out by the request"}
    if store.region.sif:
        return names, True, omissions
    if "sif" in inputs.model_fields_set:
        raise InputError("sif", f"region {store.region.name!r} has none", "without")
    return names, False, omissions | {SIF: f"region {store.region.name} has no fluorescence"}


def _standard_features(store: FeatureStore) -> tuple[str, ...]:
    """Return what a request uses unless it says otherwise."""
    return tuple(name for name in store.standard if name != SIF)


def _chosen(
    asked: Sequence[str] | None, standard: tuple[str, ...], store: FeatureStore
) -> tuple[str, ...]:
    if asked is None:
        return standard
    known = [name for name in store.features if name != SIF]
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise InputError("features", ", ".join(unknown), ", ".join(store.available(known) or known))
    # In the standard order, so that the same set is the same model.
    return tuple(name for name in known if name in asked)


type Coverage = Mapping[str, Sequence[Month]]
"""Months of every product with months that a request needs."""


def _coverage(
    store: FeatureStore, names: Iterable[str], *, with_sif: bool, target: str
) -> Coverage:
    """Return the months of every product that is needed, or say which one is lacking."""
    archive, region = store.archive, store.region
    coverage: dict[str, Sequence[Month]] = {}
    if target != RECONSTRUCT_SIF.id:
        source = region.soil_moisture
        name = source if isinstance(source, str) else source.product
        coverage[name] = soil_moisture_months(archive, source)
        if not coverage[name]:
            raise MissingDataError(name, region.title, "any month of soil moisture")
    for product, features in _products(store, names, with_sif=with_sif).items():
        if not archive.has(product):
            there = ", ".join(one for one in store.available() if one != SIF) or "nothing"
            use = f"it is needed for {', '.join(features)}; there is enough for {there}"
            raise MissingDataError(product, region.title, f"granules in the archive; {use}")
    if with_sif:
        coverage |= _sif_coverage(archive)
    for name in names:
        months = store.months(name)
        if months is not None:
            product = store.products(name)[0]
            before = coverage.get(product, months)
            coverage[product] = tuple(sorted(set(months) & set(before)))
    return coverage


def _check_own(store: FeatureStore, names: Iterable[str]) -> None:
    """Ask for the files of the region's own predictors that are the same in every month."""
    wanted = set(names)
    for predictor in store.region.predictors:
        if not predictor.monthly and wanted.intersection(predictor.features):
            predictor_path(predictor, store.archive.root, None)


def _sif_coverage(archive: Archive) -> Coverage:
    return {product: archive.months(product) for product in sif_products(archive)}


def _products(
    store: FeatureStore, names: Iterable[str], *, with_sif: bool
) -> Mapping[str, Sequence[str]]:
    """Return the known products that are needed, and the features that need them."""
    needed: dict[str, list[str]] = {}
    if with_sif:
        needed |= {product: [SIF] for product in sif_products(store.archive)}
    for feature in _standard(store, names):
        for product in store.products(feature.name):
            needed.setdefault(product, []).append(feature.name)
    return needed


def _standard(store: FeatureStore, names: Iterable[str]) -> list[Feature]:
    """Return those of some features that are not the region's own."""
    known = [FEATURES[name] for name in names if name in FEATURES]
    return [feature for feature in known if store.features[feature.name] is feature]


def _months(
    inputs: ReconstructionInputs, coverage: Coverage
) -> tuple[tuple[Month, ...], tuple[Month, ...]]:
    """Return the months to map and the months to train on."""
    common = tuple(sorted(set.intersection(*(set(months) for months in coverage.values()))))
    wanted = inputs.datetime.within(common, "datetime")
    _check_months(wanted, coverage)
    if inputs.training is None:
        return wanted, common
    training = inputs.training.within(common, "training")
    _check_months(training, coverage)
    return wanted, training


def _check_months(wanted: Iterable[Month], coverage: Coverage) -> None:
    for month in wanted:
        for product, months in coverage.items():
            if month not in months:
                raise MissingDataError(product, str(month), f"any file; {_count(months)}")


def _count(months: Sequence[Month]) -> str:
    if not months:
        return "the archive has none of any month"
    return f"the archive has {len(months)} months, {months[0]} to {months[-1]}"


def _check_area(
    store: FeatureStore, names: Iterable[str], *, with_sif: bool, target: str, month: Month
) -> None:
    """Ask one granule of every tile whether it touches the area."""
    products = dict(_products(store, names, with_sif=with_sif))
    if target != RECONSTRUCT_SIF.id and isinstance(store.region.soil_moisture, str):
        products = {store.region.soil_moisture: ["soil moisture"], **products}
    for product, features in products.items():
        granules = [g for g in store.granules(month, features) if g.product == product]
        granules = granules or list(store.archive.granules(product, month.period))
        # A cut-out of SMAP may hold nothing else.
        variables = ["soil_moisture"] if product == store.region.soil_moisture else None
        if not any(decode(one, store.area, variables) for one in _one_of_each_tile(granules)):
            box = ", ".join(f"{value:g}" for value in store.region.bbox)
            looked_for = f"a granule that touches the area {box}"
            raise MissingDataError(product, str(month), looked_for)


def _one_of_each_tile(granules: Iterable[Granule]) -> Iterable[Granule]:
    return {granule.tile: granule for granule in granules}.values()
