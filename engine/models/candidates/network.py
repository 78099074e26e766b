"""Neural networks: multilayer perceptrons that stop early on blocks they have not seen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import Field

from engine.models.candidates.base import Fitted, Sample, Settings
from engine.models.candidates.preparation import Preparation
from engine.models.graphs.network import network_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.neural_network import MLPRegressor

    from engine.models.graphs.graph import Graph
    from engine.models.graphs.network import Layer

    type Layers = tuple[Layer, ...]


class NeuralNetworks(Settings):
    """Networks with rectified hidden layers, each stopped by another fold of blocks; their mean.

    Every block stops one network and teaches the others, so none is lost. Missing values become
    the median of the rows learnt from.
    """

    algorithm: Literal["dnn"] = "dnn"
    layers: tuple[int, ...] = Field(
        default=(128, 64, 32), min_length=1, max_length=8, description="Sizes of hidden layers."
    )
    networks: int = Field(default=4, ge=1, le=20, description="Networks that are averaged.")
    networks_in_folds: int = Field(
        default=3, ge=1, le=20, description="Networks of each cross-validation fold's model."
    )
    learning_rate: float = Field(default=1e-3, gt=0, le=1, description="Of Adam.")
    batch: int = Field(default=512, ge=1, description="Rows of a step.")
    decay: float = Field(default=1e-4, ge=0, description="Penalty on squared weights.")
    most_epochs: int = Field(default=60, ge=1, description="Times that all rows are shown at most.")
    patience: int = Field(
        default=6, ge=1, description="Epochs without gain on the held-out fold before it stops."
    )
    memory: float = Field(
        default=0.7,
        ge=0,
        lt=1,
        description="Share of the past in the running mean of the weights that is kept.",
    )

    def in_folds(self) -> Self:
        """Return the settings with fewer networks and rows."""
        return super().in_folds().model_copy(update={"networks": self.networks_in_folds})

    def learn(self, sample: Sample, *, threads: int, seed: int) -> Fitted:
        """Train the networks, some at once."""
        preparation = Preparation.learnt(sample)
        prepared = Sample(
            values=preparation.inputs(sample.values),
            truth=preparation.target(sample.truth).astype(np.float32),
            folds=sample.folds,
        )
        with ThreadPoolExecutor(max_workers=threads) as pool:
            numbers = range(self.networks)
            networks = tuple(pool.map(lambda one: self._trained(prepared, one, seed), numbers))
        return FittedNetworks(preparation=preparation, networks=networks)

    def _trained(self, sample: Sample, number: int, seed: int) -> Layers:
        """Train until a fold has gained nothing for a while; return the best weights."""
        shown, held_out = sample.hold_out(number, seed)
        network = self._network(len(shown), np.random.RandomState((seed + number) % 2**32))
        mean: Layers = ()
        best, least, since = mean, np.inf, 0
        for _ in range(self.most_epochs):
            network.partial_fit(shown.values, shown.truth)
            mean = _mixed(mean, _layers_of(network), self.memory)
            error = float(np.mean((_forward(mean, held_out.values) - held_out.truth) ** 2))
            if error < least:
                best, least, since = mean, error, 0
            elif (since := since + 1) == self.patience:
                break
        return best

    def _network(self, rows: int, random: np.random.RandomState) -> MLPRegressor:
        from sklearn.neural_network import MLPRegressor  # noqa: PLC0415 - prediction does without

        return MLPRegressor(
            hidden_layer_sizes=self.layers,
            alpha=self.decay,
            learning_rate_init=self.learning_rate,
            batch_size=min(self.batch, rows),
            random_state=random,
        )

    def _size(self) -> str:
        sizes = "-".join(map(str, self.layers))
        return f"{self.networks} networks of {sizes}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedNetworks(Fitted):
    """Fitted networks, which predict their mean."""

    preparation: Preparation
    networks: tuple[Layers, ...]
    """Layers of each network, float32, from standardised inputs to a standardised target."""

    def predicted(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the networks' mean."""
        inputs = self.preparation.inputs(rows)
        outputs = [_forward(layers, inputs).astype(np.float64) for layers in self.networks]
        return self.preparation.restored(np.mean(outputs, axis=0))

    def graph(self, prefix: str = "") -> Graph:
        """Return the networks as matrix products."""
        return network_graph(self.preparation, self.networks, prefix)


def _layers_of(network: MLPRegressor) -> Layers:
    return tuple(zip(network.coefs_, network.intercepts_, strict=True))


def _mixed(past: Layers, present: Layers, memory: float) -> Layers:
    """Return a running mean of weights, which swings less than they do from step to step."""
    if not past:
        return tuple((weights.copy(), offsets.copy()) for weights, offsets in present)
    return tuple(
        (
            (memory * before[0] + (1 - memory) * now[0]).astype(np.float32),
            (memory * before[1] + (1 - memory) * now[1]).astype(np.float32),
        )
        for before, now in zip(past, present, strict=True)
    )


def _forward(layers: Layers, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    *hidden, (last, offset) = layers
    layer: NDArray[np.floating] = inputs
    for weights, offsets in hidden:
        layer = np.maximum(layer @ weights + offsets, 0)
    return np.asarray((layer @ last + offset)[:, 0], dtype=np.float32)
