"""Candidates: algorithms with their settings, which fit themselves to rows."""

from engine.models.candidates.base import Fitted, Kind, Sample, Settings
from engine.models.candidates.boosting import XGBoost
from engine.models.candidates.forest import RandomForest
from engine.models.candidates.kernel import SupportVectors
from engine.models.candidates.network import NeuralNetworks
from engine.models.candidates.shipped import (
    ALGORITHMS,
    AnyCandidate,
    Best,
    Candidate,
    best,
    candidate,
)
from engine.models.candidates.stacking import Stacking

__all__ = [
    "ALGORITHMS",
    "AnyCandidate",
    "Best",
    "Candidate",
    "Fitted",
    "Kind",
    "NeuralNetworks",
    "RandomForest",
    "Sample",
    "Settings",
    "Stacking",
    "SupportVectors",
    "XGBoost",
    "best",
    "candidate",
]
