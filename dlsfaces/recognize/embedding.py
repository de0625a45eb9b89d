"""Running a trained network over many faces."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.data import to_float
from dlsfaces.recognize.backbones import Backbone


@torch.no_grad()
def features_of(model: Backbone, images: Tensor, *, mirror: bool = False, batch_size: int = 256) -> Tensor:
    """Raw features, float32 ``(N, embedding_dim)`` on the CPU, of images ``(N, 3, H, W)``, uint8 or float in [0, 1].

    The network is in evaluation mode. ``mirror`` averages each image's features with its mirror image's.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    parts = []
    for chunk in images.split(batch_size):
        batch = to_float(chunk.to(device))
        features = model.features(batch).float()
        if mirror:
            features = (features + model.features(batch.flip(3)).float()) / 2
        parts.append(features.cpu())
    model.train(was_training)
    return torch.cat(parts) if parts else torch.empty(0, model.embedding_dim)


def embed(model: Backbone, images: Tensor, *, mirror: bool = False, batch_size: int = 256) -> Tensor:
    """L2-normalised :func:`features_of`: ``(N, embedding_dim)``."""
    return F.normalize(features_of(model, images, mirror=mirror, batch_size=batch_size), dim=1)
