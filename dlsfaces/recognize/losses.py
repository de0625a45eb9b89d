"""Classification of the training people; like every loss, a module whose class weights are its own parameters."""

from torch import Tensor, nn
from torch.nn import functional as F

from dlsfaces.data import UNKNOWN


class CrossEntropy(nn.Module):
    r"""A linear head and the cross-entropy of its softmax: classification of the training people.

    .. math:: L = -\frac1N \sum_i \log \frac{\exp(w_{y_i}^\top x_i + b_{y_i})}{\sum_j \exp(w_j^\top x_i + b_j)}

    ``label_smoothing`` is the share of the target that is spread over all classes (Szegedy et al. 2016, section 7).
    """

    def __init__(self, embedding_dim: int, n_people: int, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.head = nn.Linear(embedding_dim, n_people)
        self.label_smoothing = label_smoothing

    def logits(self, features: Tensor) -> Tensor:
        """``(N, embedding_dim)`` to ``(N, n_people)``."""
        return self.head(features)

    def forward(self, features: Tensor, identities: Tensor) -> Tensor:
        """Mean loss of features ``(N, embedding_dim)`` with identities ``(N,)`` in ``0..n_people - 1``, or unknown."""
        options = dict(label_smoothing=self.label_smoothing, ignore_index=UNKNOWN)
        return F.cross_entropy(self.logits(features).float(), identities, **options)
